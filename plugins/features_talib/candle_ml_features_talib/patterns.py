"""TA-Lib's 61 candle patterns: how many candles each one is made of, and the penetration of those that have one.

The length is the pattern's own, as the books draw it: TA-Lib's lookback is longer, because it includes the candles
whose average says what "long" and "short" mean.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern function, its length in candles and its penetration parameter (None: it has none)."""

    function: str
    length: int
    penetration: float | None = None

    @property
    def name(self) -> str:
        """`engulfing` for `CDLENGULFING`."""
        return self.function.removeprefix("CDL").lower()


PATTERNS = (
    Pattern("CDL2CROWS", 3),
    Pattern("CDL3BLACKCROWS", 3),
    Pattern("CDL3INSIDE", 3),
    Pattern("CDL3LINESTRIKE", 4),
    Pattern("CDL3OUTSIDE", 3),
    Pattern("CDL3STARSINSOUTH", 3),
    Pattern("CDL3WHITESOLDIERS", 3),
    Pattern("CDLABANDONEDBABY", 3, penetration=0.3),
    Pattern("CDLADVANCEBLOCK", 3),
    Pattern("CDLBELTHOLD", 1),
    Pattern("CDLBREAKAWAY", 5),
    Pattern("CDLCLOSINGMARUBOZU", 1),
    Pattern("CDLCONCEALBABYSWALL", 4),
    Pattern("CDLCOUNTERATTACK", 2),
    Pattern("CDLDARKCLOUDCOVER", 2, penetration=0.5),
    Pattern("CDLDOJI", 1),
    Pattern("CDLDOJISTAR", 2),
    Pattern("CDLDRAGONFLYDOJI", 1),
    Pattern("CDLENGULFING", 2),
    Pattern("CDLEVENINGDOJISTAR", 3, penetration=0.3),
    Pattern("CDLEVENINGSTAR", 3, penetration=0.3),
    Pattern("CDLGAPSIDESIDEWHITE", 3),
    Pattern("CDLGRAVESTONEDOJI", 1),
    Pattern("CDLHAMMER", 1),
    Pattern("CDLHANGINGMAN", 1),
    Pattern("CDLHARAMI", 2),
    Pattern("CDLHARAMICROSS", 2),
    Pattern("CDLHIGHWAVE", 1),
    Pattern("CDLHIKKAKE", 3),
    Pattern("CDLHIKKAKEMOD", 4),
    Pattern("CDLHOMINGPIGEON", 2),
    Pattern("CDLIDENTICAL3CROWS", 3),
    Pattern("CDLINNECK", 2),
    Pattern("CDLINVERTEDHAMMER", 1),
    Pattern("CDLKICKING", 2),
    Pattern("CDLKICKINGBYLENGTH", 2),
    Pattern("CDLLADDERBOTTOM", 5),
    Pattern("CDLLONGLEGGEDDOJI", 1),
    Pattern("CDLLONGLINE", 1),
    Pattern("CDLMARUBOZU", 1),
    Pattern("CDLMATCHINGLOW", 2),
    Pattern("CDLMATHOLD", 5, penetration=0.5),
    Pattern("CDLMORNINGDOJISTAR", 3, penetration=0.3),
    Pattern("CDLMORNINGSTAR", 3, penetration=0.3),
    Pattern("CDLONNECK", 2),
    Pattern("CDLPIERCING", 2),
    Pattern("CDLRICKSHAWMAN", 1),
    Pattern("CDLRISEFALL3METHODS", 5),
    Pattern("CDLSEPARATINGLINES", 2),
    Pattern("CDLSHOOTINGSTAR", 1),
    Pattern("CDLSHORTLINE", 1),
    Pattern("CDLSPINNINGTOP", 1),
    Pattern("CDLSTALLEDPATTERN", 3),
    Pattern("CDLSTICKSANDWICH", 3),
    Pattern("CDLTAKURI", 1),
    Pattern("CDLTASUKIGAP", 3),
    Pattern("CDLTHRUSTING", 2),
    Pattern("CDLTRISTAR", 3),
    Pattern("CDLUNIQUE3RIVER", 3),
    Pattern("CDLUPSIDEGAP2CROWS", 3),
    Pattern("CDLXSIDEGAP3METHODS", 3),
)

BY_FUNCTION = {pattern.function: pattern for pattern in PATTERNS}
