"""The mapping table from `numpy_impl` to PyTorch."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch

import numpy_impl as ours

DTYPES = {np.dtype(np.float32): torch.float32, np.dtype(np.float64): torch.float64}


def _linear(layer: ours.Linear) -> torch.nn.Module:
    return torch.nn.Linear(**layer.config(), dtype=DTYPES[layer.weight.data.dtype])


def _cross_entropy(loss: ours.CrossEntropyLoss) -> torch.nn.Module:
    return torch.nn.CrossEntropyLoss(reduction=loss.reduction)


TWINS: Mapping[type, Callable[..., Any]] = {
    ours.Linear: _linear,
    ours.ReLU: lambda _: torch.nn.ReLU(),
    ours.CrossEntropyLoss: _cross_entropy,
    ours.SGD: torch.optim.SGD,
    ours.Adam: torch.optim.Adam,
    ours.AdamW: torch.optim.AdamW,
}
"""For a layer or loss: from the object to its twin. For an optimizer: PyTorch's class."""


def twin_of(thing: ours.Layer | ours.CrossEntropyLoss) -> torch.nn.Module:
    """Return the PyTorch module for a layer or loss, of the same settings; weights are not copied.

    Raises
    ------
    KeyError
        If the mapping table does not know the type.
    """
    module: torch.nn.Module = TWINS[type(thing)](thing)
    return module


def twin_of_optimizer(
    optimizer: ours.Optimizer,
    parameters: Iterable[tuple[str, torch.nn.Parameter]],
    **options: Any,
) -> torch.optim.Optimizer:
    """Return the PyTorch optimizer with the same groups and hyperparameters; state is not copied.

    Parameters
    ----------
    optimizer : numpy_impl.Optimizer
        The original.
    parameters : iterable of (str, torch.nn.Parameter)
        The twin model's ``named_parameters()``.
    **options
        PyTorch's own switches, such as ``fused`` or ``foreach``.
    """
    by_name = dict(parameters)
    groups = [
        {**group, "params": [by_name[parameter.name] for parameter in group["params"]]}
        for group in optimizer.param_groups
    ]
    twin: torch.optim.Optimizer = TWINS[type(optimizer)](groups, **options)
    return twin
