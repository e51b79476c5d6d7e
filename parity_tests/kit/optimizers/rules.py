"""The steps of an optimizer on its own, recomputed."""

from collections.abc import Mapping
from dataclasses import replace

from parity_tests.kit.network import Rule
from parity_tests.kit.optimizers.asked_again import (
    of_limits,
    of_momentum_times_rate,
    of_second_rate,
    of_shared_state,
    with_unscaled_decay,
)
from parity_tests.kit.optimizers.asking import Question, RuleError, Shapes, answer
from parity_tests.kit.optimizers.formulas import read
from parity_tests.kit.optimizers.judging import judged
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.verdicts import CONVENTION, EQUAL, UNCHECKED, Verdict

# Stand for the widths of a network, so that rules are asked with few parameters.
_WIDTHS = (7, 5, 3, 4, 6, 8, 9)
# What is said of steps where a velocity may have the learning rate in it, and of which kinds.
_OF_MOMENTUM = (None, "another-hyperparameter", "another-optimizer")
_WITH_VELOCITY = (None, "sgd", "momentum")
_SHAPES = ((7, 5), (5,), (5, 3), (3,))


def examine_rule(rule: Rule, seed: int, shapes: Shapes | None = None) -> list[Verdict]:
    """Recompute six steps of an optimizer.

    Parameters
    ----------
    rule : Rule
        The optimizer.
    seed : int
        Of parameters and gradients.
    shapes : sequence of tuple of int, optional
        Of the parameters that it is made for, if it is for a network. It is asked with smaller
        ones of the same order, and with these where it does not take them.

    Raises
    ------
    InputError
        For a kind or an option that is not known.
    """
    kind: str | None = None
    given: Mapping[str, float | None] = {}
    if rule.kind is not None:
        kind, given = read(rule.kind, rule.options)
    own = list(shapes or _SHAPES)
    small, alike = _small(own), [tuple(4 if n > 1 else 1 for n in shape) for shape in own]
    told, found, cause = "", None, None
    for tried in (small, *(() if own == small else (own,)), alike):
        question = Question(rule, kind, given, seed, tried)
        try:
            observed, verdicts = answer(question)
        except RuleError as error:
            if not told:
                told, cause = str(error), None if error.__cause__ is None else "call-raises"
            continue
        if any(verdict.status == UNCHECKED for verdict in verdicts):
            return verdicts
        of_steps = _of_steps(question, observed)
        if tried is small and all(v.status in (EQUAL, CONVENTION) for v in of_steps):
            twins = replace(question, shapes=alike)
            of_steps = of_shared_state(twins, observed, shapes) or of_steps
        # What parameters of one shape share shows with parameters of one shape alone.
        if found is None or any(verdict.cause == "state-shared" for verdict in of_steps):
            found = of_steps + verdicts
        if tried is alike or all(verdict.status in (EQUAL, CONVENTION) for verdict in of_steps):
            break
        if any(verdict.cause is not None for verdict in of_steps):
            break
    return found if found is not None else [Verdict("optimizer", UNCHECKED, told, cause=cause)]


def _of_steps(question: Question, observed: Observed) -> list[Verdict]:
    """Judge steps, and ask once more where others tell what they leave open."""
    kind, given = question.kind, question.given
    found = judged(observed, kind, given)
    found = of_second_rate(question, found)
    if any(verdict.status == CONVENTION for verdict in found):
        found = of_limits(question, observed, found)
    if kind in _WITH_VELOCITY and all(verdict.cause in _OF_MOMENTUM for verdict in found):
        of_rate = of_momentum_times_rate(question, observed)
        if of_rate:
            return of_rate
    is_decayed = [v.cause for v in found] == ["decay-decoupled"]
    if is_decayed or [v.status for v in found] == [EQUAL if kind is None else CONVENTION]:
        return with_unscaled_decay(question, observed) or found
    return found


def _small(shapes: Shapes) -> list[tuple[int, ...]]:
    """Return shapes with the same equalities among their numbers, and small ones."""
    numbers = sorted({n for shape in shapes for n in shape if n > 1}, reverse=True)
    if len(numbers) > len(_WIDTHS):
        return list(shapes)
    names = dict(zip(numbers, _WIDTHS, strict=False))
    return [tuple(names.get(n, n) for n in shape) for shape in shapes]
