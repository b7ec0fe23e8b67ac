"""What to annotate next, and which annotations to look at again."""

from candle_ml.suggesting.choosing import chosen
from candle_ml.suggesting.reviewing import OutOfFoldClaims, doubts, out_of_fold_claims, review_queue
from candle_ml.suggesting.stretches import Pool, stretches
from candle_ml.suggesting.suggest import Suggested, suggest, suggest_anew, suggested_stretches

__all__ = [
    "OutOfFoldClaims",
    "Pool",
    "Suggested",
    "chosen",
    "doubts",
    "out_of_fold_claims",
    "review_queue",
    "stretches",
    "suggest",
    "suggest_anew",
    "suggested_stretches",
]
