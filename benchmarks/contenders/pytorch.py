"""PyTorch without its DataLoader, whose overhead would be measured otherwise."""

from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.work import BATCH_SIZE, LR, SCALE, SIZES, Work


def make(work: Work, *, fused: bool) -> Callable[[NDArray[Any]], float]:
    """Return the epoch; see `benchmarks.contenders`."""
    inputs, hidden, outputs = SIZES
    model = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
    model.load_state_dict({name: torch.tensor(value) for name, value in work.state_dict().items()})
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, fused=fused)
    pixels = torch.from_numpy(work.pixels)
    labels = torch.from_numpy(work.labels)

    def epoch(order: NDArray[Any]) -> float:
        total = 0.0
        for rows in torch.from_numpy(order).split(BATCH_SIZE):
            optimizer.zero_grad()
            loss = criterion(model(pixels[rows].float().mul_(SCALE)), labels[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        return total / len(order)

    return epoch
