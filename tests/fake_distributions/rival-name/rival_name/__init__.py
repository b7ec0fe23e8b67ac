"""A second provider of a plugin name."""
