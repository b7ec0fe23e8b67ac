"""Options of this plugin."""

from pydantic import Field

from candle_ml.components import Options


class InsideOutsideOptions(Options):
    """How series are cut into windows."""

    window: int = Field(12, ge=2, description="Candles of a window.")
    stride: int = Field(4, ge=1, description="Candles between the ends of two training windows.")


class CentroidOptions(Options):
    """How sharp the choice between classes is."""

    sharpness: float = Field(1.0, gt=0, description="Factor of the squared distance to each centroid.")
