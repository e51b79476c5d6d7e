"""Threads, processes and copies: what may be shared gives equal bits; nothing else is shared."""

import copy
import multiprocessing
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_impl as ours
from numpy_impl import baselines, schedulers
from numpy_impl.data.augment import RandomAffine
from parity_tests.cases.losses import LOSSES
from parity_tests.cases.optimizers import OPTIMIZERS
from parity_tests.cases.schedulers import SCHEDULERS
from parity_tests.checks.layers import CASES
from parity_tests.checks.raising import raised
from parity_tests.checks.schedulers import make as make_schedule
from parity_tests.contracts.sharing import (
    arrays_in,
    blocks,
    disconnected,
    mlp,
    shared,
    train_a_step,
    work,
)
from parity_tests.faults import Fault, planted
from parity_tests.inputs import BATCH, CLASSES, FEATURES, HIDDEN, normal

THREADS = 8
FLOAT32 = np.dtype(np.float32)


def rng(seed: int = 0) -> np.random.Generator:
    """A fresh generator."""
    return np.random.default_rng(seed)


def numbers(*shape: int, seed: int = 1) -> Any:
    """Normal numbers in float32."""
    return normal(rng(seed), shape).astype(np.float32)


X, Y = numbers(BATCH, FEATURES), rng(3).integers(0, CLASSES, BATCH)


LAYERS: dict[str, Callable[[], Any]] = {
    case.operation.__name__: partial(case.make, next(iter(case.variants)), rng(), FLOAT32)
    for case in CASES
}
SHAPES = {case.operation.__name__: max(case.shapes, key=np.prod) for case in CASES}


