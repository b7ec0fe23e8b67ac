"""A second provider of a component name."""
