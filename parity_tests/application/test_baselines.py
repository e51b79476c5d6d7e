"""The baselines: against scikit-learn, against their definitions, and at their doors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from numpy_impl import InputError
from numpy_impl.baselines import (
    Classifier,
    KNearestNeighbors,
    NearestCentroid,
    RandomFeatures,
    SoftmaxRegression,
    classifier,
)
from numpy_impl.data import make_moons

FEATURES, LABELS = 5, np.array([-2, 3, 40])


def _samples(count: int, seed: int, dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    """Clouds that overlap, of unequal sizes and spreads, far from zero."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(3, count, p=[0.2, 0.3, 0.5])
    centres = 100 + np.array([[0, 0, 0, 0, 0], [2, 0, 1, 0, 0], [0, 3, 0, 0, -1]])
    x = centres[codes] + (1 + codes[:, np.newaxis]) * rng.standard_normal((count, FEATURES))
    return x.astype(dtype), LABELS[codes]


def _random_features(components: int = 40, alpha: float = 1.0, seed: int = 0) -> RandomFeatures:
    return RandomFeatures(components, alpha, rng=np.random.default_rng(seed))


MAKERS: dict[str, Callable[[], Classifier]] = {
    "nearest centroid": NearestCentroid,
    "k nearest neighbors": KNearestNeighbors,
    "softmax regression": SoftmaxRegression,
    "random features": _random_features,
}
every = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def test_nearest_centroid_as_in_scikit_learn() -> None:
    neighbors = pytest.importorskip("sklearn.neighbors", reason="no scikit-learn here")
    (x, y), (new, _) = _samples(173, 0), _samples(97, 1)
    ours = NearestCentroid().fit(x, y)
    theirs = neighbors.NearestCentroid().fit(x, y)
    np.testing.assert_allclose(ours.centroids, theirs.centroids_, rtol=1e-13)
    np.testing.assert_array_equal(ours.predict(new), theirs.predict(new))
    distances = ((new[:, np.newaxis] - theirs.centroids_) ** 2).sum(axis=2)
    np.testing.assert_allclose(ours.scores(new), -distances, rtol=1e-12)


@pytest.mark.parametrize("k", [1, 4, 173])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_k_nearest_neighbors_as_in_scikit_learn(k: int, dtype: type) -> None:
    neighbors = pytest.importorskip("sklearn.neighbors", reason="no scikit-learn here")
    (x, y), (new, _) = _samples(173, 0, dtype), _samples(97, 1, dtype)
    ours = KNearestNeighbors(k).fit(x, y)
    theirs = neighbors.KNeighborsClassifier(k, algorithm="brute").fit(x, y)
    np.testing.assert_array_equal(ours.scores(new), theirs.predict_proba(new))
    np.testing.assert_array_equal(ours.predict(new), theirs.predict(new))


def test_k_nearest_neighbors_far_from_zero() -> None:
    # Squares of 10^8 have no room in float32 for differences of 1.
    x = 10_000 + np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.arange(4)
    assert KNearestNeighbors(1).fit(x, y).predict(x + np.float32(0.25)).tolist() == [0, 1, 2, 3]


def test_k_nearest_neighbors_ties() -> None:
    x = np.array([[3.0], [-1.0], [1.0], [-3.0], [1.0]])
    zero = np.zeros((1, 1))
    # Of -1, 1 and 1, which are equally far, the first two vote; 9 and 4 have one vote each.
    tied = KNearestNeighbors(2).fit(x, [7, 9, 4, 7, 2])
    assert tied.scores(zero).tolist() == [[0, 0.5, 0, 0.5]]
    assert tied.predict(zero).tolist() == [4]
    assert KNearestNeighbors(1).fit(x, [7, 9, 4, 7, 2]).predict(zero).tolist() == [9]
    # Thirds, as the mean of these three has, would be rounded.
    model = KNearestNeighbors(1).fit(np.array([[4.0], [5.0], [8.0]]), [3, 2, 1])
    assert model.predict(np.array([[6.5]])).tolist() == [2]


def test_softmax_regression_as_in_scikit_learn() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model", reason="no scikit-learn here")
    (x, y), (new, _) = _samples(173, 0), _samples(97, 1)
    x, new = x - 99, new - 99
    alpha = 0.05
    ours = SoftmaxRegression(alpha, max_iter=500).fit(x, y)
    theirs = linear_model.LogisticRegression(C=1 / (alpha * len(x)), tol=1e-8, max_iter=1000)
    theirs.fit(x, y)
    # A number that is added to all biases changes nothing.
    for mine, other in (
        (ours.weight, theirs.coef_),
        (ours.bias - ours.bias.mean(), theirs.intercept_ - theirs.intercept_.mean()),
    ):
        np.testing.assert_allclose(mine, other, rtol=0, atol=2e-5)
    np.testing.assert_array_equal(ours.predict(new), theirs.predict(new))


