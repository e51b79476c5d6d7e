"""Which of PyTorch's samples cannot be run, and why."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

import numpy_impl as ours
from parity_tests.torch_samples.databases import Sample
from torch_ref import pytorch_class


@dataclass(frozen=True)
class Rule:
    """A reason to leave samples out.

    Attributes
    ----------
    reason : str
        Why they cannot be run.
    applies : callable
        Whether it holds for a sample.
    """

    reason: str
    applies: Callable[[Sample], bool]


def _has_tensor(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return any(map(_has_tensor, value))
    return isinstance(value, torch.Tensor)


def _is_complex(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_is_complex, value))
    return isinstance(value, torch.Tensor) and value.is_complex()


def _has_tuple(value: Any) -> bool:
    if isinstance(value, dict):
        return _has_tuple(value["params"])
    return isinstance(value, tuple) or (isinstance(value, list) and any(map(_has_tuple, value)))


def _is(sample: Sample, *kinds: type) -> bool:
    return issubclass(sample.kind, kinds)


def _is_negative(value: Any) -> bool:
    return isinstance(value, float) and value < 0


def _class_refuses(sample: Sample) -> bool:
    """Whether PyTorch's class refuses options that its function takes."""
    if sample.function is None or sample.state:
        return False
    takes = inspect.signature(pytorch_class(sample.kind)).parameters
    try:
        pytorch_class(sample.kind)(**{n: v for n, v in sample.options.items() if n in takes})
    except (AssertionError, ValueError, RuntimeError):
        return True
    return False


def _is_broadcast(sample: Sample) -> bool:
    """Whether a target of numbers is of another shape than the input."""
    x, target = sample.arguments["input"], sample.arguments["target"]
    return target.is_floating_point() and target.shape != x.shape


def _lacks_classes(sample: Sample) -> bool:
    """Whether labels are not of the shape of the scores without their classes."""
    x, target = sample.arguments["input"], sample.arguments["target"]
    if target.is_floating_point() or not x.is_floating_point():
        return False
    axis = min(1, x.ndim - 1)
    return x.ndim == 0 or target.shape != (*x.shape[:axis], *x.shape[axis + 1 :])


RULES: tuple[Rule, ...] = (
    Rule(
        "complex numbers: ours are real",
        lambda sample: any(map(_is_complex, sample.arguments.values())),
    ),
    Rule(
        "an optimizer's hyperparameter is a tensor: ours are numbers",
        lambda sample: (
            _is(sample, ours.Optimizer) and any(map(_has_tensor, sample.options.values()))
        ),
    ),
    Rule(
        "an optimizer is given names with the parameters: ours know theirs",
        lambda sample: _is(sample, ours.Optimizer) and _has_tuple(sample.arguments.get("params")),
    ),
    Rule(
        "the result is asked for in another precision",
        lambda sample: "dtype" in sample.options,
    ),
    Rule(
        "a random mask: the generators differ",
        lambda sample: (
            _is(sample, ours.Dropout)
            and sample.training is True
            and 0 < sample.options.get("p", 0.5) < 1
            and not sample.refused
        ),
    ),
    Rule(
        "batch normalization of images and volumes is not there, of vectors and sequences it is",
        lambda sample: (
            _is(sample, ours.BatchNorm1d) and sample.arguments["input"].ndim not in (2, 3)
        ),
    ),
    Rule(
        "a negative eps or lambd, which PyTorch takes and ours refuse",
        lambda sample: (
            not sample.refused
            and any(_is_negative(sample.options.get(n)) for n in ("eps", "lambd"))
        ),
    ),
    Rule(
        "PyTorch's function takes options that its class refuses",
        lambda sample: not sample.refused and _class_refuses(sample),
    ),
    Rule(
        "a target that is broadcast, which ours refuse",
        lambda sample: _is(sample, ours.Loss) and not sample.refused and _is_broadcast(sample),
    ),
    Rule(
        "labels of another shape than the scores without their classes",
        lambda sample: _is(sample, ours.Loss) and not sample.refused and _lacks_classes(sample),
    ),
)
"""In this order; the first that applies counts."""


def rule_for(sample: Sample) -> Rule | None:
    """Return the first rule that leaves a sample out, or None if it must run."""
    return next((rule for rule in RULES if rule.applies(sample)), None)
