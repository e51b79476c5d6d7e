"""Arrays in a graph of objects, with the paths that lead to them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_LEAVES = (str, bytes, int, float, complex, bool, type, FunctionType, MethodType, ModuleType)
_MOST = 4000


@dataclass(frozen=True)
class Step:
    """One step of a path: an attribute, a key or a position."""

    kind: str
    name: Any

    def __str__(self) -> str:
        return f".{self.name}" if self.kind == "attribute" else f"[{self.name!r}]"


@dataclass(frozen=True)
class Found:
    """An array, the path to it, and what functions call it that are given it alone, if known."""

    path: tuple[Step, ...]
    array: Array
    called: str = ""

    @property
    def text(self) -> str:
        """The path as Python code, to be put behind a name."""
        return "".join(map(str, self.path))

    @property
    def dotted(self) -> str | None:
        """The path as a declaration has it, or None if it cannot be written so."""
        parts = [str(step.name) for step in self.path]
        plain = all(isinstance(s.name, str) or s.kind == "position" for s in self.path)
        return ".".join(parts) if plain and not any(set(p) & set(". ") for p in parts) else None

    @property
    def name(self) -> str:
        """The last name on the path, of the array itself or of the list that it is in."""
        named = [str(s.name) for s in self.path if isinstance(s.name, str)]
        wrapped = named[-1] in ("data", "value", "values", "val", "array") if named else False
        return named[-2 if wrapped and len(named) > 1 else -1] if named else ""

    @property
    def parent(self) -> tuple[Step, ...]:
        """All but the last step."""
        return self.path[:-1]


def arrays(
    value: Any, depth: int = 6, numbers: bool = False, integers: bool = False
) -> list[Found]:
    """Return all arrays of floats, each once and by its shortest path.

    Parameters
    ----------
    value : object
        Where to begin.
    depth : int
        The longest path.
    numbers : bool
        Whether single numbers count, too.
    integers : bool
        Whether arrays of integers count, too.
    """
    kinds = "fiu" if integers else "f"
    found: list[Found] = []
    seen: set[int] = set()
    for path, here in _walked(value, depth):
        if isinstance(here, np.ndarray) and here.dtype != object:
            if here.dtype.kind in kinds and 1 <= here.ndim <= 2 and here.size:
                if id(here) not in seen:
                    seen.add(id(here))
                    found.append(Found(path, here))
            elif numbers and here.ndim == 0:
                found.append(Found(path, here))
        elif numbers and isinstance(here, (float, np.floating)):
            found.append(Found(path, np.asarray(here)))
    order = _in_order(value, depth)
    return sorted(found, key=lambda one: order.get(id(one.array), len(order)))


def lengths(value: Any, depth: int = 6) -> dict[tuple[Step, ...], tuple[int, int]]:
    """Return identity and length of all lists, by the paths to them."""
    several = ((path, here) for path, here in _walked(value, depth) if isinstance(here, list))
    return {path: (id(here), len(here)) for path, here in several}


def _walked(value: Any, depth: int) -> Iterator[tuple[tuple[Step, ...], Any]]:
    """Yield what an object leads to, the nearest first, by every path to what was not gone into."""
    visited: set[int] = set()
    queue: list[tuple[tuple[Step, ...], Any]] = [((), value)]
    while queue and len(visited) < _MOST:
        path, here = queue.pop(0)
        yield path, here
        is_array = isinstance(here, np.ndarray) and here.dtype != object
        is_leaf = here is None or is_array or isinstance(here, (*_LEAVES, np.floating))
        if is_leaf or id(here) in visited or len(path) >= depth:
            continue
        visited.add(id(here))
        queue += [((*path, step), member) for step, member in _members(here)]


def from_the_end(
    path: tuple[Step, ...],
    before: Mapping[tuple[Step, ...], tuple[int, int]],
    after: Mapping[tuple[Step, ...], tuple[int, int]],
) -> tuple[Step, ...]:
    """Return a path with places counted from the end of lists to which a call has added them."""
    steps = []
    for number, step in enumerate(path):
        parent = path[:number]
        (one, was), (other, now) = before.get(parent, (0, 0)), after.get(parent, (-1, 0))
        is_added = step.kind == "position" and one == other and was <= step.name < now
        steps.append(Step("position", step.name - now) if is_added else step)
    return tuple(steps)


def _in_order(value: Any, depth: int) -> dict[int, int]:
    """Return the order in which arrays are met going into each object before the next."""
    order: dict[int, int] = {}
    visited: set[int] = set()

    def visit(here: Any, left: int) -> None:
        if isinstance(here, np.ndarray) and here.dtype != object:
            order.setdefault(id(here), len(order))
        elif (
            here is not None and not isinstance(here, _LEAVES) and left and id(here) not in visited
        ):
            visited.add(id(here))
            if len(visited) < _MOST:
                for _, member in _members(here):
                    visit(member, left - 1)

    visit(value, depth)
    return order


def _members(value: Any) -> Iterator[tuple[Step, Any]]:
    if isinstance(value, Mapping):
        for key, member in value.items():
            if isinstance(key, (str, int)):
                yield Step("key", key), member
    elif isinstance(value, (list, tuple)):
        for number, member in enumerate(value):
            yield Step("position", number), member
    elif isinstance(value, np.ndarray):
        if value.ndim == 1:
            for number, member in enumerate(value):
                yield Step("position", number), member
    elif hasattr(value, "__dict__") and not isinstance(value, np.random.Generator):
        for name, member in vars(value).items():
            yield Step("attribute", name), member
