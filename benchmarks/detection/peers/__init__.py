"""What a researcher would reach for instead, each with windows, scales and decoding that suit it.

Runs in an environment of its own and imports nothing of candle-ml: arrays in, spans out. Thresholds are chosen outside,
by one rule for all.
"""
