"""Training and metrics."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

import numpy_impl as ours
from numpy_impl import schedulers
from numpy_impl.data.loader import Draw
from parity_tests.arguments.entries.common import (
    DTYPE,
    FALSE,
    FLOAT32,
    GENERATOR,
    TRUE,
    G,
    X,
    Y,
    a_function,
    always,
    count,
    floats,
    labels,
    model,
    number,
    rng,
    thing,
)
from parity_tests.arguments.trying import Argument, Entry, using
from parity_tests.arguments.values import Array
from parity_tests.checks.schedulers import our_optimizer
from parity_tests.inputs import BATCH, CLASSES, FEATURES


def loader(x: Any = X, y: Any = Y, **options: Any) -> ours.DataLoader:
    """A loader over the few samples here."""
    return ours.DataLoader(x, y, **options)


def trainer(**options: Any) -> ours.Trainer:
    """A trainer of a new network."""
    network = model()
    return ours.Trainer(
        network, ours.CrossEntropyLoss(), ours.SGD(network.parameters(), lr=0.1), **options
    )


def _history(history: ours.History) -> Any:
    found = history.to_dict()
    del found["seconds"]
    return found


def training_entries() -> Iterator[Entry]:
    """Yield the loader, the trainer, callbacks and metrics."""

    def batches(**given: Any) -> Any:
        return using(lambda: ours.DataLoader(**given), list)

    two = lambda s: len(s) == 2 and s[0] == BATCH and s[1] > 0  # noqa: E731
    options = {
        "batch_size": count(3),
        "shuffle": TRUE,
        "drop_last": FALSE,
        "rng": GENERATOR,
        "scale": number(0.5, optional=True),
        "dtype": DTYPE,
        "transform": a_function(_double, optional=True),
        "prefetch": count(1),
    }
    # A loader keeps what it is given, and converts batch by batch.
    inputs = floats(X, fits=two, dtype=FLOAT32, also=("targets", "scale"))
    inputs_scaled = replace(inputs, taken=("u1",))
    # Rows of numbers, or one number for each sample.
    targets = Argument("numbers", always(Y), fits=lambda s: len(s) in (1, 2) and s[0] == BATCH)
    yield Entry("DataLoader", batches, {"inputs": inputs_scaled, "targets": targets, **options})
    yield Entry("DataLoader", batches, {"inputs": inputs, "targets": targets})
    # Lists of integers are no bytes.
    pixels = Argument(
        "numbers",
        always(rng().integers(0, 256, X.shape).astype(np.uint8)),
        fits=two,
        taken=("list", "tuple"),
        also=("targets", "scale"),
    )
    yield Entry(
        "DataLoader", batches, {"inputs": pixels, "targets": targets, "scale": number(1 / 255)}
    )
    order = labels(np.arange(BATCH)[::-1], optional=True)
    out = Argument("out", lambda: np.zeros((3, FEATURES), np.float32), optional=True)

    def taken(order: Any = None, out: Any = None) -> Any:
        draw = None if order is None else Draw(order, 0)
        seen = loader(batch_size=3).batches(draw=draw, out=out)
        return [[x.copy(), y.copy()] for x, y in seen]

    yield Entry("DataLoader.batches", taken, {"order": order, "out": out})
    yield Entry(
        "DataLoader.rows_of",
        lambda number: loader(batch_size=3).rows_of(number),
        {"number": count(1)},
    )

    def trained(model: Any, loss: Any, optimizer: Any, **given: Any) -> Any:
        def fit(made: ours.Trainer) -> Any:
            return _history(made.fit(loader(), None, 1))

        return using(lambda: ours.Trainer(model, loss, optimizer, **given), fit)

    network = model()
    yield Entry(
        "Trainer",
        trained,
        {
            "model": thing(always(network)),
            "loss": thing(ours.CrossEntropyLoss),
            "optimizer": thing(lambda: ours.SGD(network.parameters(), lr=0.0)),
            "callbacks": thing(lambda: (), taken=("list",)),
            "workers": count(1),
        },
    )

    def fitted(**given: Any) -> Any:
        made = trainer()
        return [_history(made.fit(**given)), made.model.arena.values]

    yield Entry(
        "Trainer.fit",
        fitted,
        {
            "train": thing(loader),
            "validation": thing(loader, optional=True),
            "epochs": count(2),
            "train_sample": thing(loader, optional=True),
            "checkpoints": thing(lambda: None, optional=True),
        },
    )

    def stepped(inputs: Any, targets: Any, workspace: Any) -> Any:
        made = trainer()
        return [made.step(inputs, targets, workspace), made.model.arena.values]

    yield Entry(
        "Trainer.step",
        stepped,
        {
            "inputs": floats(X, dtype=FLOAT32, also=("x", "targets", "in_features")),
            "targets": labels(also=("input",)),
            "workspace": thing(lambda: ours.Workspace(model(), 64, FEATURES)),
        },
        (ours.InputError, ours.DivergenceError),
    )

    def session(**given: Any) -> Any:
        with trainer().session(**given) as epoch:
            return epoch()

    yield Entry(
        "Trainer.session",
        session,
        {"train": thing(loader)},
    )
    yield Entry("evaluate", ours.evaluate, {"model": thing(model), "loader": thing(loader)})
    scheduler = thing(lambda: schedulers.StepLR(our_optimizer("SGD"), 2))
    yield Entry(
        "Scheduled",
        lambda scheduler, every: ours.Scheduled(scheduler, every=every).every,
        {"scheduler": scheduler, "every": Argument("text", always("epoch"))},
    )
    yield Entry(
        "Averaged",
        lambda average: ours.Averaged(average).on_step_end(1, 1, 0.0),
        {"average": thing(lambda: ours.StochasticWeightAverage(model().parameters()))},
    )
    for name, make in (("Scheduled", _scheduled), ("Averaged", _averaged)):

        def loaded(state_dict: Any, make: Callable[[], Any] = make) -> Any:
            callback = make()
            callback.load_state_dict(state_dict)
            return callback.state_dict()

        state = Argument("state", lambda make=make: make().state_dict())  # type: ignore[misc]
        yield Entry(f"{name}.load_state_dict", loaded, {"state_dict": state})
    rows = lambda s: (len(s) == 1 and s[0] == BATCH) or (len(s) == 2 and s[0] == BATCH and s[1] > 0)  # noqa: E731
    one = labels(fits=rows, also=("targets", "predictions"))
    yield Entry("accuracy", ours.accuracy, {"predictions": one, "targets": one})
    scored = Argument(
        "numbers", always(G), fits=lambda s: rows(s) if len(s) != 1 else False, also=("targets",)
    )
    yield Entry("accuracy", ours.accuracy, {"predictions": scored, "targets": one})
    strict = labels(fits=lambda s: rows(s) and None, also=("targets", "predictions"))
    yield Entry(
        "confusion_matrix",
        ours.confusion_matrix,
        {
            "predictions": strict,
            "targets": strict,
            "classes": count(CLASSES, also=("predictions", "targets")),
        },
    )


def _scheduled() -> Any:
    return ours.Scheduled(schedulers.StepLR(our_optimizer("SGD"), 2))


def _averaged() -> Any:
    average = ours.ExponentialMovingAverage(ours.mlp([3, 2], rng=rng()).parameters())
    average.update()
    return ours.Averaged(average)


def _double(batch: Array, _: np.random.Generator) -> None:
    batch *= 2
