"""Data sets, from their files to mini-batches."""

import os
from dataclasses import replace

import numpy as np

from numpy_impl.arrays import check_bool, check_function, check_generator, describe
from numpy_impl.data.dataset import Dataset
from numpy_impl.data.download import Progress
from numpy_impl.data.idx import read_idx
from numpy_impl.data.loader import DataLoader
from numpy_impl.data.mnist import MnistUnavailableError, Report, load_mnist
from numpy_impl.data.toy import load_digits, load_moons, load_xor, make_moons, make_xor
from numpy_impl.errors import InputError

__all__ = [
    "NAMES",
    "DataLoader",
    "Dataset",
    "MnistUnavailableError",
    "load",
    "load_digits",
    "load_mnist",
    "load_moons",
    "load_xor",
    "make_moons",
    "make_xor",
    "read_idx",
]

NAMES = ("auto", "mnist", "digits", "moons", "xor")


def load(
    name: str,
    *,
    folder: str | os.PathLike[str] | None = None,
    rng: np.random.Generator,
    download: bool = True,
    report: Report | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Load a data set by name.

    Parameters
    ----------
    name : {"auto", "mnist", "digits", "moons", "xor"}
        ``auto`` is MNIST, or the digits where MNIST cannot be had; the source then says why.
    folder : path, optional
        Where the MNIST files are.
    rng : numpy.random.Generator
        Draws the points of moons and xor.
    download : bool, default True
        Whether MNIST may be fetched.
    report : callable, optional
        Takes a line of text when a download begins.
    progress : callable, optional
        Takes a `numpy_impl.data.download.Transfer` whenever a piece of it has arrived.

    Raises
    ------
    InputError
        For another name, or a folder where none is read.
    DataError
        As `load_mnist`.
    MissingExtraError
        As `load_digits`.
    """
    if not isinstance(name, str) or name not in NAMES:
        raise InputError("--dataset", f"one of {', '.join(NAMES)}", describe(name))
    check_generator("rng", rng)
    check_bool("download", download)
    if report is not None:
        check_function("report", report)
    if folder is not None and name not in ("auto", "mnist"):
        raise InputError("--data", f"no folder with --dataset {name}", str(folder))
    if name == "digits":
        return load_digits()
    if name == "moons":
        return load_moons(rng)
    if name == "xor":
        return load_xor(rng)
    try:
        return load_mnist(folder, download=download, report=report, progress=progress)
    except MnistUnavailableError as error:
        if name == "mnist":
            raise
        digits = load_digits()
        return replace(digits, source=f"{digits.source} (no MNIST: {error})")
