"""Whole models to PyTorch and back, with their weights."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import numpy_impl as ours
from torch_ref.twins import DTYPES, twin_of


def to_torch(model: ours.Sequential, dtype: torch.dtype | None = None) -> torch.nn.Sequential:
    """Return the PyTorch twin of a model, with a copy of its weights.

    Parameters
    ----------
    model : numpy_impl.Sequential
        The original.
    dtype : torch.dtype, optional
        Another type for the twin; float64 makes the arbiter of a float32 model.
    """
    twin = torch.nn.Sequential(*(twin_of(layer) for layer in model))
    twin.to(dtype or DTYPES[model.dtype])
    load_weights(twin, model)
    twin.train(model.training)
    return twin


def load_weights(twin: torch.nn.Module, model: ours.Sequential) -> None:
    """Copy a model's weights into its twin.

    Raises
    ------
    RuntimeError
        If names or shapes differ.
    """
    twin.load_state_dict(
        {name: torch.from_numpy(array) for name, array in model.state_dict().items()}
    )


def from_torch(twin: torch.nn.Sequential) -> ours.Sequential:
    """Return the `numpy_impl` model of a ``torch.nn.Sequential``, with a copy of its weights.

    Raises
    ------
    TypeError
        If a module has no counterpart.
    """
    rng = np.random.default_rng(0)
    layers: list[ours.Layer] = []
    for module in twin:
        if isinstance(module, torch.nn.Linear):
            layers.append(
                ours.Linear(
                    module.in_features,
                    module.out_features,
                    module.bias is not None,
                    rng=rng,
                    dtype=str(module.weight.dtype).removeprefix("torch."),
                )
            )
        elif isinstance(module, torch.nn.ReLU):
            layers.append(ours.ReLU())
        else:
            raise TypeError(f"no counterpart for {type(module).__name__}")
    model = ours.Sequential(*layers)
    model.load_state_dict({name: value.numpy() for name, value in twin.state_dict().items()})
    if not twin.training:
        model.eval()
    return model


def arena_vector(tensors: Iterable[torch.Tensor]) -> NDArray[Any]:
    """Return parameters (or their gradients) as one vector, in the order of a model's arena.

    There a matrix stands by columns; see `numpy_impl.parameters`.
    """
    vectors = [tensor.detach().permute(*range(tensor.ndim)[::-1]).ravel() for tensor in tensors]
    vector: NDArray[Any] = torch.cat(vectors).numpy()
    return vector
