"""The number of threads of NumPy's BLAS, where it is an OpenBLAS as in NumPy's own wheels."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np


def count_blas_threads() -> int | None:
    """Return how many threads matrix products may use, or None for another BLAS."""
    library = _openblas()
    return None if library is None else int(library.scipy_openblas_get_num_threads64_())


@contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """Let matrix products use so many threads; afterwards, as many as before.

    With another BLAS nothing changes: there, set its environment variable before NumPy is loaded.
    """
    library = _openblas()
    if library is None:
        yield
        return
    before = library.scipy_openblas_get_num_threads64_()
    library.scipy_openblas_set_num_threads64_(count)
    try:
        yield
    finally:
        library.scipy_openblas_set_num_threads64_(before)


def _openblas() -> ctypes.CDLL | None:
    # Where the wheels for Linux and Windows, and for macOS, put what NumPy is linked with.
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for path in sorted(folder.glob("*scipy_openblas64_*")):
            library = ctypes.CDLL(str(path))
            if hasattr(library, "scipy_openblas_set_num_threads64_"):
                return library
    return None
