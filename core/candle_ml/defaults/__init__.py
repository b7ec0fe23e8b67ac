"""What `candle-ml init` writes."""
