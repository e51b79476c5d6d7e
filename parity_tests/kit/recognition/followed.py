"""Samples and labels followed through a training loop: which of them reach its functions together.

A loop that draws more than an order, such as the units that it drops, goes elsewhere in each run,
and one that makes its parameters itself cannot be given any. Where its samples come with the labels
of others is seen from what it gives to the functions that it calls.
"""

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.recognition import names

Array = NDArray[Any]
Pair = tuple[Array, Array]


def followed(
    train: Callable[[], Any],
    x: Array,
    y: Array,
    functions: Sequence[Callable[..., Any]],
    axis: int = 0,
) -> Iterator[Pair]:
    """Yield the batches that a training loop makes, as pairs of samples and labels.

    It is left as soon as it has given as many samples as there are, in whatever round.

    Parameters
    ----------
    train : callable
        Trains on `x` and `y`, without arguments.
    x, y : ndarray
        Samples, which are all different, and labels as its functions take them.
    functions : sequence of callables
        Those that are given batches: functions, which are watched in their modules, or methods,
        which are watched on their objects.
    axis : int, default 0
        Along which samples lie side by side.

    Raises
    ------
    Exception
        What the loop raises.
    """
    watch = _Watch(x.copy(), y.copy(), axis)
    with contextlib.ExitStack() as stack:
        for function in functions:
            stack.enter_context(_replaced(function, watch.watched(function)))
        with contextlib.suppress(_OverError):
            train()
    yield from watch.pairs


class _OverError(BaseException):
    """As many samples came as there are; no loop catches it with its own errors."""


@dataclass
class _Watch:
    """What was seen of samples and labels; `waiting` are samples whose labels have not come yet.

    `takers` are the functions that were given samples: where they get others, such as some with
    noise, those that came before wait no longer.
    """

    x: Array
    y: Array
    axis: int
    pairs: list[Pair] = field(default_factory=list)
    waiting: Array | None = None
    takers: set[Any] = field(default_factory=set)

    def watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that notes what it is given."""
        signature = inspect.signature(function)

        @wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            with contextlib.suppress(TypeError):
                self._note(function, signature.bind(*args, **kwargs).arguments)
            return function(*args, **kwargs)

        return called

    def _note(self, function: Callable[..., Any], given: dict[str, Any]) -> None:
        came = [value for value in given.values() if _are_of(value, self.x, self.axis)]
        # An output of zeros and ones is no label, though it looks like one.
        labels = [
            value
            for name, value in given.items()
            if names.role(name) == "labels" and _are_of(value, self.y, self.axis)
        ]
        if came:
            self.waiting = came[0].copy()
            self.takers.add(function)
        elif function in self.takers:
            self.waiting = None
        if len(labels) != 1 or self.waiting is None:
            return
        pair = self.waiting, labels[0].copy()
        samples, labelled = (len(_lines(array, self.axis)) for array in pair)
        # Functions that call each other are given the same.
        is_again = bool(self.pairs) and all(map(np.array_equal, pair, self.pairs[-1]))
        if samples != labelled or is_again:
            return
        self.pairs.append(pair)
        if sum(len(_lines(own, self.axis)) for own, _ in self.pairs) >= len(
            _lines(self.x, self.axis)
        ):
            raise _OverError


def _lines(array: Array, axis: int) -> Array:
    """Return what lies side by side along an axis, or along the only one, in rows."""
    turned = np.moveaxis(array, axis if array.ndim > 1 else 0, 0)
    return np.ascontiguousarray(turned).reshape(len(turned), -1)


def _are_of(value: Any, whole: Array, axis: int) -> bool:
    """Whether a value is an array of some of the samples, or of the labels, and of no others."""
    if not isinstance(value, np.ndarray) or value.ndim != whole.ndim or not value.size:
        return False
    if value.dtype.kind != whole.dtype.kind:
        return False
    came, known = _lines(value, axis), _lines(whole, axis)
    if came.shape[1] != known.shape[1]:
        return False
    own = {row.tobytes() for row in known}
    return all(row.tobytes() in own for row in came.astype(known.dtype))


@contextlib.contextmanager
def _replaced(function: Callable[..., Any], other: Callable[..., Any]) -> Iterator[None]:
    """Put another function in the place of one, in its module or on its object."""
    owner = getattr(function, "__self__", None)
    plain = getattr(function, "__func__", function)
    space: dict[str, Any] = plain.__globals__ if owner is None else vars(owner)
    before = dict(space)
    called = [name for name, value in before.items() if value is function]
    called = called if owner is None else [plain.__name__]
    space.update(dict.fromkeys(called, other))
    try:
        yield
    finally:
        for name in called:
            space.pop(name)
            if name in before:
                space[name] = before[name]