def test_softmax_regression_that_diverges() -> None:
    x, y = _samples(173, 0)
    with pytest.raises(InputError, match=r"x: expected features of a moderate size .* got"):
        SoftmaxRegression().fit(1e100 * x, y)


def test_softmax_regression_ends_where_it_is_told_to() -> None:
    x, y = _samples(173, 0)
    first, last = (SoftmaxRegression(max_iter=n).fit(x, y).weight for n in (1, 500))
    assert np.abs(first - last).max() > 0.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_random_features_as_ridge_in_scikit_learn(dtype: type) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model", reason="no scikit-learn here")
    (x, y), (new, _) = _samples(173, 0, dtype), _samples(97, 1, dtype)
    ours = _random_features(alpha=3.0).fit(x, y)
    ridge = linear_model.Ridge(alpha=3.0).fit(ours.hidden(x)[:, :-1], y[:, np.newaxis] == LABELS)
    found, expected = ours.scores(new), ridge.predict(ours.hidden(new)[:, :-1])
    np.testing.assert_allclose(found, expected, atol=1e-10 if dtype is np.float64 else 1e-3)


def test_random_features_units() -> None:
    x, y = _samples(500, 0)
    units = _random_features(components=1000).fit(x, y).hidden(x)
    np.testing.assert_array_equal(units[:, -1], 1)
    assert units.min() == 0
    # Half of a symmetric distribution of variance 2: of the drawn sums and the drawn biases.
    assert (units[:, :-1] > 0).mean() == pytest.approx(0.5, abs=0.03)
    assert np.square(units[:, :-1]).mean() == pytest.approx(1, rel=0.1)


def test_random_features_do_not_depend_on_the_unit() -> None:
    x, y = _samples(173, 0)
    one, other = (_random_features().fit(scale * x, y).scores(scale * x) for scale in (1, 1024))
    np.testing.assert_allclose(one, other, atol=1e-9)


