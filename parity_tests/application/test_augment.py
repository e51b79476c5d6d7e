"""Changed pictures: the fast form against the formula, and on their way through a loader."""

import threading
from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import affine_transform

import numpy_impl as ours
from numpy_impl import lab
from numpy_impl.data.augment import RandomAffine, affine

SIDE = 11
AMOUNTS = {"angle": 0.3, "stretch": 0.2, "slant": 0.25, "shift": 2.5}


def pictures(count: int, dtype: type = np.float64, side: int = SIDE) -> np.ndarray:
    rng = np.random.default_rng(count)
    values = rng.standard_normal((count, side * side))
    values[:, ::3] = 0
    return values.astype(dtype)


@pytest.mark.parametrize("move", [(0.0, 0.0), (1.3, -0.6), (30.0, 0.0)])
def test_the_formula_is_an_affine_transform(move: tuple[float, float]) -> None:
    picture = pictures(1)[0].reshape(SIDE, SIDE)
    matrix = np.array([[0.9, -0.3], [0.2, 1.1]])
    # SciPy fades to black only between pixels of its own array: let black be in it.
    framed, centre = np.pad(picture, 40), np.full(2, (SIDE - 1) / 2 + 40)
    expected = affine_transform(
        framed, matrix, centre + move - matrix @ centre, order=1, mode="constant"
    )
    np.testing.assert_allclose(
        affine(picture, matrix, np.array(move)), expected[40:-40, 40:-40], rtol=0, atol=1e-12
    )