@contextmanager
def hasty() -> Iterator[None]:
    """Let threads take turns as often as Python can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def in_threads(calls: list[Callable[[], Any]]) -> list[Any]:
    """Return what calls give that all begin at once, each in a thread."""
    barrier = threading.Barrier(len(calls))

    def one(call: Callable[[], Any]) -> Any:
        barrier.wait()
        return call()

    with hasty(), ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(one, calls))


def wrong_in_threads(model: ours.Sequential) -> list[tuple[int, int]]:
    """Return where eight threads at once predict other bits than one."""
    inputs = [numbers(rows, FEATURES, seed=rows) for rows in (1, 1, 3, 64, 257)]
    sizes = (1, 7, 4096)
    expected = {
        (n, size): model.predict(x, batch_size=size).tobytes()
        for n, x in enumerate(inputs)
        for size in sizes
    }

    def predict(first: int) -> list[tuple[int, int]]:
        keys = list(expected)
        wrong = []
        for n, size in keys[first:] + keys[:first]:
            if model.predict(inputs[n], batch_size=size).tobytes() != expected[n, size]:
                wrong.append((n, size))
        return wrong

    found = in_threads([partial(predict, n) for n in range(THREADS)])
    return [key for keys in found for key in keys]


@pytest.mark.parametrize("make", [mlp, blocks])
def test_threads_predict_equal_bits(make: Callable[[], ours.Sequential]) -> None:
    model = make()
    for _ in range(3):
        train_a_step(model, ours.SGD(model.parameters(), lr=0.1), X, Y)
    assert not wrong_in_threads(model)


@pytest.mark.parametrize("name", LAYERS)
def test_threads_infer_equal_bits(name: str) -> None:
    layer = LAYERS[name]()
    layer.eval()
    inputs = [numbers(*SHAPES[name], seed=seed) for seed in range(THREADS)]
    expected = [layer.infer(x).tobytes() for x in inputs]

    def infer(n: int) -> bool:
        return all(
            call(inputs[n]).tobytes() == expected[n] for call in 5 * [layer.infer, layer.forward]
        )

    assert all(in_threads([partial(infer, n) for n in range(THREADS)]))


def test_threads_that_train_their_own_models() -> None:
    def train(seed: int) -> bytes:
        model = blocks(seed)
        loader = ours.DataLoader(
            numbers(61, FEATURES),
            rng(5).integers(0, CLASSES, 61),
            batch_size=9,
            shuffle=True,
            rng=rng(seed),
            prefetch=seed % 2,
        )
        optimizer = ours.Adam(model.parameters())
        ours.Trainer(model, ours.CrossEntropyLoss(), optimizer).fit(loader, loader, 2)
        return model.arena.values.tobytes()

    alone = [train(seed) for seed in range(4)]
    model = mlp()
    expected = model.predict(X).tobytes()

    def predict() -> bytes:
        for _ in range(50):
            assert model.predict(X).tobytes() == expected
        return expected

    together = in_threads([*(partial(train, seed) for seed in range(4)), predict])
    assert together == [*alone, expected]


SHARED_BUFFER = Fault(
    "one buffer for all threads",
    "numpy_impl.model",
    "Sequential._predict_into",
    "y = np.empty((*x.shape[:-1], widths[number]), x.dtype)",
    "y = self.__dict__.setdefault((x.shape, number), np.empty((*x.shape[:-1], widths[number]), "
    "x.dtype))",
    (),
)


def test_a_shared_buffer_is_noticed() -> None:
    with planted(SHARED_BUFFER):
        assert any(wrong_in_threads(blocks()) for _ in range(20))


# Processes.


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_compute_equal_bits(method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    # In a process of its own: some methods leave servers behind for as long as it lives.
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", work.__module__, method],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [method, "equal", "equal"]


# Copies.

COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
    "deepcopy": copy.deepcopy,
}
copied = pytest.mark.parametrize("how", COPIES)


def with_optimizer(case: Any, variant: str) -> tuple[Any, Any]:
    """Return a model and an optimizer over it."""
    model = mlp() if not case.matrices_only else _without_bias()
    options = dict(case.variants[variant])
    params = options.pop("params", list)(model.parameters())
    return model, case.operation(params, **options)


def _without_bias() -> ours.Sequential:
    g = rng()
    return ours.Sequential(
        ours.Linear(FEATURES, HIDDEN, bias=False, rng=g),
        ours.ReLU(),
        ours.Linear(HIDDEN, CLASSES, bias=False, rng=g),
    )


OPTIMIZER_FORMS = {
    f"{case.operation.__name__}/{variant}": (case, variant)
    for case in OPTIMIZERS
    for variant in list(case.variants)[:2]
}


@copied
@pytest.mark.parametrize("name", OPTIMIZER_FORMS)
def test_a_copied_optimizer_steps_its_copied_model(how: str, name: str) -> None:
    model, optimizer = with_optimizer(*OPTIMIZER_FORMS[name])
    start = model.arena.values.copy()
    train_a_step(model, optimizer, X, Y)
    average = ours.ExponentialMovingAverage(model.parameters())
    average.update()
    things = (model, optimizer, average)
    copies = other, other_optimizer, other_average = COPIES[how](things)
    assert not shared(things, copies)
    assert not disconnected(other)
    before = model.arena.values.tobytes()
    for _ in range(2):
        train_a_step(other, other_optimizer, X, Y)
        other_average.update()
    assert model.arena.values.tobytes() == before, "the copy has stepped the original"
    for _ in range(2):
        train_a_step(model, optimizer, X, Y)
        average.update()
    assert model.arena.values.tobytes() == other.arena.values.tobytes()
    average.copy_to()
    other_average.copy_to()
    assert model.arena.values.tobytes() == other.arena.values.tobytes()
    assert not np.array_equal(model.arena.values, start), "nothing has moved"


@copied
@pytest.mark.parametrize("name", LAYERS)
def test_a_copied_layer(how: str, name: str) -> None:
    layer, x = LAYERS[name](), numbers(*SHAPES[name])
    layer.forward(x)
    other = COPIES[how](layer)
    assert not shared(layer, other)
    assert not disconnected(other)
    y, z = layer.forward(x), other.forward(x)
    assert y.tobytes() == z.tobytes()
    grads = layer.backward(np.ones_like(y)), other.backward(np.ones_like(y))
    assert grads[0].tobytes() == grads[1].tobytes()
    for mine, theirs in zip(layer.parameters(), other.parameters(), strict=True):
        assert np.array_equal(mine.grad, theirs.grad)
        theirs.data = theirs.data + 1
        assert not np.array_equal(mine.data, theirs.data)


@copied
@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.operation.__name__)
def test_a_copied_loss(how: str, case: Any) -> None:
    variant = next(iter(case.variants))
    loss = case.make(variant, case.reductions[-1], FLOAT32)
    batch = case.draw(rng(), case.shapes[0], FLOAT32)
    loss.forward(*batch)
    other = COPIES[how](loss)
    assert raised(RuntimeError, other.backward), "the batch is not copied"
    assert other.forward(*batch) == loss.forward(*batch)
    assert not shared(loss, other) or _are_arguments(loss, batch)


def _are_arguments(loss: Any, batch: Any) -> bool:
    # Both remember the batch, which is the caller's.
    loss._cache = None
    return not shared(loss, batch)


def _unnamed(schedule: Any) -> bool:
    return any("lambda" in function.__qualname__ for function in schedule.lr_lambdas)


SCHEDULES = {
    f"{case.operation.__name__}/{variant}": (case, arguments)
    for case in SCHEDULERS
    for variant, arguments in list(case.variants.items())[:1]
}


@copied
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_copied_schedule_sets_its_copied_optimizer(how: str, name: str) -> None:
    case, arguments = SCHEDULES[name]
    model = mlp()
    optimizer = ours.SGD(model.parameters()[:2], momentum=0.9)
    for parameter in model.parameters()[2:]:
        optimizer.add_param_group({"params": [parameter], "lr": 0.01})
    schedule = make_schedule(schedulers, optimizer, case.operation, arguments)
    metric = (1.0,) if case.operation is schedulers.ReduceLROnPlateau else ()
    if how == "pickle" and case.operation is schedulers.LambdaLR and _unnamed(schedule):
        # Python has no way to send a function that has no name.
        with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
            pickle.dumps(schedule)
        return
    _, theirs, other = COPIES[how]((model, optimizer, schedule))
    assert other.optimizer is theirs
    for _ in range(4):
        before = schedule.get_last_lr()
        other.step(*metric)
        assert schedule.get_last_lr() == before
        schedule.step(*metric)
        rates = [[group["lr"] for group in own.param_groups] for own in (optimizer, theirs)]
        assert rates[0] == rates[1] == other.get_last_lr()


@copied
def test_a_copied_loader_goes_on_alike(how: str) -> None:
    loader = ours.DataLoader(
        numbers(9, 784),
        rng().integers(0, 5, 9),
        batch_size=4,
        shuffle=True,
        rng=rng(),
        transform=RandomAffine(),
        prefetch=1,
    )
    list(loader)
    other = COPIES[how](loader)
    assert not shared(loader, other)
    for (x, y), (x_other, y_other) in zip(loader, other, strict=True):
        assert x.tobytes() == x_other.tobytes()
        assert y.tobytes() == y_other.tobytes()


@copied
def test_a_copied_trainer_and_workspace(how: str) -> None:
    model = blocks()
    trainer = ours.Trainer(model, ours.CrossEntropyLoss(), ours.Adam(model.parameters()))
    workspace = ours.Workspace(model, 64, FEATURES)
    trainer.step(X, Y, workspace)
    other, space = COPIES[how]((trainer, workspace))
    assert not shared((trainer, workspace), (other, space))
    assert other.model.arena is other.optimizer._arena
    assert trainer.step(X, Y, workspace) == other.step(X, Y, space)
    assert model.arena.values.tobytes() == other.model.arena.values.tobytes()


@copied
def test_a_copied_baseline(how: str) -> None:
    for made in (
        baselines.KNearestNeighbors(),
        baselines.NearestCentroid(),
        baselines.RandomFeatures(7, rng=rng()),
        baselines.SoftmaxRegression(max_iter=3),
    ):
        made.fit(X, Y)
        other = COPIES[how](made)
        assert not shared(made, other)
        assert np.array_equal(made.scores(X), other.scores(X))


def test_two_models_share_nothing() -> None:
    for make in (mlp, blocks):
        pairs = []
        for seed in range(2):
            model = make(seed)
            loss, optimizer = ours.CrossEntropyLoss(), ours.Adam(model.parameters())
            trainer = ours.Trainer(model, loss, optimizer)
            workspace = ours.Workspace(model, 64, FEATURES)
            x, y = numbers(BATCH, FEATURES, seed=seed), Y.copy()
            trainer.step(x, y, workspace)
            model.predict(x)
            pairs.append((trainer, workspace))
        assert not shared(*pairs)
        assert len(list(arrays_in(pairs[0]))) > 20


@pytest.mark.parametrize("name", LAYERS)
def test_two_layers_share_nothing(name: str) -> None:
    layers = LAYERS[name](), LAYERS[name]()
    for seed, layer in enumerate(layers):
        layer.backward(layer.forward(numbers(*SHAPES[name], seed=seed)))
    assert not shared(*layers)


def test_a_buffer_of_a_class_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours.Dropout, "scratch", np.zeros(3), raising=False)
    assert shared(ours.Dropout(rng=rng()), ours.Dropout(rng=rng()))
    model = mlp()
    assert shared(model, copy.copy(model))


def test_views_that_came_apart_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = mlp()
    monkeypatch.delattr(ours.Parameter, "__getstate__")
    monkeypatch.delattr(ours.Parameter, "__setstate__")
    assert disconnected(copy.deepcopy(model))
    assert not disconnected(model)
