"""What the experiments measure, against plain formulas."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from numpy_impl import (
    GELU,
    SELU,
    SGD,
    Adam,
    CrossEntropyLoss,
    DivergenceError,
    InputError,
    LeakyReLU,
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    SiLU,
    Tanh,
    mlp,
)
from numpy_impl.app.json_data import plain
from numpy_impl.data import load_moons
from numpy_impl.experiments import optimizers, worst
from numpy_impl.experiments.activations import deep_network, right_gain
from numpy_impl.experiments.fluctuation import spreads
from numpy_impl.experiments.losses import LOSSES, one_hot, signs
from numpy_impl.experiments.measures import (
    binomial_error,
    confidence,
    cross_entropies,
    dead_share,
    gradient_norms,
    paired_error,
    pre_activations,
    spread,
)
from numpy_impl.experiments.optimizers import best_position, learning_rate
from numpy_impl.experiments.runs import Recipe, network_of, score, train, train_steps
from numpy_impl.experiments.samples import Data, Samples, from_dataset
from numpy_impl.experiments.tables import Table, counted, numbers, shares, short
from numpy_impl.initializers import calculate_gain

CLASSES, FEATURES = 3, 5


def samples(count: int, seed: int) -> Samples:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, count)
    images = rng.integers(0, 60, (count, FEATURES))
    images[np.arange(count), labels] += 150
    return Samples(images.astype(np.uint8), labels, 1 / 255)


@pytest.fixture
def data() -> Data:
    return Data(samples(70, 0), samples(40, 1), CLASSES)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_spread() -> None:
    assert spread([3.0]) == (3.0, None)
    assert spread([1.0, 2.0, 6.0]) == (3.0, pytest.approx(math.sqrt((4 + 1 + 9) / 2)))


def test_binomial_error_is_that_of_a_mean() -> None:
    right = np.repeat([1.0, 0.0], [97, 3])
    assert binomial_error(0.97, 100) == pytest.approx(right.std() / 10)
    assert binomial_error(1.0, 7) == 0


def test_paired_error_counts_the_disagreements() -> None:
    # Both right, only the first, only the second, both wrong.
    first = np.repeat([True, True, False, False], [50, 9, 4, 37])
    second = np.repeat([True, False, True, False], [50, 9, 4, 37])
    b, c, n = 0.09, 0.04, 100
    assert paired_error(first, second) == pytest.approx(math.sqrt((b + c - (b - c) ** 2) / n))
    assert paired_error(first, first) == 0


def test_cross_entropies_and_confidence(rng: np.random.Generator) -> None:
    logits = rng.standard_normal((6, CLASSES)).astype(np.float32)
    labels = np.array([0, 1, 2, 2, 1, 0])
    e = np.exp(logits.astype(np.float64))
    p = e / e.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(cross_entropies(logits, labels), -np.log(p[np.arange(6), labels]))
    assert confidence(logits) == pytest.approx(p.max(axis=1).mean())
    huge = np.array([[1e30, 0, 0]], np.float32)
    assert cross_entropies(huge, np.array([1])) == pytest.approx(1e30)


def test_pre_activations(rng: np.random.Generator) -> None:
    network = mlp([FEATURES, 4, CLASSES], rng=rng, dtype=np.float64)
    x = rng.standard_normal((30, FEATURES))
    first, _, second = network
    assert isinstance(first, Linear)
    assert isinstance(second, Linear)
    assert second.bias is not None
    second.bias.data[:] = [5, -1, 2]
    z1 = x @ first.weight.data.T
    z2 = np.maximum(z1, 0) @ second.weight.data.T + second.bias.data
    for signal, z in zip(pre_activations(network, x), (z1, z2), strict=True):
        assert signal.scale == pytest.approx(math.sqrt((z**2).mean()))
        rest = z - z.mean(axis=0)
        assert signal.variation == pytest.approx(math.sqrt((rest**2).mean()))


def test_gradient_norms(rng: np.random.Generator) -> None:
    network = mlp([FEATURES, 4, CLASSES], rng=rng)
    norms = []
    for name, parameter in zip("WbWb", network.parameters(), strict=True):
        parameter.grad[...] = rng.standard_normal(parameter.shape)
        if name == "W":
            norms.append(math.sqrt((parameter.grad.astype(np.float64) ** 2).sum()))
    assert gradient_norms(network) == pytest.approx(norms)


def test_dead_share(rng: np.random.Generator) -> None:
    x = rng.random((20, FEATURES)).astype(np.float32)
    network = mlp([FEATURES, 4, 3, CLASSES], rng=rng)
    first, second = network[0], network[2]
    assert isinstance(first, Linear)
    assert isinstance(second, Linear)
    for layer in (first, second):
        assert layer.bias is not None
        layer.weight.data[...] = np.abs(layer.weight.data)
    assert dead_share(network, x) == 0
    assert first.bias is not None
    first.bias.data[1] = -100
    assert dead_share(network, x) == pytest.approx(1 / 7)
    ended = network_of(4, softmax=True)(FEATURES, CLASSES, rng)
    ended.parameters()[0].data[:3] = 0
    ended.parameters()[0].data[3] = 1
    assert dead_share(ended, x) == 0.75
    assert dead_share(Sequential(Linear(FEATURES, 2, rng=rng)), x) is None
    saturated = Sequential(Linear(FEATURES, 2, rng=rng), Sigmoid(), Linear(2, 2, rng=rng))
    saturated.parameters()[1].data[0] = 1000
    assert dead_share(saturated, x) == 0.5


def test_right_gain_keeps_the_second_moment() -> None:
    assert right_gain(ReLU) == pytest.approx(math.sqrt(2), rel=1e-6)
    assert right_gain(LeakyReLU) == pytest.approx(calculate_gain("leaky_relu"), rel=1e-6)
    assert right_gain(SELU) == pytest.approx(1, rel=1e-6)
    assert right_gain(Sigmoid) == 4
    z, weights = np.polynomial.hermite_e.hermegauss(150)
    for activation in (Tanh, GELU, SiLU):
        y = activation().infer(z[:, np.newaxis])[:, 0]
        moment = float((weights * y**2).sum() / weights.sum())
        assert right_gain(activation) == pytest.approx(1 / math.sqrt(moment), rel=1e-5)


def test_deep_network(rng: np.random.Generator) -> None:
    network = deep_network(Tanh, 1.5, 3, 200)(100, 10, rng)
    assert network.widths(100)[::2] == (200, 200, 200, 10)
    assert isinstance(network[-1], Linear)
    for parameter in network.parameters():
        if parameter.ndim == 1:
            assert not parameter.data.any()
        else:
            std = 1.5 / math.sqrt(parameter.shape[1])
            assert float(parameter.data.std()) == pytest.approx(std, rel=0.05)
    usual = deep_network(Tanh, None, 1, 200)(100, 10, rng).parameters()[0].data
    assert 0.09 < usual.max() <= 0.1


def test_spreads_of_independent_answers_are_binomial(rng: np.random.Generator) -> None:
    right = rng.random((30, 20, 500)) < 0.9
    found = spreads(right, 5, rng.permutation(500))
    assert found.accuracy == pytest.approx(0.9, abs=0.002)
    binomial = math.sqrt(0.9 * 0.1 / 500)
    for value in (found.seeds, found.seeds_binomial, found.seeds_paired):
        assert value == pytest.approx(binomial, rel=0.05)
    for value in (found.steps, found.steps_binomial, found.steps_paired):
        assert value == pytest.approx(math.sqrt(2) * binomial, rel=0.05)
    for value in (found.blocks, found.blocks_binomial):
        assert value == pytest.approx(math.sqrt(5) * binomial, rel=0.05)
    assert found.seeds_disagree == pytest.approx(0.18, rel=0.05)
    assert found.steps_disagree == pytest.approx(0.18, rel=0.05)


def test_spreads_of_equal_networks(rng: np.random.Generator) -> None:
    right: NDArray[np.bool_] = np.broadcast_to(rng.random(500) < 0.9, (3, 2, 500))
    found = spreads(right, 5, rng.permutation(500))
    assert found.seeds == found.seeds_paired == found.seeds_disagree == 0
    assert found.steps == found.steps_paired == found.steps_disagree == 0
    assert found.seeds_binomial > 0.01
    assert found.blocks == pytest.approx(found.blocks_binomial, rel=0.7)


@pytest.mark.parametrize("best", [-4, 0, 1, 6])
def test_search_ends_beside_the_best(best: int) -> None:
    asked = []

    def judge(position: int) -> float:
        asked.append(position)
        return -abs(position - best)

    position, values = best_position(0, judge)
    assert position == best
    assert sorted(values) == list(range(min(-1, best - 1), max(1, best + 1) + 1))
    assert sorted(asked) == sorted(values)


def test_search_where_all_fail() -> None:
    _, values = best_position(2, lambda _: -math.inf)
    assert list(values) == [1, 2, 3]


def test_learning_rates() -> None:
    assert [learning_rate(n) for n in range(-7, 3)] == [
        3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 3, 10,
    ]  # fmt: skip


def test_learning_rates_are_not_chosen_on_test_samples(data: Data) -> None:
    other = data._replace(test=data.test._replace(labels=(data.test.labels + 1) % CLASSES))
    plan = optimizers.SMALL._replace(names=("SGD", "Adam"))
    a, b = (optimizers.run(d, range(1), plan).figures["runs"] for d in (data, other))
    for ours, theirs in zip(a, b, strict=True):
        assert ours["validation_accuracy"] == theirs["validation_accuracy"]
        assert ours["test_accuracy"] != theirs["test_accuracy"]


def test_muon_has_its_biases_trained(data: Data) -> None:
    plan = optimizers.SMALL._replace(names=("Muon, Adam for biases",))
    made = []
    choice = optimizers.OPTIMIZERS[plan.names[0]]

    def make(parameters: list[object], lr: float) -> object:
        made.append(parameters)
        return choice.make(parameters, lr)  # type: ignore[arg-type]

    optimizers._train(make, 0.01, data, 0, 1)  # type: ignore[arg-type]
    assert all(parameter.data.any() for parameter in made[0])  # type: ignore[attr-defined]


def test_hold_out(data: Data, rng: np.random.Generator) -> None:
    search = data.hold_out(0.3, rng)
    assert (search.train.size, search.test.size) == (49, 21)
    rows = np.concatenate([search.train.images, search.test.images])
    assert sorted(map(tuple, rows)) == sorted(map(tuple, data.train.images))
    for image, label in zip(search.test.images[:5], search.test.labels, strict=False):
        found = (data.train.images == image).all(axis=1).argmax()
        assert data.train.labels[found] == label


def test_samples(data: Data) -> None:
    few = data.first(7, 5)
    assert (few.train.size, few.test.size) == (7, 5)
    assert data.first(None).train.size == 70
    np.testing.assert_array_equal(few.test.inputs(), few.test.images * np.float32(1 / 255))
    assert few.test.inputs().dtype == np.float32
    with pytest.raises(InputError, match="a data set of pictures, got moons"):
        from_dataset(load_moons(np.random.default_rng(0)))


def test_steps_are_those_of_epochs(data: Data) -> None:
    recipe = Recipe(network=network_of(4), batch_size=16)
    one = train(recipe, data, 3, 2).network
    assert train_steps(recipe, data, 3, 10).arena.values.tobytes() == one.arena.values.tobytes()
    assert train_steps(recipe, data, 3, 9).arena.values.tobytes() != one.arena.values.tobytes()


def test_steps_may_diverge(data: Data) -> None:
    recipe = Recipe(optimizer=partial(SGD, lr=1e20))
    with pytest.raises(DivergenceError, match="in step 2"):
        train_steps(recipe, data, 0, 5)
    with pytest.raises(DivergenceError, match="in epoch"):
        train(recipe, data, 0, 5)
    assert train(recipe, data, 0, 5, may_diverge=True).diverged


def test_network_with_softmax_has_the_same_weights() -> None:
    x = samples(9, 2).inputs()
    plain_network, ended = (
        network_of(4, softmax=softmax)(FEATURES, CLASSES, np.random.default_rng(5))
        for softmax in (False, True)
    )
    e = np.exp(plain_network.predict(x).astype(np.float64))
    np.testing.assert_allclose(ended.predict(x), e / e.sum(axis=1, keepdims=True), rtol=1e-5)


def test_score(data: Data, rng: np.random.Generator) -> None:
    network = mlp([FEATURES, CLASSES], rng=rng)
    logits = network.predict(data.test.inputs())
    found = score(network, data.test)
    wrong = logits.argmax(axis=1) != data.test.labels
    assert 0 < wrong.mean() < 1
    assert found.accuracy == pytest.approx(1 - wrong.mean())
    assert found.loss == pytest.approx(CrossEntropyLoss()(logits, data.test.labels), rel=1e-6)
    loss = CrossEntropyLoss()(logits[wrong], data.test.labels[wrong])
    assert found.wrong_loss == pytest.approx(loss, rel=1e-6)


def test_targets() -> None:
    assert one_hot(np.array([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert signs(np.array([2, 0]), 3).tolist() == [[-1, -1, 1], [1, -1, -1]]


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_learns(name: str, data: Data) -> None:
    choice = LOSSES[name]
    recipe = Recipe(
        network=network_of(16, softmax=choice.softmax),
        loss=choice.make,
        targets=choice.targets,
        optimizer=partial(Adam, lr=1e-2),
        batch_size=4,
    )
    assert train(recipe, data, 0, 12).history.test_accuracy[-1] > 0.9


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_every_optimizer_learns(name: str, data: Data) -> None:
    choice = optimizers.OPTIMIZERS[name]
    run = optimizers._train(choice.make, 10 * choice.lr, data, 0, 30)
    assert run.history.test_accuracy[-1] > 0.9


LN = math.log(10)
SOUND = worst.Measured(2.4, 2.5, 0.2, 1.7, 0.7, 0.0, 0.0, 0.12, 0.95)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({}, []),
        ({"first_loss": LN}, ["first loss ln 10 to four digits"]),
        ({"first_loss": 2 * LN, "highest_loss": 5.0}, ["first loss 2 times ln 10"]),
        ({"highest_loss": 70.0}, ["loss jumps to 70"]),
        ({"first_gradient": 1e-6}, ["no gradient in the first layer"]),
        ({"first_gradient": 0.0, "last_gradient": 0.0}, ["no gradient in the first layer"]),
        ({"first_gradient": 600.0}, ["large gradients"]),
        ({"alike": 1.0}, ["hidden units alike"]),
        ({"last_loss": 2.31, "accuracy": 0.4}, ["loss ends at ln 10"]),
        ({"dead": 0.98}, ["98 % of the hidden units dead"]),
        ({"one_answer": 0.7}, ["70 % of the answers the same"]),
        ({"accuracy": 0.11}, ["accuracy at chance"]),
        ({"last_loss": 1.5}, ["loss 1.5 in spite of the accuracy"]),
        ({"accuracy": 0.91}, ["nothing but 4.0 points of accuracy"]),
        ({"accuracy": 0.945}, []),
    ],
)
def test_symptoms(seen: dict[str, float], expected: list[str]) -> None:
    assert worst.symptoms(SOUND._replace(**seen), 0.95, 10) == expected


def test_nothing_seen_is_no_symptom() -> None:
    nothing = worst.Measured(*[None] * 9)
    assert worst.symptoms(nothing, None, 10) == []
    assert worst.median([nothing, SOUND, SOUND._replace(dead=1.0)]) == SOUND._replace(dead=0.5)


def test_alike_share(rng: np.random.Generator) -> None:
    network = mlp([FEATURES, 4, CLASSES], rng=rng)
    assert worst.alike_share(network) == 0
    weight = network.parameters()[0].data
    weight[2] = weight[0]
    assert worst.alike_share(network) == 0.5


def test_measure(data: Data, rng: np.random.Generator) -> None:
    network = mlp([FEATURES, 4, CLASSES], rng=rng)
    found = worst.measure(network, [3.0, 9.0, *[1.0] * 50], [5.0, 6.0, 7.0], data)
    answers = network.predict(data.test.inputs()).argmax(axis=1)
    assert found[:5] == (3, 9, 1, 5, 7)
    assert found.dead == dead_share(network, data.test.inputs())
    assert found.one_answer == max((answers == label).mean() for label in range(CLASSES))
    assert found.accuracy == (answers == data.test.labels).mean()


def test_changes_of_the_data(data: Data, rng: np.random.Generator) -> None:
    changed = {
        name: case.change(data, rng)
        for name, case in worst.CASES.items()
        if case.change is not worst.Case().change
    }
    assert changed.keys() == {
        "pixels from 0 to 255",
        "sorted by class, not shuffled",
        "labels shuffled apart",
    }
    raw = changed["pixels from 0 to 255"]
    assert raw.test.inputs().max() > 150
    np.testing.assert_array_equal(raw.train.inputs(), data.train.images)
    ordered = changed["sorted by class, not shuffled"].train
    assert (np.diff(ordered.labels) >= 0).all()
    assert (ordered.images[np.arange(70), ordered.labels] >= 150).all()
    apart = changed["labels shuffled apart"]
    assert sorted(apart.train.labels) == sorted(data.train.labels)
    assert (apart.train.labels != data.train.labels).any()
    assert apart.train.images is data.train.images
    assert apart.test is data.test


def test_divergence_has_a_beginning(data: Data) -> None:
    plan = worst.SMALL._replace(names=("uphill",), epochs=300)
    (case,) = worst.run(data, range(1), plan).figures["cases"]
    assert case["diverged"] == 1
    assert case["symptoms"][0].startswith("diverges: loss ")
    assert case["median"]["first_loss"] < 3 < case["median"]["highest_loss"]
    assert case["median"]["accuracy"] is None


def test_cells() -> None:
    assert shares([0.5]) == "50.00 %"
    assert shares([0.5, 0.52]) == "51.00 ± 1.41 %"
    assert numbers([1.0]) == "1.000"
    assert numbers([1.0, 1.5]) == "1.250 ± 0.354"
    assert short(2.302585, 4) == "2.303"
    assert [short(v) for v in (None, math.nan, 0.0, 1234.5)] == ["-", "-", "0", "1.23e+03"]
    assert (counted(1, "epoch"), counted(2, "epoch")) == ("1 epoch", "2 epochs")


def test_table() -> None:
    table = Table("Words.", ("a", "b", "c"), [("x|y", "1", "w"), ("z", "22", "ww")], words=(0, 2))
    assert table.markdown() == (
        "Words.\n\n| a | b | c |\n| --- | ---: | --- |\n| x\\|y | 1 | w |\n| z | 22 | ww |\n"
    )
    assert table.text() == "Words.\n\na     b  c\nx|y   1  w\nz    22  ww"
    assert replace(table, words=(0,)).text().endswith("22  ww")


def test_plain() -> None:
    assert plain({1: (math.nan, 2.0, "a"), "b": None}) == {"1": [None, 2.0, "a"], "b": None}
