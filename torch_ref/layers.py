"""Twins of layers that PyTorch has no class for, or draws numbers for by itself."""

from collections.abc import Callable
from typing import Any

import torch


class Residual(torch.nn.Sequential):
    """Modules, applied one after the other, beside the identity: y = x + f(x)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x + f(x)."""
        inner: torch.Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return x + inner


class MaskedDropout(torch.nn.Module):
    """Dropout with a mask that is given, where PyTorch's draws one.

    Parameters
    ----------
    p : float
        Probability of a zero.
    mask : callable
        From the shape of an input to an array of booleans, True for what is kept.
    """

    def __init__(self, p: float, mask: Callable[[tuple[int, ...]], Any]) -> None:
        super().__init__()
        self.p = p
        self.mask = mask

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x where it is kept, over 1 - p, and 0 elsewhere; in evaluation mode x."""
        if not self.training:
            return x
        noise = torch.as_tensor(self.mask(tuple(x.shape)), dtype=x.dtype)
        return x * (noise / (1 - self.p) if self.p < 1 else noise)
