"""Tree models for candle-ml."""
