"""What sets gradients to zero that add up: the network's `zero_grad`, or an optimizer's."""

import ast
import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.codes import code_of, codes_in
from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.backward_calls import roles_of
from parity_tests.kit.recognition.calls import bindings, parameters_of
from parity_tests.kit.recognition.gradients import Backward, of_labels
from parity_tests.kit.recognition.hosts import Named, methods, own_classes, own_functions
from parity_tests.kit.recognition.moving import is_same_or_shrunk
from parity_tests.kit.recognition.steps import DOWNHILL
from parity_tests.kit.recognition.trial import FAILURES, Match, begin, made
from parity_tests.kit.subject.subject import flat, quiet, tensors

Array = NDArray[Any]
Scope = Mapping[str, Any]

_RESET = re.compile(r"(zero|reset|clear)_?(the_?|all_?)?grad(s|ients?)?\w*")
_PARAMETERS = re.compile(r"(get_?)?(params|parameters)\w*")
_HELD = ("params", "parameters", "layers")
_MOST, _RATE = 12, "0.1"
# How closely a gradient is the one before.
_CLOSE = 1e-9


@dataclass(frozen=True)
class Reset:
    """How gradients are set to zero.

    Attributes
    ----------
    name : str
        Of the method, or of the function.
    owner : str
        Code of the optimizer that has it, with ``net`` and ``lr``; empty for a function and for
        what a network or its layers have themselves.
    call : str
        Code that sets them to zero, with ``net``, and ``lr`` if there is an owner.
    """

    name: str
    owner: str
    call: str


def with_reset(backward: Backward, scope: Scope) -> tuple[Backward, Reset] | None:
    """Return a backward pass with its gradients set to zero first, and by what.

    What sets all of them to zero comes before what leaves some of them out. That is called all the
    same: it is there for that, and what it leaves out adds up with it.

    Returns
    -------
    tuple or None
        None if gradients do not add up from call to call, if the file has nothing that sets them
        to zero, or if it has a training loop and nothing in it calls that.
    """
    first = _twice(backward.fields, scope, backward)
    if first is None or not _same(first[1], 2 * first[0]):
        return None
    of_some: tuple[Backward, Reset] | None = None
    for reset in islice(_resets(backward, scope), _MOST):
        call = reset.call.replace("lr", _RATE)
        zeroed = f"({call}, {backward.call})[-1]"
        fields = {
            name: code.replace(backward.call, zeroed) if name in ("backward", "gradients") else code
            for name, code in backward.fields.items()
        }
        again = None if fields == backward.fields else _twice(fields, scope, backward)
        if again is None or not _same(again[0], first[0]):
            continue
        found = replace(backward, fields=fields, call=zeroed), reset
        if _same(again[1], first[0]):
            return None if _is_forgotten(reset.name, scope) else found
        if of_some is None and _is_partly_same(again[1], first[0]):
            of_some = found
    return None if of_some is None or _is_forgotten(of_some[1].name, scope) else of_some


def optimizer_step(plain: Backward, reset: Reset, scope: Scope) -> tuple[str, Match] | None:
    """Return code of a step of the optimizer that sets gradients to zero, or None.

    The optimizer is made at the first step, and kept with the network. Its first step need not be
    a multiple of the gradient, as Adam's is not, but goes its way.

    Parameters
    ----------
    plain : Backward
        Without the reset.
    """
    if not reset.owner:
        return None
    cls = scope[reset.owner.partition("(")[0]]
    fields = {k: v for k, v in plain.fields.items() if k not in ("gradients", "backward")}
    kept = f"vars(net).setdefault('_kept_optimizer', {reset.owner})"
    for name in vars(cls):
        if names.rank(name, names.UPDATE) is None or _needs_more(getattr(cls, name)):
            continue
        body = f"(opt.{reset.name}(), {plain.call}, opt.{name}())[-1]"
        source = f"lambda net, x, y, lr: (lambda opt: {body})({kept})"
        match = of_labels({**fields, "step": source}, scope, plain.forward)
        if match is not None and (match.complete or match.closeness > DOWNHILL):
            return source, match
    return None


def _twice(
    fields: Mapping[str, str], scope: Scope, backward: Backward
) -> tuple[Array, Array] | None:
    """Return the gradient of one batch, asked twice of one network; None if that fails."""
    inquiry = begin(fields, scope)
    if inquiry is None or inquiry.subject.single or backward.in_place:
        return None
    subject, batch = inquiry.subject, inquiry.batches[0]
    with quiet(), contextlib.suppress(*FAILURES):
        found = []
        for _ in range(2):
            before = tensors(subject.set(inquiry.layers))
            found.append(flat(subject.gradients(batch)))
            after = tensors(subject.get())
            if not all(map(is_same_or_shrunk, after, before)):
                return None
        return found[0], found[1]
    return None


