"""The computation as a small picture: forward on top, backward below, the first fault in red."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import pairwise

from parity_tests.kit.rendering.wording import SIGNS
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Edge, Report, Verdict

_GRADIENT = "dL/d"
_COLUMN, _ROW, _WIDTH, _HEIGHT, _MARGIN = 92, 64, 62, 28, 8
_CLASSES = {EQUAL: "equal", CONVENTION: "convention", DIFFERS: "differs", UNCHECKED: "unchecked"}


def computation(report: Report) -> list[Edge]:
    """Return all steps of a report's computation, each with the worst that is known of it.

    The forward pass is made up from the widths of the layers if the report has none. A verdict
    whose tensor is a quantity of the computation marks the step that leads to it.
    """
    steps = list(report.edges)
    if not any(not edge.target.startswith(_GRADIENT) for edge in steps):
        steps = _forward(report) + steps
    for verdict in report.verdicts:
        if verdict.status in (CONVENTION, DIFFERS):
            steps = _marked(steps, verdict)
    return steps


def first_difference(steps: Sequence[Edge]) -> int | None:
    """Return the position of the first step that differs."""
    return next((n for n, edge in enumerate(steps) if edge.status == DIFFERS), None)


def _forward(report: Report) -> list[Edge]:
    depth = len(report.spec.get("sizes", ())) - 1
    if depth < 1:
        return []
    chain = ["x"]
    for number in range(1, depth):
        chain += [f"z{number}", f"a{number}"]
    chain += [f"z{depth}", "output"]
    verdict = next(report.of("forward"), None)
    # What is named has been recomputed, and but for the fault all of it was right.
    status = UNCHECKED
    if verdict is not None and (verdict.status in (EQUAL, CONVENTION) or verdict.cause):
        status = EQUAL
    steps = [Edge(*pair, status) for pair in pairwise(chain)]
    loss = next(report.of("loss"), None)
    if loss is not None:
        known = loss.status in (EQUAL, CONVENTION)
        steps.append(Edge("output", "loss", EQUAL if known else UNCHECKED))
    return steps


def _marked(steps: list[Edge], verdict: Verdict) -> list[Edge]:
    """Give the step that leads to a verdict's tensor the verdict's status."""
    places = [verdict.tensor, f"{_GRADIENT}{verdict.tensor}"]
    if verdict.aspect == "loss":
        places = ["loss"]
    elif verdict.aspect == "gradient":
        places.reverse()
        if verdict.tensor in (None, "dL/dz"):
            # All of it: the gradient differs from its very first step.
            places = [next((e.target for e in steps if e.target.startswith(_GRADIENT)), None)]
    for place in places:
        found = [number for number, edge in enumerate(steps) if edge.target == place]
        if found:
            number = found[0]
            # What differs because of a step before it does not differ by itself.
            if any(edge.status == DIFFERS for edge in _leading(steps, steps[number])):
                return steps
            marked = replace(
                steps[number], status=verdict.status, note=steps[number].note or verdict.message
            )
            return [*steps[:number], marked, *steps[number + 1 :]]
    return steps


def _leading(steps: list[Edge], last: Edge) -> list[Edge]:
    """Return a step and the steps of the same direction that lead to it."""
    way = [last]
    while True:
        before = [
            edge
            for edge in steps
            if edge.target == way[-1].source
            and edge not in way
            and edge.target.startswith(_GRADIENT) == last.target.startswith(_GRADIENT)
        ]
        if not before:
            return way
        way.append(before[0])


@dataclass(frozen=True)
class _Place:
    """Where a quantity stands: column and row."""

    column: int
    row: int

    @property
    def x(self) -> int:
        return _MARGIN + _COLUMN * self.column + _WIDTH // 2

    @property
    def y(self) -> int:
        return _MARGIN + _ROW * self.row + _HEIGHT // 2


def _places(steps: Sequence[Edge]) -> dict[str, _Place]:
    """Return where every quantity stands: a gradient below what it is the gradient of."""
    columns: dict[str, int] = {}
    for edge in steps:
        if not edge.target.startswith(_GRADIENT):
            columns.setdefault(edge.source, 0)
            columns[edge.target] = max(columns.get(edge.target, 0), columns[edge.source] + 1)
    places: dict[str, _Place] = {}
    taken: set[_Place] = set()

    def put(name: str, column: int, row: int) -> None:
        place = _Place(column, row)
        while place in taken:
            right = _Place(column + 1, place.row)
            place = right if right not in taken else _Place(column, place.row + 1)
        taken.add(place)
        places[name] = place

    for name, column in columns.items():
        put(name, column, 0)
    below = max((place.row for place in places.values()), default=-1) + 1
    names = list(dict.fromkeys(name for edge in steps for name in (edge.source, edge.target)))
    sources = {edge.target: edge.source for edge in steps}
    for name in names:
        if name not in places and name.removeprefix(_GRADIENT) in columns:
            put(name, columns[name.removeprefix(_GRADIENT)], below)
    last = max(columns.values(), default=0)
    for name in names:
        if name not in places:
            source = places.get(sources.get(name, ""))
            # What is neither above nor made of anything begins on the right, as the loss does.
            put(name, source.column if source else last, below + 1 if source else below)
    return places


def to_svg(steps: Sequence[Edge]) -> str:
    """Return the steps as an SVG element; an empty string if there are none."""
    if not steps:
        return ""
    places = _places(steps)
    first = first_difference(steps)
    width = max(place.x for place in places.values()) + _WIDTH // 2 + _MARGIN
    height = max(place.y for place in places.values()) + _HEIGHT // 2 + _MARGIN
    parts = [_arrow(edge, places, number == first) for number, edge in enumerate(steps)]
    parts += [_box(name, place) for name, place in places.items()]
    label = _described(steps, first)
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(label)}"><title>{escape(label)}</title>{"".join(parts)}</svg>'
    )


def _described(steps: Sequence[Edge], first: int | None) -> str:
    if first is None:
        differing = "no step differs"
    else:
        differing = f"the first step that differs is {steps[first].source} to {steps[first].target}"
    return f"The computation in {len(steps)} steps; {differing}"


def _box(name: str, place: _Place) -> str:
    x, y = place.x - _WIDTH // 2, place.y - _HEIGHT // 2
    shown = name.replace(_GRADIENT, "∂L/∂")
    return (
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>'
        f'<text x="{place.x}" y="{place.y + 4}">{escape(shown)}</text>'
    )


def _arrow(edge: Edge, places: dict[str, _Place], first: bool) -> str:
    (x, y), (end_x, end_y) = _ends(places[edge.source], places[edge.target])
    length = max(((end_x - x) ** 2 + (end_y - y) ** 2) ** 0.5, 1e-9)
    along_x, along_y = (end_x - x) / length, (end_y - y) / length
    neck_x, neck_y = end_x - 7 * along_x, end_y - 7 * along_y
    head = " ".join(
        f"{a:.1f},{b:.1f}"
        for a, b in (
            (end_x, end_y),
            (neck_x - 4 * along_y, neck_y + 4 * along_x),
            (neck_x + 4 * along_y, neck_y - 4 * along_x),
        )
    )
    kind = _CLASSES[edge.status] + (" first" if first else "")
    told = f"{edge.source} → {edge.target}: {edge.status}" + (edge.note and f", {edge.note}")
    sign = ""
    if edge.status in (CONVENTION, DIFFERS):
        middle_x, middle_y = (x + neck_x) / 2, (y + neck_y) / 2
        sign = (
            f'<circle cx="{middle_x:.1f}" cy="{middle_y:.1f}" r="8"/>'
            f'<text x="{middle_x:.1f}" y="{middle_y + 4:.1f}">{SIGNS[edge.status]}</text>'
        )
    return (
        f'<g class="{kind}"><title>{escape(told)}</title>'
        f'<path d="M{x:.1f} {y:.1f}L{neck_x:.1f} {neck_y:.1f}"/>'
        f'<polygon points="{head}"/>{sign}</g>'
    )


def _ends(source: _Place, target: _Place) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the points at which an arrow leaves one box and meets another."""
    if source.row == target.row:
        side = _WIDTH / 2 if source.column < target.column else -_WIDTH / 2
        return (source.x + side, source.y), (target.x - side, target.y)
    down = _HEIGHT / 2 if source.row < target.row else -_HEIGHT / 2
    return (source.x, source.y + down), (target.x, target.y - down)
