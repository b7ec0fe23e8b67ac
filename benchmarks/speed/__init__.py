"""How fast candle-ml is: each figure a ratio to what else a user could run, or to the bare library calls."""
