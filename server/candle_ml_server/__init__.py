"""The inference service of candle-ml."""
