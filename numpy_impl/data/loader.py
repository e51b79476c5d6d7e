"""Mini-batches of a data set, shuffled anew each time, without copying the set."""

import zlib
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from numpy_impl.arrays import (
    FloatArray,
    IntArray,
    as_array,
    as_float_dtype,
    cast,
    check_bool,
    check_generator,
    check_int,
    check_number,
    check_positive_int,
    describe,
    prepare_out,
)
from numpy_impl.errors import InputError
from numpy_impl.losses.targets import check_labels

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["DataLoader"]

# Rows that are taken, converted and scaled at a time: few enough to stay in the cache of a core
# from one of these to the next.
_ROWS = 128

Batch = tuple[FloatArray, IntArray | FloatArray]
Transform = Callable[[FloatArray, np.random.Generator], None]


class Draw(NamedTuple):
    """What is random in an epoch.

    Attributes
    ----------
    order : ndarray of int of shape (samples,), or None
        The row numbers in the order to take; None for that of the data set.
    seed : int
        Of the generators that each batch's transform is given.
    """

    order: NDArray[np.intp] | None
    seed: int


class DataLoader:
    """Iterate over mini-batches of inputs and targets.

    Only a permutation of the row numbers is drawn per epoch (8 bytes a sample); rows are gathered,
    converted and scaled batch by batch. Pixels can therefore stay bytes.

    Parameters
    ----------
    inputs : array_like of shape (samples, features)
        Floating-point numbers, or uint8 together with `scale`.
    targets : array_like
        Integer labels of shape (samples,), or rows of shape (samples, classes).
    batch_size : int, default 64
        Samples per batch. The last batch holds the rest.
    shuffle : bool, default False
        Draw a new order at the start of every iteration. Needs `rng`.
    drop_last : bool, default False
        Leave out the last batch if it is short.
    rng : numpy.random.Generator, optional
        Source of the orders.
    scale : float, optional
        What inputs are multiplied by: 1/255 takes pixels to [0, 1]. Required for uint8, so that
        nobody trains on raw pixels without having asked for it.
    dtype : dtype_like, default float32
        Type of the batches' inputs.
    transform : callable, optional
        Changes the inputs of a batch in place, of the loader's dtype and scaled; it is given them
        and a generator, such as `numpy_impl.data.augment.RandomAffine`. Needs `rng`.
    prefetch : int, default 0
        So many batches are made ahead by a thread, while the caller is busy with others. The
        batches are the same with it and without.

    Raises
    ------
    InputError
        If shapes, lengths or types do not fit, there is no sample, an input is NaN or infinite,
        `shuffle` or `transform` comes without `rng`, uint8 without `scale`, `drop_last` leaves no
        batch, or `prefetch` is negative.

    Notes
    -----
    With `transform` a number is drawn from `rng` at the start of every iteration, and each batch
    has a generator of that number and its own: how far ahead batches are made changes nothing.

    References
    ----------
    https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader
    """

    def __init__(
        self,
        inputs: ArrayLike,
        targets: ArrayLike,
        *,
        batch_size: int = 64,
        shuffle: bool = False,
        drop_last: bool = False,
        rng: np.random.Generator | None = None,
        scale: float | None = None,
        dtype: DTypeLike = np.float32,
        transform: Transform | None = None,
        prefetch: int = 0,
    ) -> None:
        self.dtype = as_float_dtype(dtype)
        self._inputs = _check_inputs(inputs, scale, self.dtype)
        self._targets = _check_targets(targets, len(self._inputs))
        self.batch_size = check_positive_int("batch_size", batch_size)
        self.drop_last = check_bool("drop_last", drop_last)
        check_bool("shuffle", shuffle)
        if transform is not None and not callable(transform):
            raise InputError("transform", "a function", describe(transform))
        if rng is not None:
            check_generator("rng", rng)
        if (shuffle or transform is not None) and rng is None:
            purpose = "shuffle" if shuffle else "transform"
            raise InputError("rng", f"a numpy.random.Generator, to {purpose} with", describe(rng))
        self.shuffle = bool(shuffle)
        self.transform = transform
        self.prefetch = check_int("prefetch", prefetch)
        if self.prefetch < 0:
            raise InputError("prefetch", "at least 0", f"{prefetch}")
        self._rng = rng
        self._scale = None if scale is None else _read_scale(scale, self.dtype)
        if len(self) == 0:
            raise InputError(
                "batch_size", f"at most {self.samples} (with drop_last)", f"{self.batch_size}"
            )

    @property
    def samples(self) -> int:
        """Number of samples in the data set."""
        return len(self._inputs)

    @property
    def rows(self) -> int:
        """Rows of the longest batch."""
        return min(self.batch_size, self.samples)

    @property
    def features(self) -> int:
        """Width of the inputs."""
        return int(self._inputs.shape[1])

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        whole, rest = divmod(self.samples, self.batch_size)
        return whole + bool(rest and not self.drop_last)

    def __iter__(self) -> Iterator[Batch]:
        """Iterate over one epoch; every batch is a new pair of arrays."""
        return self.batches()

    @property
    def rng(self) -> np.random.Generator | None:
        """The source of the orders and transforms."""
        return self._rng

    def checksum(self) -> int:
        """Return the CRC-32 of inputs and targets, which tells one data set from another."""
        inputs, targets = map(np.ascontiguousarray, (self._inputs, self._targets))
        return zlib.crc32(targets.data, zlib.crc32(inputs.data))

    def draw(self) -> Draw:
        """Draw what is random in the next epoch; without `shuffle` and `transform`, nothing."""
        order, seed = None, 0
        if self.shuffle and self._rng is not None:
            order = self._rng.permutation(self.samples)
        if self.transform is not None and self._rng is not None:
            seed = int(self._rng.integers(2**63))
        return Draw(order, seed)

    def rows_of(self, number: int) -> int:
        """Return the number of rows in a batch; batches are numbered from 0."""
        if not 0 <= check_int("number", number) < len(self):
            raise InputError("number", f"from 0 to {len(self) - 1}", f"{number}")
        return min(self.batch_size, self.samples - int(number) * self.batch_size)

    def batches(
        self,
        *,
        out: FloatArray | None = None,
        draw: Draw | None = None,
        first: int = 0,
    ) -> Iterator[Batch]:
        """Iterate over one epoch.

        Parameters
        ----------
        out : ndarray of shape (rows, features), optional
            Where to write the inputs of every batch, a short one into the first rows: the next
            batch overwrites them. Without it every batch is a new array.
        draw : Draw, optional
            What is random in it; by default what `draw` returns.
        first : int, default 0
            Number of the batch to begin with, from 0; those before are not made.

        Yields
        ------
        inputs : ndarray of shape (batch, features)
            Of the loader's dtype, scaled.
        targets : ndarray
            The samples' targets, as they were given.

        Raises
        ------
        InputError
            If `out` or `draw` does not fit, or there are fewer batches than `first`.
        """
        if out is not None:
            prepare_out(out, (self.rows, self.features), self.dtype)
        if not 0 <= check_int("first", first) <= len(self):
            raise InputError("first", f"from 0 to {len(self)}", f"{first}")
        order, seed = self.draw() if draw is None else self._checked_draw(draw)
        raw = np.empty((min(self.batch_size, _ROWS), self.features), self._inputs.dtype)
        make = partial(self._make, order, seed, raw)
        if not self.prefetch:
            for number in range(first, len(self)):
                yield make(number, out)
            return
        # Loaded here: most loaders have no thread.
        from concurrent.futures import ThreadPoolExecutor

        # The caller reads `out` while the thread works, which has memory of its own then.
        ring = [None if out is None else np.empty_like(out) for _ in range(self.prefetch + 1)]
        with ThreadPoolExecutor(1) as thread:
            ahead: deque[Future[Batch]] = deque()
            for number in range(first, len(self) + self.prefetch):
                if number < len(self):
                    ahead.append(thread.submit(make, number, ring[number % len(ring)]))
                if number < first + self.prefetch:
                    continue
                inputs, targets = ahead.popleft().result()
                if out is not None:
                    out[: len(inputs)] = inputs
                    inputs = out[: len(inputs)]
                yield inputs, targets

    def _checked_draw(self, draw: Draw) -> Draw:
        if not isinstance(draw, Draw):
            raise InputError("draw", "what `draw` returns", describe(draw))
        if check_int("seed", draw.seed) < 0:
            raise InputError("seed", "at least 0", f"{draw.seed}")
        if draw.order is None:
            return draw
        expected = f"integers of shape ({self.samples},)"
        order = as_array("order", draw.order, expected)
        if order.dtype.kind not in "iu" or order.shape != (self.samples,):
            raise InputError("order", expected, describe(order))
        rows = check_labels("order", order, len(self._inputs)).astype(np.intp, copy=False)
        return Draw(rows, draw.seed)

    def _make(
        self,
        order: NDArray[np.intp] | None,
        seed: int,
        raw: NDArray[np.generic],
        number: int,
        out: FloatArray | None,
    ) -> Batch:
        """Return a batch; batches are numbered from 0."""
        count = self.rows_of(number)
        batch = out[:count] if out is not None else np.empty((count, self.features), self.dtype)
        start = number * self.batch_size
        rows = slice(start, start + count) if order is None else order[start : start + count]
        self._fill(batch, rows, raw)
        if self.transform is not None:
            self.transform(batch, np.random.default_rng([number, seed]))
        # Basic slices are views of the data set; what is handed out must be the caller's.
        targets = self._targets[rows]
        return batch, targets.copy() if order is None else targets

    def _fill(
        self, batch: FloatArray, rows: slice | NDArray[np.intp], raw: NDArray[np.generic]
    ) -> None:
        """Write inputs, scaled; `raw` is for as many rows of them as are taken at a time."""
        for first in range(0, len(batch), len(raw)):
            part = slice(first, first + len(raw))
            target = batch[part]
            if isinstance(rows, slice):
                source = self._inputs[rows][part]
            else:
                # mode="clip" lets take write straight into `out`; the row numbers are in range.
                out = target if raw.dtype == target.dtype else raw[: len(target)]
                source = np.take(self._inputs, rows[part], axis=0, out=out, mode="clip")
            if source is not target:
                np.copyto(target, source)
            if self._scale is not None:
                target *= self._scale


