"""candle-ml: learns the patterns a trader marks on candlestick charts."""

__version__ = "0.1.0"
