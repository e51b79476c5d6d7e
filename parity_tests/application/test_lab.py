"""The course lab's network: its formulas, its pictures, and its average."""

import ast
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import affine_transform

import numpy_impl as ours
from numpy_impl import lab

INPUTS, HIDDEN, CLASSES, BATCH = 13, 7, 5, 11
Network = type[lab.PlainNetwork]


def batch(features: int = INPUTS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((BATCH, features))
    x[0] = 0
    return x, rng.integers(0, CLASSES, BATCH)


def network(kind: Network = lab.PlainNetwork, features: int = INPUTS) -> lab.PlainNetwork:
    return kind(features, HIDDEN, CLASSES, lr=0.25, rng=np.random.default_rng(1))


def library_twin(net: lab.PlainNetwork) -> ours.Sequential:
    twin = ours.mlp([INPUTS, HIDDEN, CLASSES], rng=np.random.default_rng(0), dtype=np.float64)
    arrays = (net.W1.T, net.b1[0], net.W2.T, net.b2[0])
    for parameter, array in zip(twin.parameters(), arrays, strict=True):
        parameter.data = array
    return twin


def test_the_file_needs_numpy_alone() -> None:
    tree = ast.parse(Path(lab.__file__).read_text())
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }
    assert imported == {"numpy", "numpy.typing"}


def test_shapes_and_scale_of_the_lab() -> None:
    for kind in (lab.PlainNetwork, lab.NeuralNetwork):
        net = kind(rng=np.random.default_rng(0))
        shapes = [getattr(net, name).shape for name in ("W1", "b1", "W2", "b2")]
        assert shapes == [(784, 128), (1, 128), (128, 10), (1, 10)]
        assert net.W1.std() == pytest.approx(np.sqrt(2 / 784), rel=0.01)
        assert net.W2.std() == pytest.approx(np.sqrt(2 / 128), rel=0.1)
        assert not net.b1.any()


