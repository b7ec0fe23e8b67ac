"""Options of this plugin."""

from pydantic import Field

from candle_ml.components import Options


class MomentumOptions(Options):
    """How far back momentum looks."""

    candles: int = Field(5, ge=1, description="Candles between the two closes.")
