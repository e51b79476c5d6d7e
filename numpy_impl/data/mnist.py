"""MNIST: found in a folder, in the cache, or fetched from a mirror and checked."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from numpy_impl.data.dataset import Dataset
from numpy_impl.data.download import DownloadError, Limits, Progress, download
from numpy_impl.data.idx import read_idx
from numpy_impl.errors import DataError
from numpy_impl.paths import as_path

# Names of the four canonical files and their SHA-256.
FILES = {
    "train-images-idx3-ubyte.gz": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
}

MIRRORS = (
    "https://raw.githubusercontent.com/rossbar/numpy-tutorial-data-mirror/main/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)

CLASSES, SIDE = 10, 28

Report = Callable[[str], None]


class MnistUnavailableError(DataError):
    """MNIST is in no folder and cannot be fetched."""


@dataclass(frozen=True)
class Remote:
    """Where files come from, and what their servers are granted.

    Attributes
    ----------
    mirrors : sequence of str
        Addresses to which a file's name is appended, tried in order.
    checksums : dict of str to str
        SHA-256 of every file.
    limits : Limits
        For each file.
    """

    mirrors: Sequence[str] = MIRRORS
    checksums: dict[str, str] = field(default_factory=lambda: dict(FILES))
    limits: Limits = field(default_factory=Limits)


def cache_folder() -> Path:
    """Return the user's folder for downloaded data; it need not exist."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return Path(base or Path.home() / ".cache") / "numpy-mlp" / "mnist"


def load_mnist(
    folder: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
    report: Report | None = None,
    progress: Progress | None = None,
    remote: Remote | None = None,
) -> Dataset:
    """Load MNIST, 60,000 pictures of 28 x 28 pixels to train on and 10,000 to test on.

    It is looked for in `folder`, else in the folder that the environment variable MNIST_DIR names,
    else in the user's cache; else it is fetched into the cache. A folder that was named must hold
    the four files, packed or unpacked; another data set of the same format (Fashion-MNIST) will
    do there. What is fetched or in the cache must have the right SHA-256.

    Parameters
    ----------
    folder : path, optional
        Where the files are.
    download : bool, default True
        Whether to fetch what is missing.
    report : callable, optional
        Takes a line of text when a download begins.
    progress : callable, optional
        Takes a `Transfer` whenever a piece has arrived.
    remote : Remote, optional
        Other mirrors and limits than the usual ones.

    Raises
    ------
    MnistUnavailableError
        If no folder was named and the files can neither be found nor fetched.
    DataError
        If a folder was named and lacks a file, or a file in it is damaged.
    """
    if folder is not None:
        return _read(as_path("folder", folder), "--data")
    if os.environ.get("MNIST_DIR"):
        return _read(Path(os.environ["MNIST_DIR"]), "MNIST_DIR")
    cache, remote = cache_folder(), remote or Remote()
    missing = [name for name in FILES if not _is_whole(cache / name, remote.checksums[name])]
    if missing and not download:
        raise MnistUnavailableError("MNIST", f"files in MNIST_DIR or {cache}", "none")
    if missing:
        _fetch_all(missing, cache, remote, report, progress)
    return _read(cache, str(cache))


def _read(folder: Path, argument: str) -> Dataset:
    try:
        there = folder.is_dir()
    except OSError as error:
        raise DataError(argument, "a folder with the MNIST files", f"{error.strerror}") from None
    if not there:
        raise DataError(argument, "a folder with the MNIST files", f"{folder}")
    arrays = []
    for name in FILES:
        candidates = [folder / name, folder / name.removesuffix(".gz")]
        found = [path for path in candidates if path.exists()]
        if not found:
            raise DataError(argument, f"{name} in {folder}", "no such file")
        arrays.append(read_idx(found[0]))
    train_images, train_labels, test_images, test_labels = arrays
    return Dataset(
        name="mnist",
        source=f"MNIST from {folder}",
        train_images=_pictures(argument, train_images),
        train_labels=_labels(argument, train_labels),
        test_images=_pictures(argument, test_images),
        test_labels=_labels(argument, test_labels),
        classes=CLASSES,
        scale=1 / 255,
    )


def _pictures(argument: str, array: NDArray[np.generic]) -> NDArray[np.uint8]:
    if array.dtype != np.uint8 or array.shape[1:] != (SIDE, SIDE):
        raise DataError(
            argument, f"pictures of {SIDE} x {SIDE} bytes", f"{array.dtype} of shape {array.shape}"
        )
    return array.reshape(len(array), SIDE * SIDE).view(np.uint8)


def _labels(argument: str, array: NDArray[np.generic]) -> NDArray[np.int64]:
    if array.dtype != np.uint8 or array.ndim != 1:
        raise DataError(argument, "one byte per label", f"{array.dtype} of shape {array.shape}")
    return array.astype(np.int64)


def _is_whole(path: Path, checksum: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == checksum
    except OSError:
        return False


def _fetch_all(
    names: Sequence[str],
    cache: Path,
    remote: Remote,
    report: Report | None,
    progress: Progress | None,
) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        mirrors = list(remote.mirrors)
        reason = "no mirror"
        for name in names:
            while mirrors:
                if report is not None:
                    report(f"fetching {name} from {mirrors[0]}")
                try:
                    download(
                        mirrors[0] + name,
                        cache / name,
                        remote.checksums[name],
                        remote.limits,
                        progress,
                    )
                    break
                except DownloadError as error:
                    # A mirror that failed is not asked for the other files.
                    reason = str(error)
                    del mirrors[0]
            else:
                raise MnistUnavailableError("MNIST", f"{name} from a mirror", reason)
    except OSError as error:
        reason = error.strerror or str(error)
        raise MnistUnavailableError("MNIST", f"a cache to write to, {cache}", reason) from None
