"""What the core relies on in a model trainer and its models."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np

from candle_ml.components import FitContext, Model, ModelTrainerComponent, Options
from candle_ml.scores import UNLABELLED, SampleKind
from candle_ml.testing.examples import ArrayMatrix, example_matrix
from candle_ml.testing.promises import Promise, require, require_same

_CLASSES = ("O", "example_flag", "example_wedge")
_PICKLE_STARTS = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))


class Subject:
    """A trainer for one kind of samples, and a model it has fitted to the example samples."""

    def __init__(self, component: ModelTrainerComponent, options: Options, kind: SampleKind) -> None:
        self.component = component
        self._options = options
        self.train = example_matrix(kind, component.layout)
        self.validation = example_matrix(kind, component.layout, count=80, seed=1)

    @cached_property
    def model(self) -> Model:
        """One model for several checks."""
        return self.fit()

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The files of that model."""
        return files_of(self.model)

    def fit(self, validation: bool = True) -> Model:
        """A model from a fresh trainer."""
        context = FitContext(_CLASSES, seed=7)
        model: Model = self.component.build(self._options).fit(
            self.train, self.validation if validation else None, context
        )
        return model


@contextmanager
def saved(model: Model) -> Iterator[Path]:
    """The folder that a model was saved to."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        yield Path(folder)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def files_of(model: Model) -> dict[str, bytes]:
    """What a model saves."""
    with saved(model) as folder:
        return contents(folder)


def check_knows_its_classes(subject: Subject) -> None:
    """A model's classes are those it was told, in their order."""
    require(subject.model.classes == _CLASSES, f"classes {subject.model.classes!r} instead of {_CLASSES!r}")


def check_gives_probabilities(subject: Subject) -> None:
    """`predict_proba` gives `float64` from 0 to 1, one row a sample (and step), whose classes sum to 1."""
    found = subject.model.predict_proba(subject.validation)
    expected = (*subject.validation.codes.shape, len(_CLASSES))
    require(found.dtype == np.float64, f"{found.dtype}")
    require(found.shape == expected, f"shape {found.shape} instead of {expected}")
    require(bool(((found >= 0) & (found <= 1)).all()), "values outside 0 to 1")
    furthest = float(np.abs(found.sum(axis=-1) - 1).max())
    require(furthest <= 1e-6, f"a row that sums to 1 but for {furthest:.1e}")


def check_learns(subject: Subject) -> None:
    """Classes that two features tell apart are told apart better than by chance, in samples not fitted to."""
    best = subject.model.predict_proba(subject.validation).argmax(axis=-1)
    right = float((best == subject.validation.codes).mean())
    require(right > 0.5, f"{right:.0%} right of three classes that are easy to tell apart")


def check_scores_samples_one_by_one(subject: Subject) -> None:
    """A sample's probabilities do not depend on the samples beside it."""
    whole = subject.model.predict_proba(subject.validation)
    for rows in (slice(0, 1), slice(5, 12)):
        require_same(subject.model.predict_proba(subject.validation.take(rows)), whole[rows], f"rows {rows}")
    none = subject.model.predict_proba(subject.validation.take(slice(0, 0)))
    require(none.shape == (0, *whole.shape[1:]), f"shape {none.shape} for no sample")


def check_scores_features_alone(subject: Subject) -> None:
    """Probabilities hang on the features, not on the `codes` and `weights` of the matrix that is scored."""
    told = subject.validation
    untold = ArrayMatrix(told.values, np.full_like(told.codes, UNLABELLED), np.ones_like(told.weights), told.columns)
    found = subject.model.predict_proba(untold)
    require_same(found, subject.model.predict_proba(told), "probabilities without codes and weights")


def check_needs_no_validation(subject: Subject) -> None:
    """A model can be fitted without validation samples."""
    require(subject.fit(validation=False).classes == _CLASSES, "other classes without validation samples")


def check_is_deterministic(subject: Subject) -> None:
    """The same samples and seed give a model with the same files."""
    require(files_of(subject.fit()) == subject.files, "two fits give different files")


def check_leaves_its_input_alone(subject: Subject) -> None:
    """Samples are read, never written."""
    before = ArrayMatrix(subject.train.values.copy(), subject.train.codes.copy(), subject.train.weights.copy(), ())
    subject.fit().predict_proba(subject.train)
    for name in ("values", "codes", "weights"):
        require_same(getattr(subject.train, name), getattr(before, name), name)


def check_saves_the_same_bytes(subject: Subject) -> None:
    """Saving writes files, and twice the same: no time, path or id is in them."""
    require(bool(subject.files), "no file")
    require(files_of(subject.model) == subject.files, "saved twice, the files differ")


def check_saves_no_pickle(subject: Subject) -> None:
    """No file is a pickle, which could run code when it is loaded."""
    pickles = [name for name, content in subject.files.items() if content.startswith(_PICKLE_STARTS)]
    require(not pickles, f"pickled: {', '.join(pickles)}")


def check_loads_what_it_saved(subject: Subject) -> None:
    """A loaded model gives the same probabilities bit by bit, has the same classes, and saves the same files."""
    with saved(subject.model) as folder:
        loaded: Model = subject.component.load(folder)
        require(loaded.classes == subject.model.classes, f"classes {loaded.classes!r}")
        expected = subject.model.predict_proba(subject.validation)
        require_same(loaded.predict_proba(subject.validation), expected, "probabilities of the loaded model")
        require(files_of(loaded) == subject.files, "the loaded model saves other files")


def check_predicts_from_several_threads(subject: Subject) -> None:
    """Threads that predict at the same time get what one alone gets."""
    expected = subject.model.predict_proba(subject.validation)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(subject.model.predict_proba, [subject.validation] * 12))
    for result in results:
        require_same(result, expected, "probabilities of a thread")


def check_importance_is_a_share(subject: Subject) -> None:
    """`feature_importance` is None, or one share for each column, none negative, that sum to 1."""
    found = subject.model.feature_importance()
    if found is not None:
        require(found.shape == (subject.train.shape[-1],), f"shape {found.shape}")
        require(bool((found >= 0).all()) and abs(float(found.sum()) - 1) <= 1e-6, f"shares {found!r}")


CHECKS: tuple[Promise, ...] = (
    check_knows_its_classes,
    check_gives_probabilities,
    check_learns,
    check_scores_samples_one_by_one,
    check_scores_features_alone,
    check_needs_no_validation,
    check_is_deterministic,
    check_leaves_its_input_alone,
    check_saves_the_same_bytes,
    check_saves_no_pickle,
    check_loads_what_it_saved,
    check_predicts_from_several_threads,
    check_importance_is_a_share,
)
