"""Candle and annotation files as sources for candle-ml."""
