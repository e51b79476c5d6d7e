"""The small data sets."""

from collections.abc import Callable

import numpy as np
import pytest

from numpy_impl import InputError
from numpy_impl.data import Dataset, load_digits, load_moons, load_xor, make_moons, make_xor

MAKERS = [make_moons, make_xor]


@pytest.mark.parametrize("make", MAKERS)
def test_shapes_balance_and_seed(make: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    points, labels = make(1001, noise=0.1, rng=np.random.default_rng(0))
    assert (points.shape, points.dtype) == ((1001, 2), np.float32)
    assert (labels.shape, labels.dtype) == ((1001,), np.int64)
    assert abs(labels.sum() - 500) <= 2
    again, _ = make(1001, noise=0.1, rng=np.random.default_rng(0))
    other, _ = make(1001, noise=0.1, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(points, again)
    assert not np.array_equal(points, other)


def test_points_without_noise_lie_on_their_curves() -> None:
    points, labels = make_moons(500, noise=0, rng=np.random.default_rng(0))
    centre = np.where(labels[:, None] == 0, (0.0, 0.0), (1.0, 0.5))
    np.testing.assert_allclose(np.linalg.norm(points - centre, axis=1), 1, rtol=1e-6)
    above = (points - centre)[:, 1] > 0
    np.testing.assert_array_equal(above, labels == 0)

    points, labels = make_xor(500, noise=0, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(np.abs(points), 1)
    np.testing.assert_array_equal(labels, points[:, 0] != points[:, 1])


def test_noise_has_the_deviation_asked_for() -> None:
    points, _ = make_xor(20_000, noise=0.1, rng=np.random.default_rng(0))
    assert (points - np.sign(points)).std() == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize("load", [load_moons, load_xor])
def test_training_and_test_points_differ(load: Callable[..., Dataset]) -> None:
    data = load(np.random.default_rng(0))
    assert (len(data.train_images), len(data.test_images)) == (2000, 1000)
    assert not np.array_equal(data.train_images[:1000], data.test_images)


@pytest.mark.parametrize("make", MAKERS)
def test_bad_arguments(make: Callable[..., object]) -> None:
    with pytest.raises(InputError, match="samples: expected an integer of at least 1, got int 0"):
        make(0, noise=0.1, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="noise: expected a finite number at least 0"):
        make(10, noise=-1.0, rng=np.random.default_rng(0))


def test_digits() -> None:
    sklearn_datasets = pytest.importorskip("sklearn.datasets", reason="no scikit-learn here")
    data = load_digits()
    assert (data.train_images.shape, data.test_images.shape) == ((1437, 784), (360, 784))
    assert data.train_images.max() == 255
    # Every enlarged picture, shrunk again, is the original with the same label.
    images = np.concatenate([data.train_images, data.test_images]).reshape(-1, 28, 28)
    labels = np.concatenate([data.train_labels, data.test_labels])
    corners = np.linspace(0, 27, 8).round().astype(int)
    small = images[:, corners][:, :, corners].reshape(-1, 64) / 255 * 16
    digits = sklearn_datasets.load_digits()
    nearest = ((small[:, None] - digits.data[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert (digits.target[nearest] == labels).all()
