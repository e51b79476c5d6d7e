"""What the kit found, as data."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from numpy_impl import InputError
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.evidence import Evidence

EQUAL = "equal"
CONVENTION = "equal up to a convention"
DIFFERS = "differs"
UNCHECKED = "could not check"
STATUSES = (EQUAL, CONVENTION, DIFFERS, UNCHECKED)

ASPECTS = (
    "forward",
    "loss",
    "gradient",
    "optimizer",
    "initialization",
    "data",
    "stability",
    "side effects",
)


def wanted(only: str | Collection[str]) -> Collection[str]:
    """Return the aspects that are asked for: one, several, or all where none is named.

    Raises
    ------
    InputError
        For an aspect that is not known.
    """
    named = (only,) if isinstance(only, str) and only else tuple(only)
    if any(aspect not in ASPECTS for aspect in named):
        raise InputError("only", f"one of {ASPECTS}, or several", repr(only))
    return named or ASPECTS


# What of a file is its network or its loss and was not asked, among what was recognized.
NOT_ASKED = "not asked"
# What is said of steps that are not judged, since nobody has declared what they are meant to be.
OF_NO_OPTIMIZER = "the steps are of no optimizer that is known"


@dataclass(frozen=True)
class Line:
    """Where in the code something was computed."""

    file: str
    number: int
    code: str


@dataclass(frozen=True)
class Edge:
    """A step of the computation: what one quantity was made of.

    Attributes
    ----------
    source, target : str
        Quantities, such as ``"dL/dz2"``.
    status : str
        One of `STATUSES`.
    note : str
        What was found there.
    """

    source: str
    target: str
    status: str
    note: str = ""


@dataclass(frozen=True)
class Verdict:
    """One finding.

    Attributes
    ----------
    aspect : str
        One of `ASPECTS`.
    status : str
        One of `STATUSES`.
    message : str
        For the reader: what was expected, what came, what it looks like, what to look at.
    tensor : str or None
        The first quantity that is not as expected.
    cause : str or None
        A key of `parity_tests.kit.causes.CAUSES`; None if there is none, or if it is unknown.
    factor : float or None
        What is observed over what is expected, where one number says it.
    residual : float or None
        What is left of the difference after cause and factor, relative to the norm.
    line : Line or None
        Where it was computed, if that is known.
    reproduce : str
        A command that shows this verdict again.
    """

    aspect: str
    status: str
    message: str
    tensor: str | None = None
    cause: str | None = None
    factor: float | None = None
    residual: float | None = None
    line: Line | None = None
    reproduce: str = ""

    @property
    def account(self) -> str:
        """The message without what to look at, and without a full stop."""
        return self.message.partition(" Look at ")[0].removesuffix(".")


@dataclass
class Report:
    """All that was found about a network.

    Attributes
    ----------
    target : str
        What was checked.
    spec : dict
        What it was taken for, and by what conventions.
    verdicts : list of Verdict
        In the order of `ASPECTS`.
    edges : list of Edge
        The computation, forward and back.
    planned, run : int
        Questions that were to be asked, and those that were answered.
    evidence : Evidence or None
        The numbers.
    """

    target: str
    spec: dict[str, Any]
    verdicts: list[Verdict] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    planned: int = 0
    run: int = 0
    evidence: Evidence | None = None

    @classmethod
    def of_part(cls, target: str, verdicts: list[Verdict]) -> "Report":
        """Return what was found about a part by itself, each verdict being a question."""
        answered = sum(verdict.status != UNCHECKED for verdict in verdicts)
        return cls(target, {}, verdicts, planned=len(verdicts), run=answered)

    @property
    def skipped(self) -> int:
        """Questions that could not be answered."""
        return self.planned - self.run

    @property
    def failures(self) -> list[Verdict]:
        """What differs."""
        return [verdict for verdict in self.verdicts if verdict.status == DIFFERS]

    @property
    def unanswered(self) -> list[str]:
        """Which of forward pass and gradient were asked about without any answer, and what raises.

        Without the two, nothing is known of what the network computes; a loss or a step that raises
        is no answer either, nor are steps of no known optimizer. What was not asked about, as with
        ``only``, is not missing.
        """
        found = []
        for aspect in ("forward", "loss", "gradient", "optimizer"):
            verdicts = list(self.of(aspect))
            is_open = bool(verdicts) and all(v.status == UNCHECKED for v in verdicts)
            raises = any(v.cause == "call-raises" for v in verdicts)
            is_of_none = any(OF_NO_OPTIMIZER in v.message for v in verdicts)
            is_of_none &= all(v.status != EQUAL for v in verdicts)
            if is_of_none or (is_open and (raises or aspect in ("forward", "gradient"))):
                found.append(aspect)
        return found

    @property
    def not_asked(self) -> list[str]:
        """Networks and losses of a file beside which something else was checked."""
        parts = self.spec.get("recognized", [])
        return [part["value"] for part in parts if part["name"] == NOT_ASKED]

    @property
    def exit_code(self) -> int:
        """1 if something differs, 2 if `unanswered`, `not_asked`, ended or unchecked, else 0."""
        statuses = {verdict.status for verdict in self.verdicts}
        if DIFFERS in statuses:
            return 1
        is_open = self.unanswered or self.not_asked or not statuses - {UNCHECKED}
        is_open = is_open or "ended" in self.spec
        return 2 if is_open else 0

    def of(self, aspect: str) -> Iterator[Verdict]:
        """Yield the verdicts on an aspect."""
        return (verdict for verdict in self.verdicts if verdict.aspect == aspect)

    def __str__(self) -> str:
        from parity_tests.kit.rendering import to_text

        return to_text(self)

    def to_markdown(self) -> str:
        """Return it as Markdown."""
        from parity_tests.kit.rendering import to_markdown

        return to_markdown(self)

    def to_html(self) -> str:
        """Return it as one page that needs nothing else."""
        from parity_tests.kit.rendering import to_html

        return to_html(self)

    def _repr_html_(self) -> str:
        from parity_tests.kit.rendering import to_fragment

        return to_fragment(self)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON has it; see the guide for the schema."""
        return {
            "target": self.target,
            "spec": self.spec,
            "verdicts": [asdict(verdict) for verdict in self.verdicts],
            "edges": [asdict(edge) for edge in self.edges],
            "planned": self.planned,
            "run": self.run,
            "skipped": self.skipped,
        }


def worst(statuses: Sequence[str]) -> str:
    """Return the status of a whole whose parts have these."""
    for status in (DIFFERS, CONVENTION, EQUAL):
        if status in statuses:
            return status
    return UNCHECKED


def named(
    aspect: str,
    cause: str,
    seen: str,
    tensor: str | None = None,
    factor: float | None = None,
    residual: float | None = None,
    *,
    more: Sequence[str] = (),
) -> Verdict:
    """Return the verdict that something differs, and why.

    Parameters
    ----------
    aspect, cause, tensor, factor, residual
        As in `Verdict`.
    seen : str
        What was observed, as part of a sentence.
    more : sequence of str
        Other causes of the same.
    """
    message = f"{CAUSES[cause].title}: {seen}. Look at {CAUSES[cause].advice}."
    message += "".join(f" Also: {CAUSES[other].title}." for other in more)
    return Verdict(aspect, DIFFERS, message, tensor, cause, factor, residual)
