"""Labels and models of whole sequences."""
