"""What people call: a network, a layer, a loss, an optimizer or a gradient is checked."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from numpy_impl import InputError
from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.check import EXAMINATIONS, examine
from parity_tests.kit.differences import examine_gradients
from parity_tests.kit.layers.examine import examine_layer
from parity_tests.kit.layers.loss_function import LossUnderTest, examine_loss
from parity_tests.kit.layers.subject import LayerUnderTest
from parity_tests.kit.network import Network, Rule
from parity_tests.kit.optimizers.rules import examine_rule
from parity_tests.kit.spec import Spec
from parity_tests.kit.verdicts import DIFFERS, Report, Verdict


class ParityError(AssertionError):
    """Something differs.

    Attributes
    ----------
    report : Report
        All that was found.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


def declared(target: Any, spec: Spec | None = None) -> Network:
    """Return a declaration of what is to be checked.

    Parameters
    ----------
    target : Network, class, callable or object
        A declaration, or what can be recognized: a class, a function that makes a network, a
        network.
    spec : Spec, optional
        What it is meant to compute, in the place of the declaration's.

    Raises
    ------
    InputError
        For an optimizer's declaration: see `check_optimizer`.
    """
    if isinstance(target, Rule):
        raise InputError("target", "a network; a Rule is for check_optimizer", repr(target))
    if not isinstance(target, Network):
        from parity_tests.kit.recognition import recognize

        target = recognize(target).network
    return target if spec is None else replace(target, spec=spec)


def check_network(
    target: Any,
    spec: Spec | None = None,
    on_fail: str = "raise",
    *,
    seed: int = 0,
    only: str | Collection[str] = "",
) -> Report:
    """Check a network against PyTorch, and say what is wrong with it.

    Parameters
    ----------
    target : Network, class, callable or object
        See `declared`.
    spec : Spec, optional
        What it is meant to compute; left out, it is held to itself.
    on_fail : {"raise", "report"}, default "raise"
        What is done where something differs.
    seed : int, default 0
        Of parameters and batches.
    only : str or collection of str, optional
        An aspect, or several.

    Returns
    -------
    Report

    Raises
    ------
    ParityError
        If something differs, unless `on_fail` is ``"report"``.
    InputError
        For another `on_fail`, and for an aspect that is not known.
    """
    _check_on_fail(on_fail)
    return _settled(examine(declared(target, spec), seed, only, arbiter=pytorch()), on_fail)


def check_layer(declaration: LayerUnderTest, on_fail: str = "raise", *, seed: int = 0) -> Report:
    """Check a layer against this project's layer of the same name, which is equal to PyTorch's.

    Parameters
    ----------
    declaration : LayerUnderTest
        How it is reached, and what it is meant to be.
    on_fail, seed
        As for `check_network`.

    Raises
    ------
    ParityError, InputError
        As `check_network` does, and for options that such a layer does not have.
    """
    _check_on_fail(on_fail)
    return _of_verdicts(declaration.like, examine_layer(declaration, seed), on_fail)


def check_loss(declaration: LossUnderTest, on_fail: str = "raise", *, seed: int = 0) -> Report:
    """Check a loss: its value, its gradient, and both where logarithms end.

    Parameters
    ----------
    declaration : LossUnderTest
        How it is reached, and what it is meant to be.
    on_fail, seed
        As for `check_network`.

    Raises
    ------
    ParityError, InputError
        As `check_network` does, and for options that such a loss does not have.
    """
    _check_on_fail(on_fail)
    return _of_verdicts(declaration.like, examine_loss(declaration, seed), on_fail)


def check_optimizer(rule: Rule, on_fail: str = "raise", *, seed: int = 0) -> Report:
    """Check an optimizer: its steps on given gradients against PyTorch's formula.

    Parameters
    ----------
    rule : Rule
        How it is reached, and what it is meant to be.
    on_fail, seed
        As for `check_network`.

    Raises
    ------
    ParityError, InputError
        As `check_network` does, and for a kind or options that are not known.
    """
    _check_on_fail(on_fail)
    return _of_verdicts(rule.kind or "optimizer", examine_rule(rule, seed), on_fail)


def check_gradients(
    function: Callable[..., float],
    gradient: Callable[..., Any],
    point: Any,
    on_fail: str = "raise",
    *,
    seed: int = 0,
) -> Report:
    """Check the gradient of any function against its own differences, without PyTorch.

    Parameters
    ----------
    function : callable
        ``f(point)`` returning a number.
    gradient : callable
        ``g(point)`` returning an array of the same shape; for several arrays, a sequence of them.
    point : ndarray or sequence of ndarray
        Where.
    on_fail, seed
        As for `check_network`.

    Raises
    ------
    ParityError, InputError
        As `check_network` does, and for a point that is no array of floating-point numbers.
    """
    _check_on_fail(on_fail)
    if isinstance(point, np.ndarray):
        found = examine_gradients(
            lambda arrays: function(arrays[0]), lambda arrays: [gradient(arrays[0])], [point], seed
        )
    else:
        found = examine_gradients(function, gradient, point, seed)
    return _of_verdicts("gradient", found, on_fail)


def _of_verdicts(name: str, verdicts: list[Verdict], on_fail: str) -> Report:
    return _settled(Report.of_part(name, verdicts), on_fail)


def _check_on_fail(on_fail: str) -> None:
    if on_fail not in ("raise", "report"):
        raise InputError("on_fail", "'raise' or 'report'", repr(on_fail))


def _settled(report: Report, on_fail: str) -> Report:
    if on_fail == "raise" and report.failures:
        raise ParityError(report)
    return report


@dataclass(frozen=True)
class ParityCheck:
    """One aspect of one network, to be called in a test."""

    examined: "_Examined"
    aspect: str

    def __call__(self) -> None:
        """Raise ParityError if this aspect differs."""
        report = self.examined.report
        found = [verdict for verdict in report.verdicts if verdict.aspect == self.aspect]
        if any(verdict.status == DIFFERS for verdict in found):
            raise ParityError(replace(report, verdicts=found))

    def __str__(self) -> str:
        return f"{self.examined.network.name}/{self.aspect}"


@dataclass
class _Examined:
    """A network that is examined once, when the first of its checks is called."""

    network: Network
    seed: int

    @cached_property
    def report(self) -> Report:
        return examine(self.network, self.seed, arbiter=pytorch())


def parity_checks(targets: Iterable[Any], seed: int = 0) -> Iterator[ParityCheck]:
    """Yield the checks of several networks, one for each aspect."""
    for target in targets:
        examined = _Examined(declared(target), seed)
        for aspect in EXAMINATIONS:
            yield ParityCheck(examined, aspect)


def parametrize_parity(targets: Iterable[Any], seed: int = 0) -> Callable[..., Any]:
    """Return a pytest decorator for a test that takes `check`, and calls it.

    Examples
    --------
    ::

        @parametrize_parity([MyNetwork])
        def test_parity(check):
            check()
    """
    import pytest

    checks = list(parity_checks(targets, seed))
    return pytest.mark.parametrize(
        "check", [pytest.param(check, id=str(check)) for check in checks]
    )
