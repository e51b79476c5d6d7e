"""Small data sets that are always at hand: handwritten digits, two moons, exclusive or."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from numpy_impl.arrays import FloatArray, cast, check_generator, check_number, check_positive_int
from numpy_impl.data.dataset import Dataset
from numpy_impl.errors import MissingExtraError

Points = tuple[NDArray[np.float32], NDArray[np.int64]]

_TRAIN, _TEST = 2_000, 1_000  # points


def load_digits() -> Dataset:
    """Load scikit-learn's 1,797 handwritten digits, enlarged from 8 x 8 to 28 x 28 pixels.

    A fifth of each class is for testing; the split is always the same.

    Raises
    ------
    MissingExtraError
        If scikit-learn is not installed.

    References
    ----------
    https://scikit-learn.org/stable/modules/generated/sklearn.datasets.load_digits.html
    """
    try:
        from scipy.ndimage import zoom
        from sklearn.datasets import load_digits as load_sklearn
        from sklearn.model_selection import train_test_split
    except ImportError:
        raise MissingExtraError("scikit-learn", "data", "the digits data set") from None
    digits = load_sklearn()
    small = digits.images * (255 / 16)  # (1797, 8, 8), from 0..16 to 0..255
    images = np.clip(np.rint(zoom(small, (1, 3.5, 3.5), order=1)), 0, 255).astype(np.uint8)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images.reshape(len(images), -1),
        digits.target.astype(np.int64),
        test_size=0.2,
        stratify=digits.target,
        random_state=0,
    )
    return Dataset(
        name="digits",
        source="scikit-learn's handwritten digits, resized to 28x28",
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        classes=10,
        scale=1 / 255,
    )


def make_moons(samples: int, *, noise: float, rng: np.random.Generator) -> Points:
    """Draw points from two interleaved half circles.

    With an angle t uniform on [0, pi): class 0 lies at (cos t, sin t), class 1 at
    (1 - cos t, 1/2 - sin t); normal noise is added to both coordinates.

    Parameters
    ----------
    samples : int
        Number of points; half of them (rounded up) are of class 0, in random order.
    noise : float
        Standard deviation of the noise, at least 0.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    points : ndarray of float32, shape (samples, 2)
    labels : ndarray of int64, shape (samples,)

    Raises
    ------
    InputError
        If `samples` is not a positive integer, or `noise` is negative.

    References
    ----------
    https://scikit-learn.org/stable/modules/generated/sklearn.datasets.make_moons.html
    """
    check_generator("rng", rng)
    noise = check_number("noise", noise)
    labels = rng.permutation(check_positive_int("samples", samples)) % 2
    angle = rng.uniform(0, np.pi, samples)
    sign = 1 - 2 * labels
    points = np.stack([labels + sign * np.cos(angle), labels / 2 + sign * np.sin(angle)], axis=1)
    return _blur(points, noise, rng), labels


def make_xor(samples: int, *, noise: float, rng: np.random.Generator) -> Points:
    """Draw points around the corners of the square from (-1, -1) to (1, 1).

    The class is 1 where the two coordinates of the corner have different signs: exclusive or,
    which no straight line separates.

    Parameters
    ----------
    samples : int
        Number of points, spread evenly over the corners, in random order.
    noise : float
        Standard deviation of the normal noise around the corners, at least 0.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    points : ndarray of float32, shape (samples, 2)
    labels : ndarray of int64, shape (samples,)

    Raises
    ------
    InputError
        If `samples` is not a positive integer, or `noise` is negative.
    """
    check_generator("rng", rng)
    noise = check_number("noise", noise)
    corner = rng.permutation(check_positive_int("samples", samples)) % 4
    first, second = corner // 2, corner % 2
    points = 2.0 * np.stack([first, second], axis=1) - 1.0
    return _blur(points, noise, rng), first ^ second


def load_moons(rng: np.random.Generator) -> Dataset:
    """Draw 2,000 points of `make_moons` to train on and 1,000 to test on, with noise 0.1."""
    return _toy("moons", "two moons", make_moons, 0.1, rng)


def load_xor(rng: np.random.Generator) -> Dataset:
    """Draw 2,000 points of `make_xor` to train on and 1,000 to test on, with noise 0.25."""
    return _toy("xor", "exclusive or", make_xor, 0.25, rng)


def _blur(points: FloatArray, noise: float, rng: np.random.Generator) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return cast("noise", points + noise * rng.standard_normal(points.shape), np.dtype("f4"))


def _toy(
    name: str, title: str, make: Callable[..., Points], noise: float, rng: np.random.Generator
) -> Dataset:
    train_points, train_labels = make(_TRAIN, noise=noise, rng=rng)
    test_points, test_labels = make(_TEST, noise=noise, rng=rng)
    return Dataset(
        name=name,
        source=f"{title}, {_TRAIN:,} points drawn with noise {noise:g}",
        train_images=train_points,
        train_labels=train_labels,
        test_images=test_points,
        test_labels=test_labels,
        classes=2,
        scale=None,
    )
