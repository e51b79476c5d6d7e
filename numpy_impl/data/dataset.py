"""A data set in memory, checked once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numpy_impl.arrays import as_array, cast, check_number, check_positive_int, describe
from numpy_impl.elementwise import quiet
from numpy_impl.errors import DataError, InputError


@dataclass(frozen=True)
class Dataset:
    """Inputs and labels, for training and for testing.

    Attributes
    ----------
    name : str
        Short name: ``mnist``.
    source : str
        Where the data come from, for people to read.
    train_images, test_images : ndarray of shape (samples, features)
        Pixels as uint8, or coordinates as float32.
    train_labels, test_labels : ndarray of int64, shape (samples,)
        From 0 to classes - 1.
    classes : int
        Number of classes.
    scale : float or None
        What pixels are multiplied by on their way into a network; None for coordinates.

    Raises
    ------
    DataError
        If `classes` or `scale` is out of range, there is no sample, lengths differ, a label lies
        outside the classes, coordinates are not finite, or types or shapes are others.
    """

    name: str
    source: str
    train_images: NDArray[np.uint8] | NDArray[np.float32]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8] | NDArray[np.float32]
    test_labels: NDArray[np.int64]
    classes: int
    scale: float | None

    def __post_init__(self) -> None:
        try:
            check_positive_int("classes", self.classes)
            if self.scale is not None:
                check_number("scale", self.scale)
            for part in ("train", "test"):
                for kind in ("images", "labels"):
                    self._convert(f"{part}_{kind}")
        except InputError as error:
            raise DataError(error.argument, error.expected, error.got) from None
        for part in ("train", "test"):
            self._check(part, getattr(self, f"{part}_images"), getattr(self, f"{part}_labels"))
        if self.test_images.shape[1] != self.features:
            raise DataError(
                "test_images", f"{self.features} features", f"{self.test_images.shape[1]}"
            )

    @property
    def features(self) -> int:
        """Width of the inputs."""
        return int(self.train_images.shape[1])

    def inputs(self, images: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return images of the set as a network takes them: coordinates, or scaled pixels."""
        array = as_array("images", images)
        if array.dtype.kind not in "iuf":
            raise InputError("images", "numbers", describe(array))
        inputs = cast("images", array, np.dtype(np.float32))
        if self.scale is None:
            return inputs
        with quiet():
            return inputs * np.float32(self.scale)

    def _convert(self, name: str) -> None:
        """Take what NumPy takes for an array, and labels of any integer type."""
        array = as_array(name, getattr(self, name))
        if name.endswith("labels") and array.dtype.kind in "iu":
            largest = np.iinfo(np.int64).max
            if array.size and int(array.max()) > largest:
                raise InputError(name, f"labels from 0 to {self.classes - 1}", f"{array.max()}")
            array = array.astype(np.int64, copy=False)
        elif array.dtype.kind == "f" and self.scale is None:
            array = cast(name, array, np.dtype(np.float32))
        object.__setattr__(self, name, array)

    def _check(self, part: str, images: NDArray[np.generic], labels: NDArray[np.int64]) -> None:
        dtype = np.float32 if self.scale is None else np.uint8
        if images.ndim != 2 or images.dtype != dtype:
            raise DataError(
                f"{part}_images",
                f"{np.dtype(dtype)} of shape (samples, features)",
                describe(images),
            )
        if labels.ndim != 1 or labels.dtype != np.int64:
            raise DataError(f"{part}_labels", "int64 of shape (samples,)", describe(labels))
        if len(images) == 0:
            raise DataError(f"{part}_images", "at least one sample", "none")
        if len(labels) != len(images):
            raise DataError(f"{part}_labels", f"{len(images)} labels", f"{len(labels)}")
        if images.dtype == np.float32 and not np.isfinite(images).all():
            raise DataError(f"{part}_images", "finite numbers", "NaN or infinity among them")
        if labels.min() < 0 or labels.max() >= self.classes:
            wrong = labels[(labels < 0) | (labels >= self.classes)][0]
            raise DataError(f"{part}_labels", f"labels from 0 to {self.classes - 1}", f"{wrong}")