def test_plain_steps_are_the_librarys() -> None:
    net = network()
    twin = library_twin(net)
    loss, optimizer = ours.CrossEntropyLoss(), ours.SGD(twin.parameters(), lr=0.25)
    for seed in range(5):
        x, y = batch(seed=seed)
        value = loss(twin(x), y)
        twin.backward(loss.backward())
        optimizer.step()
        assert net.train_step(x, y) == pytest.approx(value, rel=1e-13)
    for parameter, name in zip(twin.parameters(), ("W1", "b1", "W2", "b2"), strict=True):
        expected = parameter.data.T if parameter.data.ndim == 2 else parameter.data[None]
        np.testing.assert_allclose(getattr(net, name), expected, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(net.predict(x), twin.predict(x).argmax(axis=1))


def test_the_loss_is_finite_for_far_apart_logits() -> None:
    net = network()
    net.W2 *= 1e5
    x, y = batch()
    probs = net.forward(x)
    loss = net.backward(x, y, probs)
    assert np.isfinite(loss)
    assert loss > 1e3
    assert (probs == 0).any()


def test_steps_are_those_of_adamw() -> None:
    net = network(lab.NeuralNetwork)
    twin = library_twin(net)
    weights, biases = [0, 2], [1, 3]
    parameters = list(twin.parameters())
    groups = [
        {"params": [parameters[i] for i in weights], "weight_decay": 1e-3},
        {"params": [parameters[i] for i in biases], "weight_decay": 0.0},
    ]
    loss, optimizer = ours.CrossEntropyLoss(), ours.AdamW(groups, lr=0.4 * 0.25)
    for seed in range(5):
        x, y = batch(seed=seed)
        loss(twin(x), y)
        twin.backward(loss.backward())
        optimizer.step()
        net.backward(x, y, net.forward(x))
    for parameter, name in zip(parameters, ("W1", "b1", "W2", "b2"), strict=True):
        expected = parameter.data.T if parameter.data.ndim == 2 else parameter.data[None]
        np.testing.assert_allclose(getattr(net, name), expected, rtol=0, atol=1e-4)


def test_what_predicts_is_the_average() -> None:
    net = network(lab.NeuralNetwork)
    plain = network(lab.NeuralNetwork)
    plain.copies = 1
    net.copies = 1
    average = net.W1.astype(np.float64)
    for seed in range(4):
        x, y = batch(seed=seed)
        net.train_step(x, y)
        plain.backward(x, y, plain.forward(x))
        decay = (2 + seed) / (11 + seed)
        average = decay * average + (1 - decay) * plain.W1
        np.testing.assert_allclose(net.W1, average, rtol=0, atol=1e-6)


def test_learning_goes_on_from_weights_that_were_put_in() -> None:
    net = network(lab.NeuralNetwork)
    x, y = batch()
    net.train_step(x, y)
    net.W2 = np.full_like(net.W2, 3.0)
    net.lr = 0.0
    net.train_step(x, y)
    np.testing.assert_array_equal(net.W2, 3.0)


def test_arguments_are_left_alone() -> None:
    rng = np.random.default_rng(0)
    for kind in (lab.PlainNetwork, lab.NeuralNetwork):
        x, y = rng.random((BATCH, 784)), rng.integers(0, CLASSES, BATCH)
        before, net = x.copy(), network(kind, 784)
        probs = net.forward(x)
        kept = probs.copy()
        net.backward(x, y, probs)
        net.train_step(x, y)
        np.testing.assert_array_equal(x, before)
        np.testing.assert_array_equal(probs, kept)


def test_same_generator_same_bits() -> None:
    x, y = np.random.default_rng(2).random((BATCH, 784)), np.arange(BATCH) % CLASSES
    results = []
    for _ in range(2):
        net = network(lab.NeuralNetwork, 784)
        net.train_step(x, y)
        results.append(net.W1)
    np.testing.assert_array_equal(*results)


def test_no_amounts_change_nothing() -> None:
    rng = np.random.default_rng(0)
    pictures = rng.random((3, 784), dtype=np.float32)
    same = lab.warp(pictures, rng, angle=0, stretch=0, slant=0, shift=0)
    np.testing.assert_array_equal(same, pictures)


class Fixed(np.random.Generator):
    """A generator whose `uniform` returns the amounts that it was made with, one after another."""

    def __init__(self, amounts: list[float]) -> None:
        super().__init__(np.random.PCG64(0))
        self.amounts = iter(amounts)

    def uniform(self, low: object, high: object, size: object) -> np.ndarray:  # type: ignore[override] # noqa: ARG002, D102
        return np.array([next(self.amounts) for _ in range(int(np.prod(size)))]).reshape(size)


@pytest.mark.parametrize(
    ("turn", "shear", "height", "width", "move"),
    [
        (0.0, 0.0, 0.0, 0.0, (3.0, -2.0)),
        (0.3, 0.0, 0.0, 0.0, (0.0, 0.0)),
        (-0.2, 0.15, 0.1, -0.07, (1.3, -0.6)),
        (0.0, 0.0, 0.0, 0.0, (40.0, 0.0)),
    ],
)
def test_warp_is_an_affine_transform(
    turn: float, shear: float, height: float, width: float, move: tuple[float, float]
) -> None:
    picture = np.random.default_rng(0).random((28, 28))
    cos, sin = np.cos(turn), np.sin(turn)
    rotation = np.array([[cos, -sin], [sin, cos]])
    matrix = rotation @ [[1, shear], [0, 1]] @ np.diag([1 + height, 1 + width])
    centre = np.full(2, 13.5)
    # SciPy fades to black only between pixels of its own array: let black be in it.
    framed = np.pad(picture, 60)
    expected = affine_transform(
        framed, matrix, centre + 60 + move - matrix @ (centre + 60), order=1, mode="constant"
    )[60:-60, 60:-60]
    drawn = Fixed([turn, shear, height, width, *move])
    warped = lab.warp(picture.reshape(1, -1), drawn).reshape(28, 28)
    np.testing.assert_allclose(warped, expected, rtol=0, atol=2e-5)


def test_every_picture_is_changed_in_its_own_way() -> None:
    picture = np.random.default_rng(0).random(784)
    warped = lab.warp(np.tile(picture, (4, 1)), np.random.default_rng(1))
    assert len({row.tobytes() for row in warped}) == 4
