"""How well patterns are found from few annotations: candle-ml and its peers on charts whose patterns are known."""
