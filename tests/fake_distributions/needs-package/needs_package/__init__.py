"""A component whose build needs a package that is not there."""
