"""PyTorch: eager, with fused Adam, compiled, and with its DataLoader."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.work import LR, SCALE, Work


def _model(work: Work) -> nn.Sequential:
    layers: list[nn.Module] = []
    for weight in work.weights:
        layers += [nn.Linear(weight.shape[1], len(weight)), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    model.load_state_dict({name: torch.tensor(value) for name, value in work.state_dict().items()})
    return model


def make(work: Work, *, mode: str) -> Callable[[NDArray[Any]], float]:
    """Return the epoch; see `benchmarks.contenders`.

    All but "loader" take batches by index, which costs PyTorch less than its DataLoader. The
    compiled network has the fused optimizer, faster beside it than a compiled one.
    """
    model = _model(work)
    criterion = nn.CrossEntropyLoss()
    fused = mode in ("fused", "compiled")
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, fused=fused)
    network: Callable[[Tensor], Tensor] = torch.compile(model) if mode == "compiled" else model
    pixels = torch.from_numpy(work.pixels)
    labels = torch.from_numpy(work.labels)

    def by_index(order: NDArray[Any]) -> Iterable[tuple[Tensor, Tensor]]:
        for rows in torch.from_numpy(order).split(work.batch_size):
            yield pixels[rows].float().mul_(SCALE), labels[rows]

    def by_loader(order: NDArray[Any]) -> Iterable[tuple[Tensor, Tensor]]:
        samples = torch.utils.data.TensorDataset(inputs, labels)
        return torch.utils.data.DataLoader(samples, work.batch_size, sampler=order.tolist())

    batches = by_loader if mode == "loader" else by_index
    if mode == "loader":
        inputs = pixels.float().mul_(SCALE)

    def epoch(order: NDArray[Any]) -> float:
        total = 0.0
        for x, y in batches(order):
            optimizer.zero_grad()
            loss = criterion(network(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        return total / len(order)

    return epoch


def make_predict(work: Work, *, mode: str) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return the inference; see `benchmarks.contenders`."""
    assert mode == "eager"
    model = _model(work).eval()

    @torch.inference_mode()
    def predict(x: NDArray[Any]) -> NDArray[Any]:
        result: NDArray[Any] = model(torch.from_numpy(x)).numpy()
        return result

    return predict
