"""TA-Lib features and programmatic labels for candle-ml."""
