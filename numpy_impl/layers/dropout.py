"""Dropout."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from numpy_impl.arrays import FloatArray, check_fraction, describe
from numpy_impl.errors import InputError
from numpy_impl.layers.layer import Layer


def dropout(x: FloatArray, kept: FloatArray, p: float = 0.5) -> FloatArray:
    """Return x where `kept` is 1 and 0 where it is 0, over 1 - p, so that the mean stays.

    Its derivative is the same function: the gradient where `kept` is 1, over 1 - p.

    Parameters
    ----------
    x : ndarray
    kept : ndarray
        Ones and zeros, of the shape of x.
    p : float, default 0.5
        Probability of a zero.

    References
    ----------
    Srivastava et al. (2014), Dropout, https://jmlr.org/papers/v15/srivastava14a.html
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout.html
    """
    return x * (kept / (1 - p)) if p < 1 else x * kept


class _Drawn(NamedTuple):
    """Arrays of the shape of the input: the mask, ready to multiply with, and what it came from."""

    mask: FloatArray
    draws: FloatArray


class Dropout(Layer):
    """Zeros in random places during training; nothing in evaluation.

    The formula is `dropout`.

    Parameters
    ----------
    p : float, default 0.5
        Probability that an entry becomes zero, from 0 to 1. The others are divided by 1 - p.
    rng : numpy.random.Generator or None
        Draws a mask for every `forward` in training mode. None will do for a layer that only
        predicts.

    Raises
    ------
    InputError
        If `p` is no such number or `rng` no generator. In a training-mode `forward`, if there is no
        generator.

    References
    ----------
    Srivastava et al. (2014), Dropout, https://jmlr.org/papers/v15/srivastava14a.html
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout.html
    """

    arguments = ("p",)
    elementwise = True
    random = True

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator | None) -> None:
        super().__init__()
        self.p = check_fraction("p", p)
        if rng is not None and not isinstance(rng, np.random.Generator):
            raise InputError("rng", "a numpy.random.Generator", describe(rng))
        self.rng = rng

    def generators(self) -> list[np.random.Generator]:
        """Return the one that draws the masks, if there is one."""
        return [] if self.rng is None else [self.rng]

    def infer_into(self, x: FloatArray, y: FloatArray) -> None:
        """Copy x; see `Layer.infer_into`."""
        np.copyto(y, x)

    def forward_into(self, x: FloatArray, y: FloatArray) -> None:
        """Draw a mask, apply and remember it; see `Layer.forward_into`."""
        if self.rng is None:
            raise InputError("rng", "a numpy.random.Generator to train with", "None")
        if self._cache is None or self._cache.mask.shape != x.shape or self._kept()[1] != x.dtype:
            self._cache = _Drawn(np.empty(x.shape, x.dtype), np.empty(x.shape, np.float32))
        mask, draws = self._cache
        # In float32 whatever the type of x: one seed gives one mask.
        self.rng.random(dtype=np.float32, out=draws)
        np.greater_equal(draws, np.float32(self.p), out=mask)
        if self.p < 1:
            mask *= mask.dtype.type(1 / (1 - self.p))
        with np.errstate(invalid="ignore"):  # an infinity times zero is NaN, as in PyTorch
            np.multiply(x, mask, out=y)

    def backward_into(
        self,
        grad_output: FloatArray,
        grad_input: FloatArray | None,
        *,
        accumulate: bool = False,  # noqa: ARG002 - there are no parameters to accumulate into
    ) -> None:
        """Apply the mask to the gradient; see `Layer.backward_into`."""
        if grad_input is not None:
            with np.errstate(invalid="ignore"):
                np.multiply(grad_output, self._cache.mask, out=grad_input)

    def _kept(self) -> tuple[FloatArray, np.dtype[Any]]:
        return self._cache.mask, self._cache.mask.dtype
