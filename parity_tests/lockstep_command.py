"""The command that trains in NumPy and in PyTorch side by side, step by step."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from numpy_impl import DataLoader, InputError, accuracy
from numpy_impl.arrays import check_number, check_positive_int
from numpy_impl.data import Dataset, MnistUnavailableError, load_mnist
from parity_tests.lockstep import (
    Array,
    Step,
    TorchTraining,
    lockstep,
    make_trainer,
    rounding_level,
    strokes,
)

_COLUMNS = "  step     loss |  distance of the loss |     of the gradient |   of the parameters"
_NAMES = "                |     NumPy    PyTorch |     NumPy   PyTorch |     NumPy   PyTorch"


def _data(folder: Path | None, rng: np.random.Generator) -> Dataset:
    try:
        return load_mnist(folder, download=False)
    except MnistUnavailableError:
        pixels, labels = strokes(24_000, rng)
        return Dataset(
            name="strokes",
            source="made-up strokes (MNIST is neither in MNIST_DIR nor in the cache)",
            train_images=pixels[:20_000],
            train_labels=labels[:20_000],
            test_images=pixels[20_000:],
            test_labels=labels[20_000:],
            classes=10,
            scale=1 / 255,
        )


def run(arguments: argparse.Namespace) -> int:
    """Train side by side, print the distances; return 1 for a drift beyond rounding."""
    epochs = check_positive_int("--epochs", arguments.epochs)
    batch_size = check_positive_int("--batch-size", arguments.batch_size)
    hidden = [check_positive_int("--hidden", width) for width in arguments.hidden]
    seed = int(check_number("--seed", arguments.seed))
    if arguments.dtype not in ("float32", "float64"):
        raise InputError("--dtype", "float32 or float64", repr(arguments.dtype))
    dtype = np.dtype(arguments.dtype)
    lr = arguments.lr if arguments.lr is not None else {"sgd": 0.1}.get(arguments.optimizer, 1e-3)
    rng = np.random.default_rng(seed)
    data = _data(arguments.data, rng)
    sizes = [data.features, *hidden, data.classes]
    trainer = make_trainer(sizes, seed=seed, dtype=dtype, optimizer=arguments.optimizer, lr=lr)
    loader = DataLoader(
        data.train_images,
        data.train_labels,
        batch_size=batch_size,
        shuffle=True,
        rng=rng,
        scale=data.scale,
        dtype=dtype,
    )
    theirs = TorchTraining(trainer)
    print(f"data: {data.source}")
    print(
        f"{'-'.join(map(str, sizes))}, {arguments.optimizer}, lr {lr:g}, {dtype}, one thread each"
    )
    batches = (batch for _ in range(epochs) for batch in loader)
    steps = list(_show(lockstep(trainer, theirs, batches), epochs * len(loader)))
    _summarize(steps, trainer, theirs, data, dtype)
    worst = max(step.ours.values / rounding_level(step.number) for step in steps)
    return int(dtype == np.float64 and worst > 1)


def _show(steps: Iterator[Step], total: int) -> Iterator[Step]:
    print(_COLUMNS, _NAMES, sep="\n")
    every = max(total // 20, 1)
    for step in steps:
        if step.number in (1, 10, 100, total) or step.number % every == 0:
            pairs = " | ".join(
                f"{ours:9.1e} {theirs:9.1e}"
                for ours, theirs in (
                    (step.ours.loss, step.theirs.loss),
                    (step.ours.grads, step.theirs.grads),
                    (step.ours.values, step.theirs.values),
                )
            )
            print(f"{step.number:6} {step.loss:8.4f} |  {pairs}", flush=True)
        yield step


def _summarize(
    steps: Sequence[Step],
    trainer: Any,
    theirs: TorchTraining,
    data: Dataset,
    dtype: np.dtype[Any],
) -> None:
    images: Array = data.test_images.astype(dtype) * dtype.type(data.scale or 1)
    ours = accuracy(trainer.model.predict(images), data.test_labels)
    torch_accuracy = theirs.accuracy(images, data.test_labels)
    print(f"test accuracy: NumPy {100 * ours:.2f} %, PyTorch {100 * torch_accuracy:.2f} %")
    our_seconds = sum(step.our_seconds for step in steps)
    their_seconds = sum(step.their_seconds for step in steps)
    print(
        f"time of {len(steps)} steps: NumPy {our_seconds:.2f} s, PyTorch {their_seconds:.2f} s "
        f"({their_seconds / our_seconds:.2f} x)"
    )
    last = steps[-1]
    print(
        f"distance of the parameters after {last.number} steps: NumPy {last.ours.values:.2g}",
        end="",
    )
    if dtype == np.float64:
        print(f" (rounding level: up to {rounding_level(last.number):.2g})")
    else:
        print(f", PyTorch {last.theirs.values:.2g}")
