"""What the tests of the command line share: a small data set, and ways to run a command."""

import gzip
import json
import os
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import numpy_impl
from numpy_impl import Linear, Sequential
from numpy_impl.cli import main

SIDE = 28
CLASSES = 10
TRAIN_SAMPLES, TEST_SAMPLES = 300, 100

PNG = b"\x89PNG\r\n\x1a\n"
EPOCH_LINE = r"epoch +\d+/\d+  loss \d+\.\d{4}  train \d+\.\d\d %  test \d+\.\d\d %  \d+\.\d s"
Capsys = pytest.CaptureFixture[str]


@dataclass(frozen=True)
class Result:
    """What a command gave: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of standard output."""
        return self.out.splitlines()


def run(capsys: Capsys, *argv: object) -> Result:
    """Run a command in this process."""
    capsys.readouterr()
    code = main([str(argument) for argument in argv])
    captured = capsys.readouterr()
    return Result(code, captured.out, captured.err)


def start(*argv: object, **options: object) -> "subprocess.Popen[bytes]":
    """Start a command in a process of its own, with the options of `subprocess.Popen`."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-W", "error", "-m", "numpy_impl", *map(str, argv)],
        env={**os.environ, "PYTHONPATH": str(Path(numpy_impl.__file__).parents[1])},
        **(pipes | options),
    )


def tree(folder: Path) -> dict[str, bytes | None]:
    """Return the contents of all files below a folder, and None for the folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def pictures(samples: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw pictures of a bar at a height that tells the class, under noise; and the classes."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(samples) % CLASSES).astype(np.uint8)
    images = rng.integers(0, 100, (samples, SIDE, SIDE)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        top = 4 + 2 * int(label)
        image[top : top + 2, 4:-4] = 255
    return images, labels


def write_mnist(folder: Path) -> Path:
    """Write such pictures as the four files of MNIST, and return the folder."""
    folder.mkdir()
    for prefix, samples, seed in (("train", TRAIN_SAMPLES, 0), ("t10k", TEST_SAMPLES, 1)):
        images, labels = pictures(samples, seed)
        for name, magic, array in (
            ("images-idx3-ubyte", 0x803, images),
            ("labels-idx1-ubyte", 0x801, labels),
        ):
            header = struct.pack(f">{1 + array.ndim}I", magic, *array.shape)
            with gzip.open(folder / f"{prefix}-{name}.gz", "wb", compresslevel=1) as file:
                file.write(header + array.tobytes())
    return folder


def train_arguments(mnist: Path, folder: Path, *more: str) -> list[str]:
    """Return the arguments of a short training, and more."""
    fixed = ["--dataset", "mnist", "--data", str(mnist), "--no-download", "--epochs", "3"]
    return ["train", *fixed, "--hidden", "32", "16", "--output", str(folder), *more]


def loaded(path: Path) -> dict[str, Any]:
    """Return what is in a JSON file."""
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def expected_probabilities(network: Sequential, inputs: np.ndarray) -> np.ndarray:
    """Return the network's probabilities in float64, by the definition of softmax."""
    x = inputs.astype(np.float64)
    for layer in network:
        x = (
            x @ layer.weight.data.T.astype(np.float64) + layer.bias.data
            if isinstance(layer, Linear) and layer.bias is not None
            else np.maximum(x, 0)
        )
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def check_refused(result: Result, *parts: str, code: int = 2) -> None:
    """Check that a command ended with one line on standard error, with these parts in it."""
    assert result.code == code
    assert result.err.count("\n") == 1
    assert result.err.startswith("numpy-mlp: error: ")
    for part in parts:
        assert part in result.err
