"""`python -m candle_ml` is `candle-ml`."""

from candle_ml.cli import main

main(prog_name="candle-ml")
