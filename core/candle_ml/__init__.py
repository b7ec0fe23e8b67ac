"""candle-ml: learns the patterns a trader marks on candlestick charts."""
