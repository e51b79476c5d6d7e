"""The command line, ``python -m parity_tests``.

``lockstep`` trains in NumPy and in PyTorch side by side; ``operations`` lists all operations;
``seeds`` runs every check with many seeds.
"""

import os

# One thread each, so that the two do not get in each other's way and their times compare; both
# libraries read the number when they are loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from numpy_impl import DataLoader, InputError, MissingExtraError, accuracy
from numpy_impl.arrays import check_number, check_positive_int
from numpy_impl.data import Dataset, MnistUnavailableError, load_mnist
from parity_tests.checks import all_checks
from parity_tests.guide import left_out_table, operations_table
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m parity_tests", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "lockstep",
        help="train in NumPy and in PyTorch on the same batches from the same weights",
        description="Distances are from the same training in PyTorch and float64, relative.",
    )
    run.add_argument("--data", type=Path, help="folder with the MNIST files")
    run.add_argument("--dtype", default="float32", help="float32 (default) or float64")
    run.add_argument("--optimizer", default="adam", help="sgd, adam (default) or adamw")
    run.add_argument("--lr", type=float, help="default: 0.001, and 0.1 for sgd")
    run.add_argument("--epochs", type=int, default=1, help="default: 1")
    run.add_argument("--batch-size", type=int, default=64, help="default: 64")
    run.add_argument("--hidden", type=int, nargs="+", default=[128], help="default: 128")
    run.add_argument("--seed", type=int, default=0, help="default: 0")
    run.set_defaults(run=_lockstep)

    table = commands.add_parser(
        "operations", help="print all operations and what PyTorch takes beside, as Markdown"
    )
    table.set_defaults(run=_operations)

    seeds = commands.add_parser(
        "seeds",
        help="run every check with many seeds, and count false alarms",
        description="Inputs are drawn anew for each seed; every check must pass with all of them.",
    )
    seeds.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    seeds.add_argument("--count", type=int, default=10, help="how many (default: 10)")
    seeds.add_argument("--only", default="", help="only checks whose id contains this")
    seeds.set_defaults(run=_seeds)
    return parser


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


def _lockstep(arguments: argparse.Namespace) -> int:
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


def _operations(_arguments: argparse.Namespace) -> int:
    print(operations_table(), left_out_table(), sep="\n\n")
    return 0


def _seeds(arguments: argparse.Namespace) -> int:
    first = int(check_number("--first", arguments.first))
    count = check_positive_int("--count", arguments.count)
    run = failed = 0
    for seed in range(first, first + count):
        for check in all_checks(seed):
            if arguments.only not in check.id:
                continue
            run += 1
            try:
                check.run()
            except Exception as error:  # whatever it is, the check did not pass
                failed += 1
                print(f"seed {seed}: {check.id}: {type(error).__name__}: {error}", flush=True)
        print(f"seed {seed}: {run} checks so far, {failed} failed", flush=True)
    if not run:
        raise InputError("--only", "part of the id of a check", repr(arguments.only))
    return int(failed > 0)


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 if all is well, 1 on a drift beyond rounding or a failed check, 2 on bad input."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
        return status
    except (InputError, MissingExtraError, OSError) as error:
        print(f"parity_tests: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
