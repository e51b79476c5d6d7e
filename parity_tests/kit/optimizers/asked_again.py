"""What the steps of an optimizer leave open, and others show."""

from collections.abc import Mapping
from dataclasses import replace

from parity_tests.kit.causes import CAUSES
from parity_tests.kit.optimizers.asking import Question, RuleError, Shapes, answer
from parity_tests.kit.optimizers.displacements import displacements
from parity_tests.kit.optimizers.formulas import STATELESS, USUAL
from parity_tests.kit.optimizers.judging import judged
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.optimizers.search import find
from parity_tests.kit.verdicts import CONVENTION, Verdict, named

# How much smaller another rate is, and how closely a factor is a rate.
_LATER, _NEAR = 4, 1e-6
# Gradients of one step are large, and those after it small: below any limit that they may have.
_FALLING = (1.0, 1e-5, 2.0, 1e-4, 1.0, 0.5)
_SHARED = "state-shared"


def of_second_rate(question: Question, found: list[Verdict]) -> list[Verdict]:
    """Say of a factor that is the learning rate at another one, too, that the step has it twice."""
    if not _has_factor(found, question.lr):
        return found
    slower = question.at((found[0].factor or 0.0) / _LATER)
    try:
        again = judged(answer(slower)[0], question.kind, question.given)
    except RuleError:
        return found
    if not _has_factor(again, slower.lr):
        return found
    seen = found[0].account
    return [named("optimizer", "rate-twice", f"{seen}, which is the learning rate")]


def _has_factor(of_steps: list[Verdict], factor: float) -> bool:
    """Whether all steps are so many times what was expected, and nothing else is wrong."""
    if [verdict.cause for verdict in of_steps] != ["step-scaled"]:
        return False
    return abs((of_steps[0].factor or 0.0) / factor - 1) <= _NEAR


def with_unscaled_decay(question: Question, observed: Observed) -> list[Verdict]:
    r"""Return that a decay that nobody declared is as much at another rate; else nothing.

    .. math:: \Delta\theta = -\eta \, d - w \theta = -\eta \, (d + (w / \eta) \, \theta)
    """
    decay = _undeclared_decay(observed, question.kind, question.given)
    if not decay:
        return []
    try:
        again, _ = answer(question.at(question.lr / _LATER))
    except RuleError:
        return []
    other = _undeclared_decay(again, question.kind, question.given) / _LATER
    if abs(other / decay - 1) > _NEAR:
        return []
    taken = decay * question.lr
    message = (
        f"{CAUSES['decay-not-scaled'].title}: a step takes {taken:.6g} x the parameters away, "
        "whatever the learning rate is, unless it is meant otherwise"
    )
    return [Verdict("optimizer", CONVENTION, message, None, "decay-not-scaled", taken)]


def _undeclared_decay(
    observed: Observed, kind: str | None, given: Mapping[str, float | None]
) -> float:
    """Return the weight decay of the formula of steps, if it is not that declared; else zero."""
    matches = find(observed, kind, given, simple=True)
    if len(matches) != 1:
        return 0.0
    return matches[0].changed.get("weight_decay", 0.0)


def of_momentum_times_rate(question: Question, observed: Observed) -> list[Verdict]:
    r"""Return that momentum goes with the learning rate; nothing if it is one that may be meant.

    .. math:: b \leftarrow \eta \, (\mu b + g), \qquad
              \Delta\theta = -b = -\eta \, (\eta \mu \, (b / \eta) + g)
    """
    momentum, residual = _momentum(observed, question)
    if is_usual(momentum, question.given):
        return []
    try:
        again, _ = answer(question.at(question.lr / _LATER))
    except RuleError:
        return []
    later, _ = _momentum(again, question)
    if abs(later * _LATER / momentum - 1) > _NEAR:
        return []
    return [times_rate(momentum, question.lr, residual)]


def is_usual(momentum: float, given: Mapping[str, float | None]) -> bool:
    """Whether a momentum is none, declared, or a value that occurs in code."""
    return momentum in (0.0, given.get("momentum"), *USUAL["momentum"])


def times_rate(momentum: float, rate: float, residual: float | None) -> Verdict:
    """Return that momentum is a multiple of the learning rate, by what it is at one."""
    seen = f"momentum is {momentum / rate:.6g} x the learning rate, {momentum:.6g} at {rate:g}"
    return named("optimizer", "momentum-times-rate", seen, residual=residual)


def _momentum(observed: Observed, question: Question) -> tuple[float, float]:
    """Return the momentum that steps have, and what it leaves of them; zero if they have none."""
    others = {name: value for name, value in question.given.items() if name != "momentum"}
    matches = find(observed, "momentum", others, simple=True)
    if len(matches) != 1 or matches[0].choices:
        return 0.0, 0.0
    return matches[0].formula.options["momentum"], matches[0].residual


def of_shared_state(question: Question, observed: Observed, of: Shapes | None) -> list[Verdict]:
    """Return that parameters of one shape share what is kept; nothing if others show none of it.

    Parameters
    ----------
    question : Question
        With parameters of one shape.
    observed : Observed
        Steps of parameters of different shapes.
    of : sequence of tuple of int or None
        Shapes of the network that the optimizer is for.
    """
    shapes = observed.asked.shapes
    if len(set(shapes)) < len(shapes) or len(set(question.shapes)) == len(shapes):
        return []
    matches = find(observed, question.kind, question.given, simple=True)
    if len(matches) != 1 or matches[0].formula.kind in STATELESS:
        return []
    formula = matches[0].formula
    try:
        twins, _ = answer(question)
    except RuleError:
        return []
    own = twins.misfit(displacements(formula, twins.asked))
    shared = twins.misfit(displacements(replace(formula, state="shared"), twins.asked))
    if own <= twins.tolerance or shared > twins.tolerance:
        return []
    seen = f"all steps are those of {formula.kind} with one state for all parameters of a shape"
    if of is None:
        return [named("optimizer", _SHARED, seen, residual=float(shared))]
    message = f"{CAUSES[_SHARED].title}: {seen}. No two of the network have one shape: it is right"
    return [Verdict("optimizer", CONVENTION, message, None, _SHARED, None, float(shared))]


def of_limits(question: Question, observed: Observed, found: list[Verdict]) -> list[Verdict]:
    r"""Hold what is said of clipped gradients to gradients of which some are below the limit.

    Where all are above it, they are as if divided by their norm,

    .. math:: g \min(1, c / \lVert g \rVert) = c \, g / \lVert g \rVert
    """
    kind, given = question.kind, question.given
    formulas = [match.formula for match in find(observed, kind, given, simple=True)]
    if all(formula.clip == "none" for formula in formulas):
        return found
    try:
        falling, _ = answer(replace(question, sizes=_FALLING))
    except RuleError:
        return found
    misfits = [falling.misfit(displacements(own, falling.asked)) for own in formulas]
    if len(misfits) == 1 and misfits[0] <= falling.tolerance:
        return found
    return judged(falling, kind, given)
