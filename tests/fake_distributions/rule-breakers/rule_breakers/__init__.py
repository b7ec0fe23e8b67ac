"""Plugins that break the rules, one each."""
