"""Whole models to PyTorch and back, with their weights."""

import inspect
from collections.abc import Iterable
from typing import Any

import torch
from numpy.typing import NDArray

import numpy_impl as ours
from torch_ref.layers import Residual
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


def load_weights(twin: torch.nn.Module, model: ours.Sequential | ours.Layer) -> None:
    """Copy the weights and buffers of a model, or of a layer on its own, into its twin.

    Raises
    ------
    RuntimeError
        If names or shapes differ.
    """
    state = {parameter.name: parameter.data for parameter in model.parameters()} | model.buffers()
    twin.load_state_dict({name: torch.tensor(array) for name, array in state.items()})


def from_torch(twin: torch.nn.Sequential) -> ours.Sequential:
    """Return the `numpy_impl` model of a ``torch.nn.Sequential``, with a copy of its weights.

    Raises
    ------
    TypeError
        If a module has no counterpart.
    """
    model = ours.Sequential(*map(_layer, twin))
    model.load_state_dict({name: value.numpy() for name, value in twin.state_dict().items()})
    if not twin.training:
        model.eval()
    return model


def _layer(module: torch.nn.Module) -> ours.Layer:
    if isinstance(module, Residual):
        return ours.Residual(*map(_layer, module))
    kind = getattr(ours, type(module).__name__, None)
    if not isinstance(kind, type) or not issubclass(kind, ours.Layer):
        raise TypeError(f"no counterpart for {type(module).__name__}")
    arguments = {name: getattr(module, name) for name in kind.arguments}
    if "bias" in arguments:
        arguments["bias"] = module.bias is not None
    if module.state_dict():
        dtype = next(iter(module.state_dict().values())).dtype
        arguments["dtype"] = str(dtype).removeprefix("torch.")
    if "rng" in inspect.signature(kind).parameters:
        arguments["rng"] = None
    layer: ours.Layer = kind(**arguments)
    return layer


def arena_vector(tensors: Iterable[torch.Tensor]) -> NDArray[Any]:
    """Return parameters (or their gradients) as one vector, in the order of a model's arena.

    There a matrix stands by columns; see `numpy_impl.parameters`.
    """
    vectors = [tensor.detach().permute(*range(tensor.ndim)[::-1]).ravel() for tensor in tensors]
    vector: NDArray[Any] = torch.cat(vectors).numpy()
    return vector
