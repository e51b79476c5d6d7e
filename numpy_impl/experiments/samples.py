"""The samples of an experiment: parts of a data set of pictures."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from numpy_impl.arrays import FloatArray, IntArray
from numpy_impl.data import Dataset
from numpy_impl.data.loader import DataLoader
from numpy_impl.errors import InputError


class Samples(NamedTuple):
    """Pictures and their classes.

    Attributes
    ----------
    images : ndarray of uint8, shape (samples, features)
    labels : ndarray of int64, shape (samples,)
    scale : float
        What pixels are multiplied by on their way into a network.
    """

    images: NDArray[np.uint8]
    labels: IntArray
    scale: float

    @property
    def size(self) -> int:
        """Number of samples."""
        return len(self.labels)

    def take(self, rows: NDArray[np.intp] | slice) -> "Samples":
        """Return some of the samples."""
        return self._replace(images=self.images[rows], labels=self.labels[rows])

    def inputs(self) -> FloatArray:
        """Return the inputs of a network, float32 of shape (samples, features)."""
        scaled: FloatArray = self.images * np.float32(self.scale)
        return scaled

    def loader(
        self,
        batch_size: int = 1024,
        *,
        rng: np.random.Generator | None = None,
        targets: FloatArray | None = None,
    ) -> DataLoader:
        """Return a loader of at most all samples at once; shuffled, if a generator is given."""
        return DataLoader(
            self.images,
            self.labels if targets is None else targets,
            batch_size=min(batch_size, self.size),
            shuffle=rng is not None,
            rng=rng,
            scale=self.scale,
        )


class Data(NamedTuple):
    """What an experiment learns from and what it is judged by.

    Attributes
    ----------
    train, test : Samples
    classes : int
        Number of classes.
    """

    train: Samples
    test: Samples
    classes: int

    def first(self, train: int | None, test: int | None = None) -> "Data":
        """Return the data with so many samples at most; None for all."""
        return self._replace(train=self.train.take(slice(train)), test=self.test.take(slice(test)))

    def hold_out(self, share: float, rng: np.random.Generator) -> "Data":
        """Return the training samples in two random parts; the second, of this share, for tests.

        The test samples are not in it.
        """
        order = rng.permutation(self.train.size)
        kept = self.train.size - round(share * self.train.size)
        train, test = self.train.take(order[:kept]), self.train.take(order[kept:])
        return self._replace(train=train, test=test)


def from_dataset(dataset: Dataset) -> Data:
    """Return a data set of pictures as the data of an experiment.

    Raises
    ------
    InputError
        If it is none of pictures.
    """
    if dataset.scale is None:
        raise InputError("--dataset", "a data set of pictures", dataset.name)
    train, test = (
        Samples(images.astype(np.uint8, copy=False), labels, dataset.scale)
        for images, labels in (
            (dataset.train_images, dataset.train_labels),
            (dataset.test_images, dataset.test_labels),
        )
    )
    return Data(train, test, dataset.classes)
