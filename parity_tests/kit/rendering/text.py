"""A report as plain text."""

import textwrap
from collections.abc import Iterator

from parity_tests.kit.rendering.wording import (
    SIGNS,
    counts,
    facts,
    headline,
    notes,
    sentence,
    taken_for,
)
from parity_tests.kit.verdicts import Report, Verdict

_WIDTH = 96


def to_text(report: Report) -> str:
    """Return a report for a terminal."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield f"{report.target}: {headline(report)}"
    about = [*taken_for(report), *notes(report)]
    if about:
        yield ""
    for fact in about:
        yield from _filled(f"{fact.label + ':':12} {fact.text}", "  ", " " * 15)
    for verdict in report.verdicts:
        yield ""
        yield from _verdict(verdict)
    yield ""
    yield f"{counts(report).capitalize()}."


def _verdict(verdict: Verdict) -> Iterator[str]:
    yield f"{SIGNS[verdict.status]} {verdict.aspect}: {verdict.status}"
    for line in sentence(verdict).split("\n"):
        yield from _filled(line, "    ")
    for fact in facts(verdict):
        label = f"{fact.label + ':':10}"
        if fact.code:
            # It is to be copied, so it stays in one line.
            yield f"    {label}{fact.text}"
        else:
            yield from _filled(f"{label}{fact.text}", "    ", " " * 14)


def _filled(text: str, first: str, others: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=first if others is None else others,
        break_long_words=False,
        break_on_hyphens=False,
    )
