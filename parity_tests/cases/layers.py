"""Layers, each in the forms that its constructor allows."""

import numpy_impl as ours
from parity_tests.cases.layer_case import ANY, LayerCase
from parity_tests.inputs import BATCH, FEATURES, HIDDEN

_SIZES = {"in_features": FEATURES, "out_features": HIDDEN}

LAYERS: tuple[LayerCase, ...] = (
    LayerCase(
        ours.Linear,
        variants={"default": _SIZES, "no-bias": {**_SIZES, "bias": False}},
        shapes=ANY[:-1],
        terms=FEATURES + HIDDEN + BATCH,
        reason="sums over features, units and the batch",
    ),
)
