"""Activations, each in the forms that its constructor allows."""

import numpy_impl as ours
from parity_tests.cases.layer_case import LayerCase

ACTIVATIONS: tuple[LayerCase, ...] = (LayerCase(ours.ReLU, kinks=(0.0,)),)
