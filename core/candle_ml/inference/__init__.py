"""From candles to a prediction: the one path that evaluation, the command line and the service go through."""

from candle_ml.inference.answer import Answer, answer, answer_of, check_timeframes, in_sample
from candle_ml.inference.exemplars import Exemplars, Similar
from candle_ml.inference.loading import LoadedModel, load_model
from candle_ml.inference.out_of_fold import OutOfFold
from candle_ml.inference.predictor import Predictor, Recipe, build_recipe
from candle_ml.inference.receipt import Golden, Receipt, make_golden, replay
from candle_ml.inference.suggestions import Doubt, SimilarSpan, Suggestion, Suggestions

__all__ = [
    "Answer",
    "Doubt",
    "Exemplars",
    "Golden",
    "LoadedModel",
    "OutOfFold",
    "Predictor",
    "Receipt",
    "Recipe",
    "Similar",
    "SimilarSpan",
    "Suggestion",
    "Suggestions",
    "answer",
    "answer_of",
    "build_recipe",
    "check_timeframes",
    "in_sample",
    "load_model",
    "make_golden",
    "replay",
]
