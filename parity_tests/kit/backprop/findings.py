"""What the gradients of a network's parameters were found to be."""

from dataclasses import dataclass, field

from parity_tests.kit.candidates.candidate import Candidate
from parity_tests.kit.penalties import Shares

# Faults of the output's error, which all that comes of it has.
OF_ERRORS = {"labels-written", "error-without-sign", "error-centred"}


@dataclass(frozen=True)
class Finding:
    """What the gradient of a parameter was found to be.

    Attributes
    ----------
    tensor : str
        ``"W1"``, ``"b2"``.
    causes : tuple of str
        What is wrong at the step that leads to it; empty if nothing is.
    known : bool
        Whether it could be reproduced.
    factor : float
        What is observed over the gradient of the loss summed over samples and outputs.
    residual : float
        What is left, relative to the observed.
    text : str
        The formula that reproduces it.
    relative : bool
        Whether the factor counts from something that was solved for.
    also : list of str
        Other causes of which the same numbers would come.
    decay : mapping
        What penalties on the parameter have added: see `parity_tests.kit.penalties`.
    is_vacant : bool
        Whether nothing came where nothing is expected, which tells nothing.
    loss : str or None
        The loss of whose gradient it was found to be a part.
    is_apart : bool
        Whether a bias is the sum of another gradient than the one that the matrix is made of.
    """

    tensor: str
    causes: tuple[str, ...]
    known: bool
    factor: float
    residual: float
    text: str
    relative: bool = False
    also: list[str] = field(default_factory=list)
    decay: Shares = field(default_factory=dict)
    is_vacant: bool = False
    loss: str | None = None
    is_apart: bool = False


@dataclass
class Explanation:
    """What a whole gradient was found to be.

    Attributes
    ----------
    findings : list of Finding
        One for each parameter, from the last layer to the first.
    loss : str or None
        The loss whose gradient it is.
    deltas : dict
        How the gradient of each pre-activation was found, by the number of its layer.
    reading : str
        Which forward pass it is that of, where that may be another one: see
        `parity_tests.kit.aspects.gradient.readings`.
    sample : int
        Which sample of its batch it is of, if it is of one.
    hidden : tuple of str
        The hidden functions of the forward pass that it is that of, where that may be another one.
    """

    findings: list[Finding] = field(default_factory=list)
    loss: str | None = None
    deltas: dict[int, Candidate] = field(default_factory=dict)
    reading: str = ""
    sample: int = 0
    hidden: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether all of it could be reproduced."""
        return all(finding.known for finding in self.findings)

    @property
    def is_right(self) -> bool:
        """Whether all of it could be reproduced, and nothing is wrong about it."""
        return self.known and not any(finding.causes for finding in self.findings)

    @property
    def decays(self) -> dict[str, Shares]:
        """What penalties have added, by tensor, where it is anything."""
        return {finding.tensor: finding.decay for finding in self.findings if finding.decay}


def nothing(name: str) -> Finding:
    """Return that nothing came of a parameter, where something is expected."""
    return Finding(name, ("not-updated",), True, 0.0, 0.0, "0")


def vacant(name: str) -> Finding:
    """Return that nothing came where nothing is expected."""
    return Finding(name, (), True, 0.0, 0.0, "0, as it should be", is_vacant=True)


def reference_of(finding: Finding, chosen: Candidate) -> float | None:
    """Return the factor that a bias should have, None if the matrix does not tell it."""
    if chosen.solved:
        return 1.0
    return finding.factor if finding.known and not finding.relative and finding.factor else None
