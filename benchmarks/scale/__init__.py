"""How cost grows with candles: features, samples, training and prediction of made series."""
