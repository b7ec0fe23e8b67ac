"""Windowed labels for candle-ml."""
