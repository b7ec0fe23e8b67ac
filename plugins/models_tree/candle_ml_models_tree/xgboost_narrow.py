"""A booster on the columns that its trees read, and on no others."""

from __future__ import annotations

import json

import numpy as np
import xgboost
from numpy.typing import NDArray


def parsed(content: bytes) -> xgboost.Booster:
    """The booster of a file.

    One thread: requests run beside each other, and a pool for every small request costs more than it gains.
    """
    booster = xgboost.Booster()
    booster.load_model(bytearray(content))
    booster.set_param({"nthread": 1})
    return booster


def narrowed(content: bytes) -> tuple[xgboost.Booster, NDArray[np.intp]]:
    """The trees of a file, and the columns that a row of theirs consists of.

    XGBoost copies every column of a row before its trees read some of them. The trees say the same bits.
    """
    document = json.loads(parsed(content).save_raw("json"))
    trees = document["learner"]["gradient_booster"]["model"]["trees"]
    read = np.unique(np.concatenate([np.asarray(tree["split_indices"], dtype=np.intp) for tree in trees]))
    for tree in trees:
        tree["split_indices"] = np.searchsorted(read, tree["split_indices"]).tolist()
        tree["tree_param"]["num_feature"] = str(len(read))
    document["learner"]["learner_model_param"]["num_feature"] = str(len(read))
    return parsed(json.dumps(document).encode()), read
