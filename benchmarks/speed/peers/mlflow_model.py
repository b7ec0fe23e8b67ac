"""The same as an MLflow model, saved by `python -m benchmarks.speed.peers.mlflow_model FOLDER`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from benchmarks.speed.peers.patterns import load_model, predicted


class PatternModel(mlflow.pyfunc.PythonModel):
    """Takes a frame of candles and returns a frame of what is said of them."""

    def load_context(self, context: Any) -> None:
        """Load the model."""
        self.model, self.classes = load_model()

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """The candles that have enough others before them."""
        return predicted(self.model, self.classes, model_input, 0.5)


if __name__ == "__main__":
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow.pyfunc.save_model(sys.argv[1], python_model=str(Path(__file__)), pip_requirements=["mlflow"])
else:
    mlflow.models.set_model(PatternModel())
