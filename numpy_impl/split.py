r"""A network cut lengthwise: each member of a team trains a narrower one of its own.

Two linear layers with nothing but elementwise layers between them are cut through the units in
between. With the units' indices in parts :math:`u_0, u_1, \dots`, and :math:`f` what is between,

.. math:: W_2\, f(W_1 x + b_1) + b_2 = \sum_k W_2[:, u_k]\, f(W_1[u_k] x + b_1[u_k]) + b_2

A member holds its rows of the first weight and its columns of the second. Only the outputs of the
second layer, which are few, have to be added up among the members; on the way back, the gradients
of the first layer's input, if there is a layer below. No gradient of a parameter ever leaves its
member, and neither does the state of the optimizer. Whatever lies between such pairs of layers,
every member computes for itself.

References
----------
Shoeybi et al. (2019), Megatron-LM, https://arxiv.org/abs/1909.08053
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from numpy_impl.arrays import FloatArray, part_of
from numpy_impl.errors import InputError
from numpy_impl.layers import Layer, Linear, Residual
from numpy_impl.model import Sequential
from numpy_impl.parameters import Parameter

# Write to the second array the sum of what all members have in the first.
AddUp = Callable[[FloatArray, FloatArray], None]


class Pair(NamedTuple):
    """The positions of two linear layers that are cut through the units in between."""

    first: int
    second: int


class Share(NamedTuple):
    """A parameter of the whole network, and a member's part of it.

    Attributes
    ----------
    whole, own : Parameter
    place : tuple of slice
        Where the part is in the whole.
    gives : bool
        Whether it is this member's to give back; not if all have the same and another one does.
    """

    whole: Parameter
    own: Parameter
    place: tuple[slice, ...]
    gives: bool


def find_pairs(model: Sequential, members: int) -> list[Pair]:
    """Return the pairs of layers that can be cut for so many members, from the input on."""
    pairs: list[Pair] = []
    first: int | None = None
    for position, layer in enumerate(model):
        if isinstance(layer, Linear):
            if first is None:
                first = position if layer.weight.shape[0] >= members else None
            else:
                pairs.append(Pair(first, position))
                first = None
        elif not layer.elementwise:
            first = None
    return pairs


def exchanged_width(model: Sequential, pairs: Sequence[Pair]) -> int:
    """Return the width of the widest array that members have to add up."""
    widths = [0]
    for pair in pairs:
        weights = [model[position].parameters()[0] for position in pair]
        # The second layer's outputs, and the first one's inputs if there is a layer below.
        widths += [weights[1].shape[0], weights[0].shape[1] if pair.first else 0]
    return max(widths)


class Exchange(Layer):
    """The seam between what members do apart and what is the same for all.

    Parameters
    ----------
    add_up : callable
        Exchanges arrays.
    outputs : bool
        True where members' outputs are added up: then the gradient passes on the way back, which
        is the same for all. False where the input passes, and members' gradients are added up.
    """

    def __init__(self, add_up: AddUp, *, outputs: bool) -> None:
        super().__init__()
        self._outputs = outputs
        ways: tuple[AddUp, AddUp] = (add_up, _pass) if outputs else (_pass, add_up)
        self._forward, self._backward = ways

    def forward_into(self, x: FloatArray, y: FloatArray) -> None:
        """Write the sum of all members' x, or x; see `Layer.forward_into`."""
        self._cache = x
        self._forward(x, y)

    def backward_into(
        self,
        grad_output: FloatArray,
        grad_input: FloatArray | None,
        *,
        accumulate: bool = False,  # noqa: ARG002 - there are no parameters to accumulate into
    ) -> None:
        """Write `grad_output`, or the sum of all members'; see `Layer.backward_into`."""
        if grad_input is not None:
            self._backward(grad_output, grad_input)

    def config(self) -> dict[str, Any]:
        """Return outputs."""
        return {"outputs": self._outputs}


def _pass(given: FloatArray, out: FloatArray) -> None:
    np.copyto(out, given)


def narrow(
    model: Sequential, pairs: Sequence[Pair], member: int, members: int, add_up: AddUp
) -> tuple[Sequential, list[Share]]:
    """Return a member's own network and what its parameters are in the whole one.

    Parameters
    ----------
    model : Sequential
        The whole network.
    pairs : sequence of Pair
        Where it is cut.
    member : int
        From 0; member 0 has the biases of the second layers, and those that all have alike.
    members : int
        How many there are.
    add_up : callable
        Exchanges arrays; all members must call it equally often.

    Raises
    ------
    InputError
        If a layer is random, or another than `Linear` has parameters or buffers.
    """
    firsts, seconds = {pair.first for pair in pairs}, {pair.second for pair in pairs}
    layers: list[Layer] = []
    shares: list[Share] = []

    def add_linear(layer: Linear, rows: slice, columns: slice, bias: bool, gives: bool) -> None:
        outputs, inputs = layer.weight.data[rows, columns].shape
        own = Linear(inputs, outputs, bias, rng=None, dtype=layer.weight.arena.dtype)
        layers.append(own)
        shares.append(Share(layer.weight, own.weight, (rows, columns), gives))
        if own.bias is not None and layer.bias is not None:
            shares.append(Share(layer.bias, own.bias, (rows,), gives))

    everything = slice(None)
    for position, layer in enumerate(model):
        if not isinstance(layer, Linear):
            if layer.parameters() or layer.buffers() or layer.random or isinstance(layer, Residual):
                raise InputError(
                    "workers", f"1 for a network with {type(layer).__name__}", f"{members}"
                )
            layers.append(type(layer)(**layer.config()))
            continue
        outputs, inputs = layer.weight.shape
        has_bias = layer.bias is not None
        if position in firsts:
            if position > 0:
                layers.append(Exchange(add_up, outputs=False))
            add_linear(layer, part_of(outputs, member, members), everything, has_bias, True)
        elif position in seconds:
            units = part_of(inputs, member, members)
            add_linear(layer, everything, units, has_bias and member == 0, True)
            layers.append(Exchange(add_up, outputs=True))
        else:
            add_linear(layer, everything, everything, has_bias, member == 0)
    own = Sequential(*layers)
    for share in shares:
        np.copyto(share.own.data, share.whole.data[share.place])
    return own, shares