def _read_scale(scale: float, dtype: np.dtype[np.floating]) -> FloatArray:
    return cast("scale", np.array(check_number("scale", scale)), dtype)


def _check_inputs(
    inputs: ArrayLike, scale: float | None, dtype: np.dtype[np.floating]
) -> NDArray[np.generic]:
    array = as_array("inputs", inputs, "floating-point numbers, or uint8 with a scale")
    if array.ndim != 2 or array.shape[1] == 0:
        raise InputError("inputs", "shape (samples, features)", describe(array))
    if len(array) == 0:
        raise InputError("inputs", "at least one sample", "none")
    if array.dtype == np.uint8:
        if scale is None:
            raise InputError(
                "scale", "a number for uint8 inputs (1/255, or 1 for raw pixels)", "None"
            )
        return array
    if array.dtype.kind != "f":
        raise InputError("inputs", "floating-point numbers, or uint8 with a scale", describe(array))
    finite = np.isfinite(array)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise InputError("inputs", "finite numbers", f"{array[row, column]} at row {row}")
    largest = max(abs(array.max()), abs(array.min()))
    if largest > np.finfo(dtype).max.astype(np.longdouble):
        raise InputError("inputs", f"numbers that {dtype} can hold", f"{largest:g}")
    return array


def _check_targets(targets: ArrayLike, samples: int) -> IntArray | FloatArray:
    array = as_array("targets", targets, "labels (samples,) or rows (samples, classes)")
    if array.ndim not in (1, 2) or array.dtype.kind not in "iubf":
        raise InputError("targets", "labels (samples,) or rows (samples, classes)", describe(array))
    if len(array) != samples:
        raise InputError("targets", f"{samples} of them, one per input", f"{len(array)}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError("targets", "finite numbers", "NaN or infinity among them")
    return array.astype(array.dtype.newbyteorder("="), copy=False)
