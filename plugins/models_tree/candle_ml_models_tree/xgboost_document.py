"""The document that an XGBoost model is: its keys and types, and nothing else."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from candle_ml.errors import BundleError

_DECIMAL = r"-?(0|[1-9][0-9]{0,9})(\.[0-9]{1,12})?(E-?[0-9]{1,2})?"
_LONGEST = 1 << 16
_DECIMALS = re.compile(rf"\[{_DECIMAL}(,{_DECIMAL})*\]")


def _array_of(kind: str) -> PlainValidator:
    def check(value: object) -> object:
        if not isinstance(value, np.ndarray) or value.dtype.newbyteorder("=") != np.dtype(kind):
            raise PydanticCustomError("array", "Input should be an array of {kind}", {"kind": kind})
        return value

    return PlainValidator(check)


def _decimals(value: str) -> str:
    if len(value) > _LONGEST or not _DECIMALS.fullmatch(value):
        raise PydanticCustomError("decimals", "Input should be numbers such as [5E-1,1.25]")
    return value


Flags = Annotated[NDArray[np.uint8], _array_of("uint8")]
Nodes = Annotated[NDArray[np.int32], _array_of("int32")]
Offsets = Annotated[NDArray[np.int64], _array_of("int64")]
Numbers = Annotated[NDArray[np.float32], _array_of("float32")]
Count = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,8})$")]
Decimals = Annotated[str, AfterValidator(_decimals)]
Nothing = Annotated[list[int], Field(max_length=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)


class TreeParam(_Part):
    """Sizes of a tree; numbers are decimal text."""

    num_deleted: Literal["0"]
    num_feature: Count
    num_nodes: Count
    size_leaf_vector: Literal["1"]


class Tree(_Part):
    """One tree; its arrays have one entry a node, but for those of categories, which have none."""

    id: int
    tree_param: TreeParam
    base_weights: Numbers
    loss_changes: Numbers
    split_conditions: Numbers
    sum_hessian: Numbers
    left_children: Nodes
    right_children: Nodes
    parents: Nodes
    split_indices: Nodes
    default_left: Flags
    split_type: Flags
    categories: Nodes
    categories_nodes: Nodes
    categories_segments: Offsets
    categories_sizes: Offsets


class Categories(_Part):
    """Categories of the columns, of which there are none."""

    enc: Nothing
    feature_segments: Nodes
    sorted_idx: Nodes


class TreesParam(_Part):
    """Sizes of the ensemble."""

    num_parallel_tree: Literal["1"]
    num_trees: Count


class Trees(_Part):
    """All trees, the class of each, and where each round begins."""

    cats: Categories
    gbtree_model_param: TreesParam
    iteration_indptr: list[int]
    tree_info: list[int]
    trees: list[Tree]


class GradientBooster(_Part):
    """The trees and how they are combined."""

    name: Literal["gbtree"]
    model: Trees


class SoftmaxParam(_Part):
    """The number of classes, again."""

    num_class: Count


class Objective(_Part):
    """What makes probabilities of the sums of leaves."""

    name: Literal["multi:softprob"]
    softmax_multiclass_param: SoftmaxParam


class LearnerParam(_Part):
    """Sizes of the model and what the sums of leaves start from."""

    base_score: Decimals
    boost_from_average: Literal["0", "1"]
    num_class: Count
    num_feature: Count
    num_target: Literal["1"]


class NoAttributes(_Part):
    """Attributes are cut off before a model is saved."""


class Learner(_Part):
    """Everything but the version."""

    attributes: NoAttributes
    feature_names: Nothing
    feature_types: Nothing
    gradient_booster: GradientBooster
    learner_model_param: LearnerParam
    objective: Objective


class Document(_Part):
    """A model as XGBoost 3.1 and later write it."""

    learner: Learner
    version: Annotated[list[Annotated[int, Field(ge=0, le=9999)]], Field(min_length=3, max_length=3)]


def check_document(where: str, value: object) -> Document:
    """The typed form of a document. Raises `BundleError` that names the first key of another type or value."""
    try:
        return Document.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(map(str, first["loc"]))
        raise BundleError.at(f"{where}: {path}", str(first["msg"]), "a model written by candle-ml") from error