@pytest.mark.parametrize(("count", "group"), [(7, 3), (6, 3), (2, 5), (5, 1)])
@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_groups_are_changed_by_the_formula(count: int, group: int, strength: float) -> None:
    transform = RandomAffine(SIDE, group=group, **AMOUNTS)
    transform.strength = strength
    before = pictures(count)
    after = before.copy()
    for _ in range(2):  # the second time with used memory
        after[...] = before
        transform(after, np.random.default_rng(5))
    groups = -(-count // group)
    rng = np.random.default_rng(5)
    turn, slant = (
        rng.uniform(-strength * AMOUNTS[name], strength * AMOUNTS[name], groups)
        for name in ("angle", "slant")
    )
    height, width = 1 + strength * AMOUNTS["stretch"] * rng.uniform(-1, 1, (2, groups))
    moves = strength * AMOUNTS["shift"] * rng.uniform(-1, 1, (2, groups))
    for row, (old, new) in enumerate(zip(before, after, strict=True)):
        g = row // group
        cos, sin = np.cos(turn[g]), np.sin(turn[g])
        matrix = (
            np.array([[cos, -sin], [sin, cos]])
            @ [[1, slant[g]], [0, 1]]
            @ np.diag([height[g], width[g]])
        )
        expected = affine(old.reshape(SIDE, SIDE), matrix, moves[:, g])
        np.testing.assert_allclose(new, expected.ravel(), rtol=0, atol=1e-12)


def test_one_by_one_they_are_those_of_the_lab() -> None:
    before = pictures(4, np.float32, 28)
    after = before.copy()
    RandomAffine(28, group=1, angle=0.2, stretch=0.12, slant=0.2, shift=2.0)(
        after, np.random.default_rng(3)
    )
    expected = lab.warp(before, np.random.default_rng(3))
    np.testing.assert_allclose(after, expected, rtol=0, atol=2e-5)


def test_what_does_not_fit_is_refused() -> None:
    for name, value in (("angle", -0.1), ("stretch", 1.0), ("slant", np.nan), ("group", 0)):
        with pytest.raises(ours.InputError, match=f"^{name}: "):
            RandomAffine(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(ours.InputError, match=r"^pictures: expected shape \(batch, 784\)"):
        RandomAffine()(pictures(2), np.random.default_rng(0))


Transform = Callable[[np.ndarray, np.random.Generator], None]


def noise(inputs: np.ndarray, rng: np.random.Generator) -> None:
    inputs += rng.standard_normal(inputs.shape)


def loader(
    prefetch: int = 0, transform: Transform | None = noise, seed: int = 1
) -> ours.DataLoader:
    return ours.DataLoader(
        pictures(13),
        np.arange(13),
        batch_size=5,
        shuffle=True,
        rng=np.random.default_rng(seed),
        dtype=np.float64,
        transform=transform,
        prefetch=prefetch,
    )


@pytest.mark.parametrize("prefetch", [1, 2, 3, 7])
@pytest.mark.parametrize("into_out", [False, True])
def test_batches_made_ahead_are_the_same(prefetch: int, into_out: bool) -> None:
    plain, ahead = loader(), loader(prefetch)
    out = np.empty((5, SIDE * SIDE)) if into_out else None
    for _ in range(2):
        pairs = list(zip(plain.batches(), _copies(ahead, out), strict=True))
        assert [len(y) for (_, y), _ in pairs] == [5, 5, 3]
        for (x, y), (x_ahead, y_ahead) in pairs:
            np.testing.assert_array_equal(x, x_ahead)
            np.testing.assert_array_equal(y, y_ahead)


def _copies(source: ours.DataLoader, out: np.ndarray | None) -> list[tuple[np.ndarray, np.ndarray]]:
    batches = []
    for x, y in source.batches(out=out):
        assert out is None or np.shares_memory(x, out)
        batches.append((x.copy(), y))
    return batches


def by_label(source: ours.DataLoader) -> dict[int, np.ndarray]:
    return {int(y): x for xs, ys in source for x, y in zip(xs, ys, strict=True)}


def test_a_transform_changes_every_epoch_anew_and_no_original() -> None:
    source = loader()
    first, second = by_label(source), by_label(source)
    untouched = dict(enumerate(pictures(13)))
    for label, original in untouched.items():
        changes = first[label] - original, second[label] - original
        assert all(np.abs(change).max() > 0.5 for change in changes)
        assert np.abs(changes[0] - changes[1]).max() > 0.5
    plain = by_label(loader(transform=None))
    for label, original in untouched.items():
        np.testing.assert_array_equal(plain[label], original)


def test_without_a_transform_the_order_is_as_ever() -> None:
    drawn = np.random.default_rng(1)
    source = loader(2, None)
    for _ in range(2):
        order = np.concatenate([y for _, y in source])
        np.testing.assert_array_equal(order, drawn.permutation(13))


def test_nothing_goes_on_after_an_epoch_was_left() -> None:
    before = threading.active_count()
    batches = loader(2).batches()
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_what_a_transform_raises_arrives() -> None:
    def fail(inputs: np.ndarray, rng: np.random.Generator) -> None:  # noqa: ARG001
        raise ValueError("no picture")

    with pytest.raises(ValueError, match="no picture"):
        list(loader(2, fail))


def test_refusals() -> None:
    with pytest.raises(ours.InputError, match=r"^rng: .* to transform with"):
        ours.DataLoader(pictures(3), np.arange(3), transform=noise)
    with pytest.raises(ours.InputError, match=r"^prefetch: "):
        loader(-1)


def train(
    workers: int,
    callbacks: list[ours.Callback],
    model: ours.Sequential,
    transform: Transform | None = None,
) -> None:
    source = ours.DataLoader(
        pictures(13, np.float32),
        np.arange(13) % 2,
        batch_size=4,
        rng=np.random.default_rng(0),
        transform=transform,
    )
    optimizer = ours.SGD(model.parameters(), lr=0.1)
    trainer = ours.Trainer(model, ours.CrossEntropyLoss(), optimizer, callbacks, workers=workers)
    trainer.fit(source, None, epochs=2)


def test_workers_would_each_make_their_own() -> None:
    model = ours.mlp([SIDE * SIDE, 16, 2], rng=np.random.default_rng(0))
    with pytest.raises(
        ours.InputError, match=r"^workers: expected 1, for a loader with a transform"
    ):
        train(2, [], model, transform=noise)
    average = ours.Averaged(ours.ExponentialMovingAverage(model.parameters()))
    with pytest.raises(ours.InputError, match=r"^workers: expected 1, for an average"):
        train(2, [average], model)


class Notes(ours.Callback):
    """Notes the weights after every step."""

    def __init__(self, model: ours.Sequential) -> None:
        self.model = model
        self.weights: list[np.ndarray] = []

    def on_step_end(self, epoch: int, step: int, loss: float) -> None:  # noqa: ARG002
        """Note them."""
        self.weights.append(self.model.arena.values.copy())


def test_the_model_has_the_average_in_the_end() -> None:
    model = ours.mlp([SIDE * SIDE, 16, 2], rng=np.random.default_rng(0))
    notes = Notes(model)
    average = ours.StochasticWeightAverage(model.parameters())
    train(1, [notes, ours.Averaged(average)], model)
    assert len(notes.weights) == 8
    np.testing.assert_allclose(
        model.arena.values, np.mean(notes.weights, axis=0), rtol=0, atol=1e-6
    )
    assert np.abs(model.arena.values - notes.weights[-1]).max() > 1e-3
