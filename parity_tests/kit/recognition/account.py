"""What was found and tried where no network was recognized, and a declaration to begin with."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, pairwise
from typing import Any

import numpy as np

from parity_tests.kit.paths import Found, arrays
from parity_tests.kit.recognition import hosts, names
from parity_tests.kit.recognition.calls import parameters_of
from parity_tests.kit.recognition.chains import Chain, chains, kind_of
from parity_tests.kit.recognition.hosts import Named
from parity_tests.kit.recognition.making import arguments
from parity_tests.kit.recognition.trial import FAILURES, evaluate
from parity_tests.kit.recognition.widths import Widths
from parity_tests.kit.subject.subject import quiet

_MOST_TRIES, _MOST_NAMES, _MOST_CLASSES, _LONGEST = 8, 4, 2, 100
_SAMPLES = 7


def account(target: Any, scope: Mapping[str, Any]) -> str:
    """Return what was found of a network that was not recognized, in at most eight lines.

    Parameters
    ----------
    target : object
        As of `recognize`.
    scope : mapping
        The names of its module.
    """
    lines = ["no forward pass was found that takes a batch or a sample and uses all matrices."]
    if inspect.isclass(target):
        candidates = [(target.__name__, target)]
    else:
        candidates = hosts.classes(scope)[:_MOST_CLASSES]
    told = [_of_class(name, cls, scope) for name, cls in candidates]
    lines += [line for line, _, _ in told]
    made = next((entry for entry in told if entry[1] is not None), None)
    functions = hosts.own_functions(scope)
    make, net = (made[2], made[1]) if made else ("...", None)
    chain = None if net is None else next(iter(chains(_own_arrays(net, make))), None)
    if net is not None:
        functions = hosts.methods(net)
    elif candidates:
        functions = [Named(n, f"net.{n}", m) for n, m in vars(candidates[0][1]).items()]
    lines += [] if net is None else _of_one_unit(_own_arrays(net, make))
    lines.append(_of_forward(functions, net, chain))
    others = {"gradient": names.BACKWARD, "step": (*names.UPDATE, *names.TRAIN)}
    lines.append("; ".join(f"{what}: {_listed(functions, p)}" for what, p in others.items()))
    lines.append("Write a Network declaration for it, which may begin with")
    lines.append(_beginning(make, net, functions, chain))
    return "\n".join(lines)


def _of_class(name: str, cls: type, scope: Mapping[str, Any]) -> tuple[str, Any, str]:
    """Return what came of making an object, the object or None, and the code of its maker."""
    raised = f"{name} could not be made: what its constructor takes is not known"
    for text in islice(arguments(cls, scope, Widths()), _MOST_TRIES):
        call = f"{name}({text})"
        net, error = _tried(call, scope)
        if error:
            raised = f"{name} could not be made: {call} raises {error}"
            continue
        found = [one for one in _own_arrays(net, call) if one.array.ndim == 2]
        if not found:
            raised = f"{call} is made, and has no matrices before it is used"
            continue
        shapes = ", ".join(f"{one.text.lstrip('.')} {one.array.shape}" for one in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        return f"{call} is made, with {shapes}{more}.", net, f"lambda: {call}"
    return f"{raised}.", None, "..."


def _own_arrays(net: Any, make: str) -> list[Found]:
    """Return the arrays of an object, without samples and labels that it was made with."""
    given = any(code in make for code in Widths().data.values())
    return [one for one in arrays(net) if not (given and len(one.array) == _SAMPLES)]


def _of_one_unit(found: Sequence[Found]) -> list[str]:
    """Return that a hidden layer of one unit is not looked for, if there may be one."""
    sided = [one for one in found if one.array.ndim == 2 and 1 in one.array.shape]
    for one, other in pairwise(sided):
        # The one side of both is the unit's: from it, or to it.
        place = one.array.shape.index(1)
        is_unit = min(one.array.size, other.array.size) > 1 and other.array.shape[1 - place] == 1
        if is_unit and kind_of(one) == kind_of(other) != "b":
            told = " and ".join(f"{own.text.lstrip('.')} {own.array.shape}" for own in (one, other))
            return [
                f"{told} may be the matrices around a hidden layer of one unit, which is not "
                "looked for: they have the shapes of biases."
            ]
    return []


def _tried(code: str, scope: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the value of code, and what it raises."""
    try:
        with quiet():
            return evaluate(code, scope), ""
    except FAILURES as error:
        text = " ".join(str(error).split())
        return None, f"{type(error).__name__}: {text}"[:_LONGEST]


def _ranked(functions: Sequence[Named], patterns: tuple[str, ...]) -> list[Named]:
    fitting = [(names.rank(one.name, patterns), one) for one in functions]
    kept = [(place, one) for place, one in fitting if place is not None]
    return [one for _, one in sorted(kept, key=lambda entry: entry[0])]


def _listed(functions: Sequence[Named], patterns: tuple[str, ...]) -> str:
    found = _ranked(functions, patterns)
    return ", ".join(one.name for one in found[:_MOST_NAMES]) or "no function with such a name"


def _passes(functions: Sequence[Named]) -> list[Named]:
    return [one for one in _ranked(functions, names.FORWARD) if not names.is_derivative(one.name)]


def _of_forward(functions: Sequence[Named], net: Any, chain: Chain | None) -> str:
    """Return which functions were taken for the forward pass, and what the first one does."""
    passes = _passes(functions)
    if not passes:
        return "forward pass: no function with such a name."
    text = "forward pass: " + ", ".join(one.name for one in passes[:_MOST_NAMES])
    if net is None:
        return f"{text} {'was' if len(passes) == 1 else 'were'} not reached."
    return f"{text}; {'; '.join(_answers(passes[0], net, chain))}."


def _answers(one: Named, net: Any, chain: Chain | None) -> Iterator[str]:
    """Yield what a forward pass makes of samples in rows, and what else it has to be given."""
    required = [p for p in parameters_of(one.function) or [] if p.default is p.empty]
    others = [p.name for p in required if p.kind is p.POSITIONAL_OR_KEYWORD][1:]
    if others:
        yield f"{one.name} is to be given {', '.join(others)}, too"
        return
    width = Widths().inputs
    if chain is not None:
        width = chain.weights[0].array.shape[chain.layout == "out_in"]
    x = np.random.default_rng(0).standard_normal((_SAMPLES, width))
    result, error = _tried(f"{one.code}({'x' if required else ''})", {"net": net, "x": x})
    given = f"of {_SAMPLES} samples in rows " if required else ""
    shapes = [str(found.array.shape) for found in arrays(result)]
    if error:
        yield f"{given}{one.name} raises {error}"
    else:
        yield f"{given}{one.name} gives {', '.join(shapes[:3]) or type(result).__name__}"


def _beginning(make: str, net: Any, functions: Sequence[Named], chain: Chain | None) -> str:
    """Return a declaration with what is known."""
    parameters = chain.source() if chain else "..."
    passes = _passes(functions)
    forward = repr(passes[0].name) if passes and net is not None else "lambda net, x: ..."
    return f"network = Network(make={make}, parameters={parameters}, forward={forward}, ...)"
