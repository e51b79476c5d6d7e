"""The PyTorch twin of a layer, a loss or an optimizer.

The twin of a class is PyTorch's class of the same name, made with the same arguments. What is
otherwise stands in `OTHERS`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch

import numpy_impl as ours
from torch_ref.layers import Residual
from torch_ref.losses import FocalLoss, SigmoidFocalLoss
from torch_ref.optimizers import Lion, Muon, adagrad

DTYPES = {np.dtype(np.float32): torch.float32, np.dtype(np.float64): torch.float64}

OTHERS: Mapping[type, Callable[..., Any]] = {
    ours.FocalLoss: FocalLoss,
    ours.SigmoidFocalLoss: SigmoidFocalLoss,
    ours.Residual: Residual,
    ours.Adagrad: adagrad,
    ours.Lion: Lion,
    ours.Muon: Muon,
}
"""For classes whose twin is not PyTorch's class of that name: what makes it."""


def twin_class(kind: type) -> Callable[..., Any]:
    """Return what makes the twin of a class of `numpy_impl`, from the same arguments.

    Raises
    ------
    KeyError
        If PyTorch has no class of that name and `OTHERS` does not know it.
    """
    return OTHERS[kind] if kind in OTHERS else pytorch_class(kind)


def pytorch_class(kind: type) -> Callable[..., Any]:
    """Return PyTorch's class of the same name, or the twin of one that it does not have.

    Raises
    ------
    KeyError
        If there is neither.
    """
    for home in (torch.nn, torch.optim, torch.optim.lr_scheduler):
        if hasattr(home, kind.__name__):
            found: Callable[..., Any] = getattr(home, kind.__name__)
            return found
    if kind not in OTHERS:
        raise KeyError(f"no twin for {kind.__name__}")
    return OTHERS[kind]


def twin_of(thing: ours.Layer | ours.Loss) -> torch.nn.Module:
    """Return the PyTorch module for a layer or loss, of the same settings; weights are not copied.

    Raises
    ------
    KeyError
        If there is none.
    """
    if isinstance(thing, ours.Residual):
        return Residual(*map(twin_of, thing))
    options: dict[str, Any] = {}
    if isinstance(thing, ours.Layer):
        dtypes = [parameter.arena.dtype for parameter in thing.parameters()]
        dtype = dtypes[0] if dtypes else getattr(thing, "dtype", None)
        options |= {"dtype": DTYPES[dtype]} if dtype is not None else {}
    for name, value in thing.config().items():
        options[name] = torch.tensor(value) if isinstance(value, np.ndarray) else value
    module: torch.nn.Module = twin_class(type(thing))(**options)
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
    twin: torch.optim.Optimizer = twin_class(type(optimizer))(groups, **options)
    return twin
