"""Which of the arrays of an object are the parameters of its layers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice, pairwise
from typing import Any

from parity_tests.kit.paths import Found, arrays
from parity_tests.kit.recognition.names import is_gradient, is_state, stem

_FOLDED = ("apart", "last_row", "first_row", "last_column", "first_column")
_DEEPEST = 12
_PARAMETERS = re.compile(r"w|b|weights?|bias(es)?|params?|parameters|thetas?")
_CONTAINER = re.compile(
    r"m|v|s|ms|vs|vel|(velocity|velocities|moment\w*|cache)|adam_?\w+|[mv]_?hats?|v_?m(ax)?s?"
)


@dataclass(frozen=True)
class Chain:
    """Matrices that follow one another, and their biases.

    Attributes
    ----------
    weights : tuple of Found
        From the first layer to the last.
    biases : tuple of Found, or empty
        One for each matrix.
    layout : str
        ``"in_out"`` or ``"out_in"``.
    bias : str
        As in a `Network`.
    """

    weights: tuple[Found, ...]
    biases: tuple[Found, ...]
    layout: str
    bias: str

    @property
    def listed(self) -> bool:
        """Whether matrices and biases are two lists."""
        groups = [group for group in (self.weights, self.biases) if group]
        parents = [{one.parent for one in group} for group in groups]
        return all(
            len(group) > 1
            and len(parent) == 1
            and group[0].parent
            and [one.path[-1].name for one in group] == list(range(len(group)))
            for group, parent in zip(groups, parents, strict=True)
        ) and len(parents) == len({next(iter(parent)) for parent in parents})

    @property
    def found(self) -> list[Found]:
        """All of them in the order in which they are declared."""
        if self.listed or not self.biases:
            return [*self.weights, *self.biases]
        pairs = zip(self.weights, self.biases, strict=True)
        return [member for pair in pairs for member in pair]

    def source(self) -> str:
        """Return how they are declared."""
        if self.listed:
            groups = [group for group in (self.weights, self.biases) if group]
            lists = [Found(group[0].parent, group[0].array).dotted for group in groups]
            if all(lists):
                return repr(" ".join(map(str, lists)))
        return _source(self.found)

    def orders(self) -> list[tuple[str, list[Found]]]:
        """Return how they are declared as above, and layer by layer or matrices first, with that.

        Returns
        -------
        list of tuple of (source, order)
        """
        found, other = self.found, [*self.weights, *self.biases]
        if self.listed and self.biases:
            pairs = zip(self.weights, self.biases, strict=True)
            other = [member for pair in pairs for member in pair]
        own = [(self.source(), found)]
        return own if other == found else [*own, (_source(other), other)]

    def position(self, one: Found) -> tuple[int, bool]:
        """Return the layer that an array belongs to, from 0, and whether it is its bias."""
        for group, is_bias in ((self.weights, False), (self.biases, True)):
            for number, member in enumerate(group):
                if member is one:
                    return number, is_bias
        raise ValueError(f"{one.text} is no parameter")


def _source(order: Sequence[Found]) -> str:
    dotted = [one.dotted for one in order]
    if all(dotted):
        return repr(" ".join(map(str, dotted)))
    return f"lambda net: [{', '.join('net' + one.text for one in order)}]"


def possible(net: Any) -> list[Found]:
    """Return the arrays of an object that may be parameters: floats, and integers by their names.

    ``np.zeros(9, dtype=int)`` may be a bias, and most other integers are sizes or labels. A single
    number is one only if it is called a bias, as that of one unit may be.
    """
    several = arrays(net, numbers=True, integers=True)
    return [
        one
        for one in several
        if (one.array.ndim > 0 and one.array.dtype.kind == "f")
        or (one.array.ndim == 0 and kind_of(one) == "b")
        or (one.array.ndim > 0 and _PARAMETERS.fullmatch(kind_of(one)) and not is_state(one.name))
    ]


def chains(found: Sequence[Found], most: int = 6) -> list[Chain]:
    """Return what may be the parameters, the likeliest first."""
    named = [one for one in found if _is_named(one) and not _is_kept(one)]
    result: list[Chain] = []
    for pool in (named, list(found)):
        for chain in islice(_chains(pool), most):
            if chain not in result:
                result.append(chain)
        if result:
            break
    return result[:most]


def _is_named(one: Found) -> bool:
    """Whether an array has a parameter's name; or its container, as in ``weights["output"]``."""
    above = [str(step.name) for step in one.parent if step.kind == "attribute"]
    held = bool(above) and _PARAMETERS.fullmatch(above[-1].lower().strip("_")) is not None
    return not is_state(one.name) or (held and not is_gradient(one.name))


def _is_kept(one: Found) -> bool:
    """Whether an array lies in a container of an optimizer's moments or of gradients."""
    above = [str(step.name) for step in one.parent if step.kind == "attribute"]
    return any(_CONTAINER.fullmatch(name.lower().strip("_")) or is_gradient(name) for name in above)