def _same(one: Array, other: Array) -> bool:
    size = float(np.linalg.norm(other))
    return one.shape == other.shape and size > 0 and np.linalg.norm(one - other) <= _CLOSE * size


def _is_partly_same(second: Array, first: Array) -> bool:
    """Whether some entries of a second gradient are those of the first, and the others twice."""
    if second.shape != first.shape:
        return False
    close = _CLOSE * float(np.abs(first).max(initial=0.0))
    are_set, are_left = (np.abs(second - times * first) <= close for times in (1, 2))
    some = np.abs(first) > 2 * close
    return bool((are_set | are_left).all() and are_set[some].any() and are_left[some].any())


def _resets(backward: Backward, scope: Scope) -> Iterator[Reset]:
    """Yield what may set gradients to zero: a network's methods, optimizers' ones, functions."""
    forward = backward.forward
    net = made(forward.host.make, scope)
    yield from _own_resets(net)
    whole = _parameters(net)
    roles = {**roles_of(forward), "parameters": whole, "unknown": whole, "lr": ["lr"]}
    for name, cls in own_classes(scope):
        found = [
            m for m in vars(cls) if _RESET.fullmatch(m.lower()) and not _needs_more(vars(cls)[m])
        ]
        has_step = any(names.rank(member, names.UPDATE) is not None for member in vars(cls))
        if not has_step:
            continue
        given = bindings(cls, {}, roles, frozenset({"lr"}))
        for method, text in product(found, list(given)):
            yield Reset(method, f"{name}({text})", f"{name}({text}).{method}()")
    for one in own_functions(scope):
        if _RESET.fullmatch(one.name.lower()):
            for text in bindings(one.function, forward.host.exact, roles):
                yield Reset(one.name, "", f"{one.code}({text})")


def _own_resets(net: Any) -> Iterator[Reset]:
    """Yield what a network, or the layers of a list, have themselves."""
    if isinstance(net, (list, tuple)):
        found = dict.fromkeys(m.name for layer in net for m in _free_resets(layer))
        for name in found:
            call = f"[layer.{name}() for layer in net if hasattr(layer, {name!r})]"
            yield Reset(name, "", call)
    else:
        yield from (Reset(one.name, "", f"{one.code}()") for one in _free_resets(net))


def _free_resets(value: Any) -> list[Named]:
    """Return the methods of an object that set gradients to zero and need nothing."""
    return [
        one
        for one in (methods(value) if hasattr(value, "__dict__") else [])
        if _RESET.fullmatch(one.name.lower()) and not _required(parameters_of(one.function))
    ]


def _parameters(net: Any) -> list[str]:
    """Return code of what an optimizer may be given of a network."""
    own = methods(net) if hasattr(net, "__dict__") else []
    listed = [
        f"{one.code}()"
        for one in own
        if _PARAMETERS.fullmatch(one.name.lower()) and not _required(parameters_of(one.function))
    ]
    return [
        *listed,
        *(f"net.{name}" for name in _HELD if f"net.{name}()" not in listed and hasattr(net, name)),
        "net",
    ]


def _needs_more(method: Any) -> bool:
    """Whether a method of a class takes more than its object."""
    parameters = parameters_of(getattr(method, "__func__", method))
    return parameters is None or len(_required(parameters[1:])) > 0


def _required(parameters: Any) -> list[Any]:
    return [
        one
        for one in parameters or []
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]


# Whether a training loop calls it


def _is_forgotten(reset: str, scope: Scope) -> bool:
    """Whether a file has a training loop, which calls a backward pass and updates, without it."""
    units = list(_calls(scope))
    if any(reset in unit for unit in units):
        return False
    return any(
        any(names.rank(name, names.BACKWARD) is not None for name in unit)
        and any(names.rank(name, names.UPDATE) is not None for name in unit)
        for unit in units
    )


def _calls(scope: Scope) -> Iterator[set[str]]:
    """Yield the names that the file and what may train in it call: no constructor, no reset."""
    for one in own_functions(scope):
        if not _is_no_loop(one.name):
            yield _names(getattr(one.function, "__code__", None))
    for _, cls in own_classes(scope):
        for name, member in vars(cls).items():
            if not _is_no_loop(name):
                yield _names(code_of(member))
    file = Path(str(scope.get("__file__", "")))
    with contextlib.suppress(OSError, SyntaxError, ValueError):
        defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        body = ast.parse(file.read_text(encoding="utf-8")).body
        nodes = [n for s in body if not isinstance(s, defined) for n in ast.walk(s)]
        yield {
            n.attr if isinstance(n, ast.Attribute) else n.id
            for n in nodes
            if isinstance(n, (ast.Attribute, ast.Name))
        }


def _is_no_loop(name: str) -> bool:
    """Whether a function only hands on to what sets gradients to zero, or begins with that."""
    return name == "__init__" or _RESET.fullmatch(name.lower()) is not None


def _names(code: Any) -> set[str]:
    return {name for own in codes_in(code) for name in own.co_names}
