"""What objects hold, and what a process does with those that it is sent."""

import multiprocessing
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

import numpy_impl as ours
from parity_tests.inputs import BATCH, CLASSES, FEATURES, HIDDEN

Array = np.ndarray[Any, Any]


def blocks(seed: int = 0) -> ours.Sequential:
    """Return a network with everything that has a mode, a buffer or a generator."""
    rng = np.random.default_rng(seed)
    return ours.Sequential(
        ours.Linear(FEATURES, HIDDEN, rng=rng),
        ours.BatchNorm1d(HIDDEN),
        ours.PReLU(HIDDEN),
        ours.Dropout(rng=rng),
        ours.Residual(ours.LayerNorm(HIDDEN), ours.Linear(HIDDEN, HIDDEN, rng=rng), ours.GELU()),
        ours.RMSNorm(HIDDEN),
        ours.Linear(HIDDEN, CLASSES, rng=rng),
        ours.LogSoftmax(-1),
    )


def mlp(seed: int = 0) -> ours.Sequential:
    """Return a small network."""
    return ours.mlp([FEATURES, HIDDEN, CLASSES], rng=np.random.default_rng(seed))


def arrays_in(thing: object) -> Iterator[Array]:
    """Yield every array that can be reached from an object, through attributes and containers.

    Attributes of its class are among them: what they hold, all objects of the class share.
    """
    seen: set[int] = set()
    waiting: list[object] = [thing]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, str | bytes | int | float | type):
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray):
            yield one
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list | tuple | set | frozenset):
            waiting += one
        elif isinstance(one, np.random.Generator):
            continue
        elif type(one).__module__.startswith(("numpy_impl", "parity_tests")):
            waiting += getattr(one, "__dict__", {}).values()
            for kind in type(one).__mro__:
                waiting += [value for value in vars(kind).values() if not callable(value)]


def shared(one: object, other: object) -> list[str]:
    """Return what arrays of two objects share memory that can be written to."""
    theirs = [array for array in arrays_in(other) if array.size and array.flags.writeable]
    return [
        f"{array.dtype} of shape {array.shape}"
        for array in arrays_in(one)
        if array.size and any(np.may_share_memory(array, their) for their in theirs)
    ]


def disconnected(model: Any) -> list[str]:
    """Return the names of parameters that are no views of their model's arena."""
    arenas = {id(parameter.arena): parameter.arena for parameter in model.parameters()}
    assert len(arenas) <= 1, "the parameters are in several arenas"
    return [
        parameter.name
        for parameter in model.parameters()
        for view, whole in (
            (parameter.data, parameter.arena.values),
            (parameter.transposed, parameter.arena.values),
            (parameter.grad, parameter.arena.grads),
        )
        if parameter.size and not np.shares_memory(view, whole)
    ]


def train_a_step(model: ours.Sequential, optimizer: ours.Optimizer, x: Array, y: Array) -> None:
    """Take a step of cross-entropy."""
    loss = ours.CrossEntropyLoss()

    def closure() -> float:
        value = loss(model(x), y)
        model.backward(loss.backward())
        return float(value)

    optimizer.step(closure)


def work(
    model: ours.Sequential, optimizer: ours.Optimizer, x: Array, y: Array
) -> tuple[bytes, bytes]:
    """Predict, train a step, and return the bits of both; in a process of its own."""
    predicted = model.predict(x).tobytes()
    train_a_step(model, optimizer, x, y)
    return predicted, model.arena.values.tobytes()


def main(method: str) -> None:
    """Print whether a process that was started so computes the bits that this one does."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((BATCH, FEATURES)).astype(np.float32)
    y = rng.integers(0, CLASSES, BATCH)
    pairs = [(model, ours.Adam(model.parameters())) for model in (mlp(), blocks())]
    # Python 3.12 warns where a process with threads forks.
    warnings.simplefilter("ignore", DeprecationWarning)
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        theirs = [pool.submit(work, *pair, x, y).result(timeout=100) for pair in pairs]
    equal = [work(*pair, x, y) == their for pair, their in zip(pairs, theirs, strict=True)]
    print(method, *("equal" if same else "different" for same in equal))


if __name__ == "__main__":
    main(sys.argv[1])
