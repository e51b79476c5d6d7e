"""Tables of what was tried and of what came of it, as Markdown."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from parity_tests.arguments.trying import Outcome


def summary_table(outcomes: Sequence[Outcome]) -> str:
    """Return a row for every entry point: how much was tried, and what became of it."""
    lines = [
        "| entry point | arguments | inputs tried | right results | refused | findings |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for entry, own in _by(outcomes, lambda outcome: outcome.entry).items():
        names = ", ".join(dict.fromkeys(outcome.argument for outcome in own))
        counts = Counter(outcome.status for outcome in own)
        numbers = (len(own), counts["right"], counts["refused"], counts["finding"])
        lines.append(f"| `{entry}` | {names} | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines)


def errors_table(outcomes: Sequence[Outcome]) -> str:
    """Return a row for every entry point, argument and kind of input, with an error it gets."""
    lines = [
        "| entry point | argument | inputs | tried | right | refused | an error |",
        "|---|---|---|---:|---:|---:|---|",
    ]
    groups = _by(outcomes, lambda outcome: (outcome.entry, outcome.argument, outcome.one.group))
    for (entry, argument, group), own in groups.items():
        refused = [outcome for outcome in own if outcome.status == "refused"]
        right = sum(outcome.status == "right" for outcome in own)
        example = f"{refused[0].one.name}: {refused[0].message}" if refused else ""
        # A bar would end the cell, and an underscore might begin something else.
        example = f"`{example[:160].replace('|', '/').replace('`', chr(39))}`" if example else ""
        numbers = f"{len(own)} | {right} | {len(refused)}"
        lines.append(f"| `{entry}` | {argument} | {group} | {numbers} | {example} |")
    return "\n".join(lines)


def findings(outcomes: Iterable[Outcome]) -> list[str]:
    """Return a line for everything that must not be."""
    return [
        f"{outcome.entry}({outcome.argument}: {outcome.one.group}, {outcome.one.name}): "
        f"{outcome.message}"
        for outcome in outcomes
        if outcome.status == "finding"
    ]


def _by(outcomes: Iterable[Outcome], key: Callable[[Outcome], Any]) -> dict[Any, list[Outcome]]:
    groups: dict[Any, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(key(outcome), []).append(outcome)
    return groups
