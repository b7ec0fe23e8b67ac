"""An answer as the JSON of a predict response, built by columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pydantic_core import to_json

from candle_ml.bundle import BundleInfo
from candle_ml.inference import Answer, Similar, Suggestions
from candle_ml.inference.out_of_fold import Origin
from candle_ml.predictions import PredictedSpan, Prediction


def predict_response(
    info: BundleInfo,
    version: int,
    answer: Answer,
    extras: Collection[str],
    similar: Sequence[Sequence[Similar]] | None = None,
) -> bytes:
    """The UTF-8 JSON of a `PredictResponse`; `similar` are those of each span, None where nobody asked for them."""
    content = _content(info, version, answer, extras)
    if similar is not None:
        spans = [_span(span) for span in answer.spans]
        content["spans"] = [{**span, "similar": _similar(found)} for span, found in zip(spans, similar, strict=True)]
    return to_json(content)


def suggest_response(info: BundleInfo, version: int, found: Suggestions) -> bytes:
    """The UTF-8 JSON of a `SuggestResponse`."""
    return to_json({**_named(info, version), **found.model_dump()})


def out_of_fold_response(info: BundleInfo, version: int, answer: Answer, origin: Origin) -> bytes:
    """The UTF-8 JSON of an `OutOfFoldResponse`."""
    return to_json({**_content(info, version, answer, ()), "origin": origin})


def _content(info: BundleInfo, version: int, answer: Answer, extras: Collection[str]) -> dict[str, object]:
    rows = _rows(answer)
    if "probabilities" in extras:
        for row, probabilities in zip(rows, _probabilities(answer.prediction), strict=True):
            row["probabilities"] = probabilities
    return {
        **_named(info, version),
        "pair": answer.key.pair,
        "timeframe": answer.key.timeframe,
        "spans": [_span(span) for span in answer.spans],
        "candles": rows,
        "required_history": answer.required_history,
        "insufficient_history": answer.insufficient_history,
    }


def _named(info: BundleInfo, version: int) -> dict[str, object]:
    return {"model_name": info.model_name, "model_version": str(version), "run_id": info.run_id}


def _similar(found: Sequence[Similar]) -> list[dict[str, object]]:
    return [one._asdict() for one in found]


def _rows(answer: Answer) -> list[dict[str, object]]:
    prediction = answer.prediction
    columns = (answer.label, answer.confidence, answer.status, prediction.provisional.tolist())
    return [
        {"time": time, "label": label, "confidence": confidence, "status": status, "provisional": provisional}
        for time, label, confidence, status, provisional in zip(prediction.time.tolist(), *columns, strict=True)
    ]


def _probabilities(prediction: Prediction) -> list[dict[str, float] | None]:
    known = prediction.sufficient.tolist()
    return [
        dict(zip(prediction.classes, row, strict=True)) if sufficient else None
        for row, sufficient in zip(prediction.probabilities.tolist(), known, strict=True)
    ]


def _span(span: PredictedSpan) -> dict[str, object]:
    return {
        "label": span.label,
        "start_time": span.start_time,
        "end_time": span.end_time,
        "avg_confidence": span.confidence,
        "candle_count": span.candle_count,
        "known_at": span.known_at,
    }
