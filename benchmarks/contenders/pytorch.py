"""PyTorch: step by step, with the fused optimizer, compiled, and through its DataLoader."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.inference.pytorch import build
from benchmarks.work import LR, SCALE, Work

Batches = Callable[[NDArray[Any]], Iterable[tuple[Tensor, Tensor]]]


def make(
    work: Work, *, fused: bool = True, compiled: bool = False, loader: bool = False
) -> Callable[[NDArray[Any]], float]:
    """Return the epoch; see `benchmarks.contenders`.

    Parameters
    ----------
    work : Work
        What to do.
    fused : bool
        Whether Adam is one kernel for all parameters.
    compiled : bool
        Whether the network, with the conversion of the pixels and the loss, is compiled.
    loader : bool
        Whether batches come from a DataLoader, one sample after the other, as most programs have
        it. Otherwise a batch is gathered at once.
    """
    model = build({name: torch.tensor(value) for name, value in work.parameters.items()})
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, fused=fused)
    batches = (_loaded if loader else _gathered)(work)

    def forward(inputs: Tensor, targets: Tensor) -> Tensor:
        return criterion(model(inputs.float() * SCALE), targets)

    if compiled:
        # A shape of its own for the short last batch, rather than slower code for any shape.
        forward = torch.compile(forward, dynamic=False)

    def epoch(order: NDArray[Any]) -> float:
        total = 0.0
        for inputs, targets in batches(order):
            optimizer.zero_grad()
            loss = forward(inputs, targets)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(inputs)
        return total / len(order)

    return epoch


def _gathered(work: Work) -> Batches:
    pixels, labels = torch.from_numpy(work.pixels), torch.from_numpy(work.labels)
    return lambda order: (
        (pixels[rows], labels[rows]) for rows in torch.from_numpy(order).split(work.batch_size)
    )


def _loaded(work: Work) -> Batches:
    data = TensorDataset(torch.from_numpy(work.pixels), torch.from_numpy(work.labels))
    return lambda order: DataLoader(data, batch_size=work.batch_size, sampler=order.tolist())
