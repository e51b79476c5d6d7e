"""Losses."""

import inspect
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from parity_tests.arguments.entries.common import (
    FLOAT32,
    X,
    always,
    clean,
    floats,
    labels,
    numbers,
    of_signature,
    rng,
)
from parity_tests.arguments.trying import Argument, Entry, using
from parity_tests.arguments.values import Array, Shape
from parity_tests.cases.losses import LOSSES

_LOSS_ARGUMENTS: Mapping[str, Mapping[str, Argument]] = {
    "BCELoss": {"weight": floats(np.abs(X), optional=True, fits=clean)},
    "BCEWithLogitsLoss": {
        "weight": floats(np.abs(X), optional=True, fits=clean),
        "pos_weight": floats(np.abs(X[0]), optional=True, fits=clean),
    },
}


def loss_entries() -> Iterator[Entry]:
    """Yield the entry points of every loss."""
    seen = set()
    for case in LOSSES:
        kind: Any = case.operation
        name = kind.__name__
        shape = next(s for s in case.shapes if len(s) == 2)
        batch = case.draw(rng(), shape, FLOAT32)
        names = list(inspect.signature(kind.forward).parameters)[1:]
        usual = dict(next(iter(case.variants.values())))
        weights = floats(
            rng(4).uniform(0.5, 1.5, shape[-1]).astype("f4"), optional=True, fits=clean
        )
        special = {"weight": weights, **_LOSS_ARGUMENTS.get(name, {})}
        arguments = of_signature(kind, usual, special)
        # One declaration of each class is enough for its constructor, and one of each kind of
        # targets for its methods.
        if name not in seen:
            yield Entry(name, partial(_make_loss, kind, batch), arguments)
        targets = (name, *((a.dtype.kind, a.ndim) for a in batch))
        if targets not in seen:
            yield from _loss_methods(case, name, names, batch)
        seen |= {name, targets}


def _make_loss(kind: Any, batch: tuple[Array, ...], **arguments: Any) -> Any:
    return using(lambda: kind(**arguments), partial(_seen_loss, batch))


def _seen_loss(batch: tuple[Array, ...], loss: Any) -> Any:
    value = loss.forward(*batch)
    upstream = np.ones(np.shape(value)) if loss.reduction == "none" else None
    return [value, loss.backward(upstream), loss.config()]


def _loss_methods(case: Any, name: str, names: list[str], batch: Any) -> Iterator[Entry]:
    def _targets(shape: Shape) -> bool | None:
        return None if shape in (batch[0].shape, batch[0].shape[:1]) else False

    variant = next(iter(case.variants))
    reductions = [r for r in ("mean", "none") if r in case.reductions]

    def forward(method: str, reduction: str, **arrays: Any) -> Any:
        loss = case.make(variant, reduction, FLOAT32)
        value = getattr(loss, method)(*arrays.values())
        return [value, loss.backward(np.ones(np.shape(value)) if reduction == "none" else None)]

    arrays: dict[str, Argument] = {}
    for position, (argument, value) in enumerate(zip(names, batch, strict=True)):
        fits = _targets if case.classes else None
        if position != 1:
            fits = clean if case.classes or position > 1 else None
        also = (names[0], names[1]) if position != 1 else (names[0],)
        if value.dtype.kind in "iu":
            # Rows of booleans are one-hot, and rows of floats are probabilities.
            taken = ("f2", "f4", "f8", "g", "?", "broadcast view") if value.ndim > 1 else ()
            arrays[argument] = labels(value, fits=fits, also=also, taken=taken)
        else:
            dtype = FLOAT32 if position else None
            arrays[argument] = floats(value, fits=fits, also=also, dtype=dtype)
    for reduction in reductions:
        yield Entry(f"{name}.forward", partial(forward, "forward", reduction), arrays)
    yield Entry(f"{name}.__call__", partial(forward, "__call__", reductions[0]), arrays)

    def backward(reduction: str, **arguments: Any) -> Any:
        loss = case.make(variant, reduction, FLOAT32)
        loss.forward(*batch)
        out = arguments.pop("out", None)
        # A loss of three arguments has two derivatives.
        pair = (out, np.zeros_like(batch[2])) if len(names) > 2 and out is not None else out
        result = loss.backward(**arguments, out=pair)
        assert out is None or result is out or result[0] is out
        return result

    out = Argument("out", lambda: np.zeros_like(batch[0]), optional=True)
    for reduction in reductions:
        value = case.make(variant, reduction, FLOAT32).forward(*batch)
        upstream = np.float64(1.5) if reduction != "none" else numbers(*np.shape(value), seed=6)
        grad = Argument("numbers", always(np.asarray(upstream)), optional=reduction != "none")
        yield Entry(
            f"{name}.backward", partial(backward, reduction), {"grad_output": grad, "out": out}
        )