def _chains(pool: Sequence[Found]) -> Iterator[Chain]:
    matrices = [one for one in pool if one.array.ndim == 2 and min(one.array.shape) > 1]
    # A last layer with one output has a matrix that looks like a vector.
    last = [one for one in pool if one.array.ndim == 2 and min(one.array.shape) == 1]
    # By its name it is a matrix; and so is a vector.
    alike = {kind_of(one) for one in matrices} - {""}
    listed = _listed_biases(pool)
    last += [
        one
        for one in pool
        if one.array.ndim == 1 and kind_of(one) in alike - {"b"} and id(one) not in listed
    ]
    count = len(matrices) + sum(kind_of(one) in alike for one in last)
    options = []
    for layout in ("in_out", "out_in"):
        for folded in _FOLDED:
            for weights in islice(_follow(matrices, last, layout, folded), 3):
                biases = () if folded != "apart" else _biases(weights, pool, layout)
                bias = folded if folded != "apart" or biases else "none"
                options.append(Chain(weights, biases, layout, bias))
    spare = {id(one.array) for one in matrices}
    order = {id(one): place for place, one in enumerate(pool)}
    options.sort(
        key=lambda chain: (
            -len(spare & {id(one.array) for one in chain.weights}),
            chain.bias == "none",
            chain.bias not in ("apart", "none"),
            len(chain.weights) != count,
            _turns(chain.weights, order),
        )
    )
    yield from options


def _listed_biases(pool: Sequence[Found]) -> set[int]:
    """Return which vectors are biases, as each matrix of their list is followed by one.

    Of ``W, b, W, b`` that is so. Of a single matrix nothing says it.
    """
    lists: dict[tuple[Any, ...], list[Found]] = {}
    for one in pool:
        if one.path and one.path[-1].kind == "position":
            lists.setdefault(tuple(one.parent), []).append(one)
    biases: set[int] = set()
    for members in lists.values():
        pairs = list(zip(members[::2], members[1::2], strict=False))
        is_alternating = len(pairs) > 1 and 2 * len(pairs) == len(members)
        if is_alternating and all(_is_followed(weight, bias) for weight, bias in pairs):
            biases |= {id(bias) for _, bias in pairs}
    return biases


def _is_followed(weight: Found, bias: Found) -> bool:
    """Whether a matrix has as many rows or columns as a vector has entries."""
    return weight.array.ndim == 2 and bias.array.ndim == 1 and bias.array.size in weight.array.shape


def kind_of(one: Found) -> str:
    """Return what an array's name says without its number."""
    return stem(one.called or one.name).rstrip("0123456789")


def _turns(chain: Sequence[Found], order: Mapping[int, int]) -> int:
    """Return how often a chain goes back in the order in which arrays were found."""
    return sum(order[id(a)] > order[id(b)] for a, b in pairwise(chain))


def _widths(one: Found, layout: str, folded: str) -> tuple[int, int]:
    if one.array.ndim == 1:
        return one.array.size, 1
    rows, columns = one.array.shape
    rows, columns = rows - folded.endswith("_row"), columns - folded.endswith("_column")
    return (rows, columns) if layout == "in_out" else (columns, rows)


def _follow(
    matrices: Sequence[Found], last: Sequence[Found], layout: str, folded: str
) -> Iterator[tuple[Found, ...]]:
    """Yield the longest chains of matrices; in the order in which they were found, if they can."""
    if len(matrices) > _DEEPEST or (folded.endswith("_row") and layout == "out_in"):
        return
    if folded.endswith("_column") and layout == "in_out":
        return

    def grow(chain: tuple[Found, ...]) -> Iterator[tuple[Found, ...]]:
        width = _widths(chain[-1], layout, folded)[1]
        rest = [one for one in matrices if all(one is not other for other in chain)]
        further = [one for one in rest if _widths(one, layout, folded)[0] == width]
        for one in further:
            yield from grow((*chain, one))
        for one in last:
            if _widths(one, layout, folded) == (width, 1):
                yield (*chain, one)
        yield chain

    every = [
        chain
        for one in matrices
        for chain in islice(grow((one,)), 60)
        if _complete(chain, matrices)
    ]
    # The longest, each with what may be a last layer or the bias of the one before it.
    order = {id(one): place for place, one in enumerate((*matrices, *last))}
    known = {id(one) for one in matrices}
    every.sort(key=lambda c: (-sum(id(one) in known for one in c), _turns(c, order), -len(c)))
    yield from every


def _complete(chain: Sequence[Found], matrices: Sequence[Found]) -> bool:
    used = sum(one.array.ndim == 2 and min(one.array.shape) > 1 for one in chain)
    return used == len(matrices) or len(chain) > 1


def _biases(weights: Sequence[Found], pool: Sequence[Found], layout: str) -> tuple[Found, ...]:
    """Return the bias of every matrix, the one whose path is most like the matrix's; or none."""
    chosen: list[Found] = []
    for weight in weights:
        width = _widths(weight, layout, "apart")[1]
        fitting = [
            one
            for one in pool
            if one.array.size == width
            and (one.array.ndim == 1 or 1 in one.array.shape)
            and all(one is not other for other in (*chosen, *weights))
        ] or [
            # One number may be the bias of a whole layer, if it is called so.
            one
            for one in pool
            if one.array.size == 1
            and kind_of(one) == "b"
            and (one.array.ndim > 0 or width == 1)
            and all(one is not c for c in chosen)
        ]
        if not fitting:
            return ()
        chosen.append(max(fitting, key=lambda one: _alike(weight, one)))
    return tuple(chosen)


def _alike(one: Found, other: Found) -> tuple[bool, bool, float]:
    positions = [[s.name for s in f.path if s.kind != "attribute"] for f in (one, other)]
    texts = (one.called, other.called) if one.called and other.called else (one.text, other.text)
    ratio = SequenceMatcher(None, *texts).ratio()
    return one.parent == other.parent and len(one.parent) > 0, positions[0] == positions[1], ratio
