"""Bad arguments raise errors that name them, where PyTorch raises too."""

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from parity_tests.cases.refusal import Refusal
from parity_tests.checks.check import Array, Check
from parity_tests.checks.raising import refused
from torch_ref import twin_class


def refusal_checks(
    operation: Callable[..., Any],
    variants: Mapping[str, Mapping[str, Any]],
    refusals: Sequence[Refusal],
    inputs: tuple[Array, ...],
) -> Iterator[Check]:
    """Yield a check for every refusal of a layer or a loss.

    Parameters
    ----------
    operation : type
        The class.
    variants : mapping
        Its forms; what the first one gives to the constructor stands behind every refusal.
    refusals : sequence of Refusal
        What must be refused.
    inputs : tuple of ndarray
        What it is called with where the refusal has no inputs of its own.
    """
    usual = next(iter(variants.values()))
    for number, refusal in enumerate(refusals):
        name = f"refusal/{operation.__name__}/{refusal.name}-{number}"
        yield Check(name, partial(check_refusal, operation, usual, refusal, inputs))


def check_refusal(
    operation: Callable[..., Any],
    usual: Mapping[str, Any],
    refusal: Refusal,
    inputs: tuple[Array, ...],
) -> None:
    """Ours raises InputError for that argument; PyTorch raises too, unless it is known not to."""
    arguments = {**usual, **refusal.arguments}
    if refusal.inputs is not None:
        inputs = refusal.inputs
    options = {"rng": np.random.default_rng(0)} if takes(operation, "rng") else {}
    refused(refusal.name, lambda: operation(**arguments, **options)(*inputs))
    beside_pytorch(refusal, partial(_call_twin, operation, arguments, inputs))


def beside_pytorch(refusal: Refusal, attempt: Callable[[], object]) -> None:
    """Raise AssertionError unless PyTorch refuses too, or takes it as the refusal says.

    Parameters
    ----------
    refusal : Refusal
        What ours refused.
    attempt : callable
        Does the same with PyTorch.
    """
    try:
        attempt()
    except Exception:  # PyTorch has many kinds
        assert not refusal.torch_takes, f"PyTorch refuses it too: {refusal}"
    else:
        assert refusal.torch_takes, f"PyTorch takes it: {refusal}"


def _call_twin(
    operation: Callable[..., Any], arguments: Mapping[str, Any], inputs: Sequence[Any]
) -> None:
    tensors = [torch.as_tensor(value) for value in inputs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        twin_class(operation)(**as_tensors(arguments))(*tensors)  # type: ignore[arg-type]


def takes(operation: Callable[..., Any], name: str) -> bool:
    """Return whether a constructor has an argument of that name."""
    return name in inspect.signature(operation).parameters


def as_tensors(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with tensors in the place of arrays."""
    return {
        key: torch.as_tensor(value) if isinstance(value, np.ndarray) else value
        for key, value in arguments.items()
    }
