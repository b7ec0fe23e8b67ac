"""Candle files, annotation files and the annotator as sources for candle-ml."""