def test_random_features_are_drawn_by_the_generator() -> None:
    x, y = _samples(173, 0)
    first, again, other = (_random_features(seed=n).fit(x, y).scores(x) for n in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_only_some_bend_their_boundary() -> None:
    rng = np.random.default_rng(0)
    (x, y), (new, expected) = (make_moons(400, noise=0.1, rng=rng) for _ in range(2))

    def share(model: Classifier) -> float:
        return float((model.fit(x, y).predict(new) == expected).mean())

    assert 0.65 < share(NearestCentroid()) < 0.93
    assert 0.75 < share(SoftmaxRegression()) < 0.93
    assert share(KNearestNeighbors()) > 0.98
    assert share(_random_features(components=100, alpha=1e-3)) > 0.98


@every
@pytest.mark.parametrize("block", [1, 50])
def test_blocks_change_nothing(
    make: Callable[[], Classifier], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (x, y), (new, _) = _samples(173, 0), _samples(97, 1)
    whole = make().fit(x, y).scores(new)
    monkeypatch.setattr(classifier, "_BLOCK", block)
    blocks: list[int] = []
    model = make()
    scores = model._scores

    def counted(x: np.ndarray) -> np.ndarray:
        blocks.append(len(x))
        return scores(x)

    monkeypatch.setattr(model, "_scores", counted)
    np.testing.assert_allclose(model.fit(x, y).scores(new), whole, rtol=1e-9, atol=1e-9)
    assert sum(blocks) == 97
    assert max(blocks) == max(1, block // model._width())


@pytest.mark.parametrize(
    ("make", "numbers"),
    list(zip(MAKERS.values(), [FEATURES, 173, FEATURES, 41], strict=True)),
    ids=MAKERS,
)
def test_blocks_are_as_large_as_the_largest_array(
    make: Callable[[], Classifier], numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = _samples(173, 0)
    width = make().fit(x, y)._width()
    monkeypatch.setattr(classifier, "_BLOCK", 10 * numbers)
    assert [len(block) for block in classifier.blocks(x, width)] == [10] * 17 + [3]


@every
def test_arguments_are_not_written_to_nor_kept(make: Callable[[], Classifier]) -> None:
    x, y = _samples(173, 0)
    before = x.copy(), y.copy()
    model = make()
    assert model.fit(x, y) is model
    first = model.scores(x)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])
    x.fill(0)
    y.fill(3)
    np.testing.assert_array_equal(model.scores(before[0]), first)


@every
def test_labels_are_any_integers(make: Callable[[], Classifier]) -> None:
    x, y = _samples(173, 0)
    for dtype in (np.int8, np.uint16):
        labels = np.abs(y).astype(dtype)
        model = make().fit(x, labels)
        assert model.labels.tolist() == [2, 3, 40]
        assert (model.predict(x) == labels).mean() > 0.5


@every
def test_the_smallest_label_wins(make: Callable[[], Classifier]) -> None:
    # The same samples under both labels: nothing speaks for one of them.
    x = np.array([[0.0, 1], [2, 0], [0, 1], [2, 0]])
    y = np.array([8, 8, 5, 5])
    model = make() if make is not KNearestNeighbors else KNearestNeighbors(4)
    assert model.fit(x, y).predict(x[:2]).tolist() == [5, 5]


@every
def test_one_class_and_equal_samples(make: Callable[[], Classifier]) -> None:
    model = make().fit(np.ones((3, 2), np.float32), [4, 4, 4])
    assert model.predict(np.zeros((2, 2))).tolist() == [4, 4]


@every
def test_fit_forgets(make: Callable[[], Classifier]) -> None:
    x, y = _samples(173, 0)
    model = make().fit(x[:, :2].astype(np.float32), np.ones(173, int))
    # Neither the classes nor the width, nor the type, in which these numbers have no room.
    large = 1e30 * x
    np.testing.assert_array_equal(model.fit(large, y).labels, LABELS)
    scores = model.scores(large)
    assert scores.shape == (173, 3)
    assert np.isfinite(scores).all()


X = np.zeros((3, 2))
BAD_SAMPLES = [
    (np.zeros((3, 2), np.uint8), [0, 1, 2], "x: expected floating-point numbers"),
    (np.zeros(3), [0, 1, 2], r"x: expected one or more samples of shape \(samples, features\)"),
    (np.zeros((0, 2)), [], "x: expected one or more samples"),
    (np.zeros((3, 0)), [0, 1, 2], "x: expected one or more samples"),
    (np.array([[0, np.nan]]), [0], "x: expected finite numbers .* got nan"),
    (np.array([[0, -np.inf]]), [0], "x: expected finite numbers .* got -inf"),
    (np.array([[0, 1e19]], np.float32), [0], "x: expected finite numbers .* got 1e19"),
    (X, [0, 1], r"y: expected integer labels of shape \(3,\)"),
    (X, [[0], [1], [2]], r"y: expected integer labels of shape \(3,\)"),
    (X, [0.0, 1.0, 2.0], "y: expected integer labels"),
    (X, [True, False, True], "y: expected integer labels"),
]


@every
@pytest.mark.parametrize(("x", "y", "message"), BAD_SAMPLES)
def test_bad_samples(make: Callable[[], Classifier], x: Any, y: Any, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("1e19", r"(1e\+19|9\.99\d*e\+18)")):
        make().fit(x, y)


@every
def test_bad_questions(make: Callable[[], Classifier]) -> None:
    model = make()
    with pytest.raises(RuntimeError, match="call fit first"):
        model.predict(X)
    model.fit(X, [0, 1, 2])
    with pytest.raises(InputError, match=r"x: expected shape \(..., 2\)"):
        model.predict(np.zeros((3, 1)))
    with pytest.raises(InputError, match="x: expected finite numbers"):
        model.predict(np.full((1, 2), np.nan))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: KNearestNeighbors(0), "n_neighbors: expected an integer of at least 1"),
        (lambda: KNearestNeighbors(4).fit(X, [0, 1, 2]), "n_neighbors: expected at most 3"),
        (lambda: SoftmaxRegression(-0.1), "alpha: expected a finite number at least 0"),
        (lambda: SoftmaxRegression(max_iter=0), "max_iter: expected an integer of at least 1"),
        (lambda: _random_features(components=0), "n_components: expected an integer"),
        (lambda: _random_features(alpha=0.0), "alpha: expected a finite number above 0"),
        (lambda: RandomFeatures(rng=3), "rng: expected a numpy.random.Generator"),  # type: ignore[arg-type]
    ],
)
def test_bad_arguments(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


@every
def test_large_numbers_do_not_overflow(make: Callable[[], Classifier]) -> None:
    x, y = _samples(173, 0, np.float32)
    large = (x - 100) * np.float32(1e16)
    assert np.isfinite(make().fit(large, y).scores(large)).all()
