"""Imports a package that is not there."""

import package_that_is_nowhere

LOADED = package_that_is_nowhere
