"""Ask a network all questions, one after the other."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from parity_tests.kit import unchained
from parity_tests.kit.arbiter import Arbiter, distances
from parity_tests.kit.aspects.bound_batches import batch_bound
from parity_tests.kit.aspects.data import aspect as data
from parity_tests.kit.aspects.first_steps.shares import without_accounted
from parity_tests.kit.aspects.forward import aspect as forward
from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.aspects.gradient.training_pass import IN_TRAINING
from parity_tests.kit.aspects.initialization import aspect as initialization
from parity_tests.kit.aspects.input_targets import is_of_inputs
from parity_tests.kit.aspects.log_bases import meant_by_gradient
from parity_tests.kit.aspects.loss import aspect as loss
from parity_tests.kit.aspects.never_set import refused
from parity_tests.kit.aspects.nonzero_targets import needs_nonzero_targets
from parity_tests.kit.aspects.optimizer import aspect as optimizer
from parity_tests.kit.aspects.side_effects import aspect as side_effects
from parity_tests.kit.aspects.stability import aspect as stability
from parity_tests.kit.aspects.vector_targets import has_vector_targets
from parity_tests.kit.aspects.whole_numbers import of_integers
from parity_tests.kit.golden import Golden
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.network import Network
from parity_tests.kit.subject.subject import NoChainError, Subject, SubjectError
from parity_tests.kit.verdicts import (
    ASPECTS,
    CONVENTION,
    DIFFERS,
    EQUAL,
    UNCHECKED,
    Report,
    Verdict,
    wanted,
)

# In the order in which they build upon one another.
EXAMINATIONS: dict[str, Callable[[Inquiry], list[Verdict]]] = {
    "forward": forward.examine,
    "loss": loss.examine,
    "gradient": gradient.examine,
    "optimizer": optimizer.examine,
    "initialization": initialization.examine,
    "data": data.examine,
    "stability": stability.examine,
    "side effects": side_effects.examine,
}


# What others build upon: the optimizer tells what steps say of the gradient.
_FIRST = ("forward", "loss", "gradient", "optimizer")


def examine(
    network: Network,
    seed: int = 0,
    only: str | Collection[str] = "",
    *,
    arbiter: Arbiter | None = None,
    golden: Golden | None = None,
    tell: Callable[[str, Report], None] | None = None,
) -> Report:
    """Return what was found about a network.

    Parameters
    ----------
    network : Network
        Its declaration.
    seed : int, default 0
        Of everything it is asked with.
    only : str or collection of str, optional
        An aspect, or several; what they need to know is asked, too.
    arbiter : Arbiter, optional
        What answers that come out as equal are held against.
    golden : Golden, optional
        What is to be asked instead of random parameters and batches, what the network is meant to
        compute, and the arbiter.
    tell : callable, optional
        Gets told, before every aspect, which one is asked next, and what was found of those before,
        without what later ones may take back.

    Raises
    ------
    InputError
        For an aspect that is not known.
    """
    asked_for = wanted(only)
    questions = None
    if golden is not None:
        network, arbiter, questions = golden.meant(network), golden.arbiter, golden.questions
    spec = network.spec
    told: dict[str, Any] = {**spec.to_json(), **network.conventions()}
    report = Report(network.name, told, planned=len(EXAMINATIONS))
    examinations = EXAMINATIONS
    try:
        try:
            subject = Subject(network)
        except NoChainError as error:
            if questions is not None:
                raise
            subject, examinations = _unchained(network, error)
            report.planned = len(examinations)
        inquiry = Inquiry.begin(subject, spec, seed, questions)
        if is_of_inputs(inquiry):
            subject.is_of_inputs = True
            inquiry = Inquiry.begin(subject, spec, seed)
            told["labels"] = "the inputs"
        if needs_nonzero_targets(inquiry):
            subject.least_target = 1.0
            inquiry = Inquiry.begin(subject, spec, seed)
        if has_vector_targets(inquiry):
            subject.has_vector_targets = True
            told["labels"] = "targets (a vector, as the output is)"
        bound = batch_bound(inquiry)
        if bound is not None:
            inquiry = Inquiry.begin(
                subject, spec, seed, samples=bound.samples, all_classes=bound.all_classes
            )
            inquiry.is_batch_bound = True
    except NoChainError as error:
        report.verdicts = [refused("forward", error)]
        return report
    except SubjectError as error:
        report.verdicts = [Verdict("forward", UNCHECKED, str(error))]
        return report
    if subject.is_chain:
        told |= {"sizes": subject.sizes, "weights": subject.layout}
    for aspect, examination in examinations.items():
        if aspect not in asked_for and aspect not in _FIRST:
            report.planned -= 1
            continue
        if tell is not None:
            tell(aspect, _settled(report, aspect, subject))
        try:
            found = examination(inquiry)
        except SubjectError as error:
            found = [Verdict(aspect, UNCHECKED, str(error))]
        if aspect == "gradient":
            # It may say which of two losses is meant, and which layout.
            for other in ("loss", "forward"):
                of_other = [verdict for verdict in found if verdict.aspect == other]
                found = [verdict for verdict in found if verdict.aspect != other]
                report.verdicts = _instead(report.verdicts, other, of_other)
            if found and all(verdict.status == EQUAL for verdict in found):
                asked = inquiry.reported, inquiry.gradient_scale
                report.verdicts = meant_by_gradient(report.verdicts, *asked)
        if aspect == "optimizer":
            left = [verdict for verdict in found if verdict.aspect == "gradient"]
            found = [verdict for verdict in found if verdict.aspect != "gradient"]
            found = _without_training(found, report.verdicts)
            before = report.verdicts
            report.verdicts = _without_steps(before, inquiry, left)
            report.run += _is_told_of_gradient(report.verdicts) - _is_told_of_gradient(before)
        if aspect in asked_for:
            report.verdicts += found
        # What is not declared is not asked.
        report.planned -= not found
        report.run += any(verdict.status != UNCHECKED for verdict in found)
    for verdict in of_integers(inquiry):
        if verdict.aspect in asked_for:
            report.verdicts.append(verdict)
            report.verdicts.sort(key=lambda own: ASPECTS.index(own.aspect))
    if bound is not None and bound.verdict.aspect in asked_for:
        report.verdicts.insert(0, bound.verdict)
    if not subject.is_chain:
        count = len(subject.shapes)
        report.verdicts = [unchained.renamed(own, network, count) for own in report.verdicts]
        return report
    report.edges = inquiry.edges
    report.evidence = inquiry.evidence
    inquiry.evidence.tolerance = max(inquiry.evidence.tolerance, inquiry.tolerance)
    if inquiry.form is not None:
        told["form"] = str(inquiry.form)
        if arbiter is not None:
            confirm(report, arbiter)
    return report


def _settled(report: Report, aspect: str, subject: Subject) -> Report:
    """Return what was found so far, without what is not final before an aspect is asked.

    The gradient says which forward pass and which loss are meant, steps account for a gradient, and
    parameters that form no chain get their names at the end. They may take back that something
    differs.
    """
    has_steps = subject.network.step is not None or subject.network.optimizer is not None
    open_aspects: tuple[str, ...] = ()
    if not subject.is_chain:
        open_aspects = ASPECTS
    elif aspect in ("loss", "gradient"):
        open_aspects = ("forward", "loss")
    elif aspect == "optimizer" and has_steps:
        open_aspects = ("loss", "gradient")
    final = [
        verdict
        for verdict in report.verdicts
        if verdict.aspect not in open_aspects or verdict.status != DIFFERS
    ]
    answered = {verdict.aspect for verdict in final if verdict.status != UNCHECKED}
    return replace(report, verdicts=final, run=len(answered))


def _unchained(
    network: Network, error: NoChainError
) -> tuple[Subject, dict[str, Callable[[Inquiry], list[Verdict]]]]:
    """Return a network whose parameters form no chain of layers, and what can be asked of it."""
    try:
        subject = unchained.Unchained(network)
    except SubjectError as why:
        if why.__cause__ is None:
            raise error from None
        raise NoChainError(f"{error}; {why}") from why.__cause__
    asked = ("optimizer", "data", "side effects")
    return subject, {
        "forward": lambda inquiry: unchained.of_forward(inquiry, str(error)),
        "gradient": unchained.of_gradient,
        **{aspect: EXAMINATIONS[aspect] for aspect in asked},
    }


def _instead(verdicts: list[Verdict], aspect: str, new: list[Verdict]) -> list[Verdict]:
    """Replace what was said of an aspect, if it was asked and there is anything to say instead."""
    others = [verdict for verdict in verdicts if verdict.aspect != aspect]
    own = [verdict for verdict in verdicts if verdict.aspect == aspect]
    # What is only noted takes back no difference.
    is_noted = all(verdict.status == CONVENTION and verdict.cause is None for verdict in new)
    if not (own and new) or (is_noted and any(verdict.status == DIFFERS for verdict in own)):
        return verdicts
    return new + others if aspect == "forward" else others + new


def _without_steps(verdicts: list[Verdict], inquiry: Inquiry, left: list[Verdict]) -> list[Verdict]:
    """Take back what was said of a gradient, where the optimizer's steps account for it.

    Parameters
    ----------
    left : list of Verdict
        What the steps leave to be said of the gradient.
    """
    if inquiry.steps_explain == "nothing":
        return verdicts
    kept = without_accounted(inquiry, verdicts, left)
    if len(kept) < len(verdicts) and not any(verdict.aspect == "gradient" for verdict in kept):
        message = "the optimizer's steps are those of the gradient of the loss"
        kept.append(Verdict("gradient", EQUAL, message))
    return kept


def _without_training(found: list[Verdict], verdicts: list[Verdict]) -> list[Verdict]:
    """Take back what was said of steps, where the gradient of their training pass has it."""
    told = {v.cause for v in verdicts if v.message.startswith(IN_TRAINING) and v.cause}
    kept = [verdict for verdict in found if verdict.cause not in told]
    if len(kept) < len(found) and not kept:
        why = f"{IN_TRAINING} the gradient has a fault, and the steps with it"
        kept = [Verdict("optimizer", UNCHECKED, why)]
    return kept


def _is_told_of_gradient(verdicts: list[Verdict]) -> bool:
    return any(v.aspect == "gradient" and v.status != UNCHECKED for v in verdicts)


def confirm(report: Report, arbiter: Arbiter) -> None:
    """Hold what came out as equal against an arbiter, and add a verdict where that disagrees.

    Parameters
    ----------
    report : Report
        With its evidence; without, or without a known form, there is nothing to do.
    arbiter : Arbiter
    """
    evidence = report.evidence
    if evidence is None or evidence.form is None:
        return
    try:
        found = distances(evidence, arbiter)
    except ValueError as error:
        report.spec["arbiter"] = f"{arbiter.name}: not asked, {error}"
        return
    for name, distance in found.items():
        aspect = "forward" if name == "output" else "gradient"
        if any(verdict.status == DIFFERS for verdict in report.of(aspect)):
            continue
        if not distance <= evidence.tolerance:
            message = (
                f"{name} is {distance:.2g} of its norm from that of {arbiter.name}, though "
                "recomputing it in NumPy gives the same. The cause is unknown."
            )
            report.verdicts.append(Verdict(aspect, DIFFERS, message, name, residual=distance))
    if found:
        report.spec["arbiter"] = f"{arbiter.name}: at most {max(found.values()):.1g} from it"
