"""Imports a package that is not there."""

from package_that_is_nowhere import Heavy

__all__ = ["Heavy"]
