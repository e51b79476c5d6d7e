"""What a declaration takes as zero: penalties, momentum and dropout, of which it says nothing."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.calls import parameters_of
from parity_tests.kit.recognition.trial import FAILURES, evaluate
from parity_tests.kit.subject.subject import quiet


def taken_as_zero(fields: Mapping[str, str], scope: Mapping[str, Any], net: Any) -> list[str]:
    """Return the names of arguments that have no value of their own and are given zero.

    Parameters
    ----------
    fields : mapping
        The declaration, as Python code.
    scope : mapping
        The names of its module.
    net : object
        What it makes.
    """
    found: dict[str, None] = {}
    for source in fields.values():
        for node in ast.walk(ast.parse(source, mode="eval")):
            if isinstance(node, ast.Call):
                found |= dict.fromkeys(_zeros(node, scope, net))
    return list(found)


def _zeros(call: ast.Call, scope: Mapping[str, Any], net: Any) -> Iterator[str]:
    """Yield the names of the arguments of a call that are zero."""
    given: list[ast.expr] = []
    for node in call.args:
        # Parameters that are handed on one by one.
        is_whole = isinstance(node, ast.Starred) and isinstance(net, (list, tuple))
        given += [node] * (len(net) if is_whole else 1)
    pairs = [(keyword.arg, keyword.value) for keyword in call.keywords]
    if any(map(_is_zero, given)):
        parameters = parameters_of(called(call.func, scope, net)) or []
        pairs += [(own.name, node) for own, node in zip(parameters, given, strict=False)]
    for name, node in pairs:
        if name and _is_zero(node) and names.role(name) == "zero":
            yield name


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is float and node.value == 0


def called(function: ast.expr, scope: Mapping[str, Any], net: Any) -> Any:
    """Return the function that code calls, or None if its value is not known."""
    # What is given names of its module is called by another.
    if isinstance(function, ast.Call) and function.args:
        function = function.args[0]
    try:
        with quiet():
            return evaluate(ast.unparse(function), {**scope, "net": net})
    except FAILURES:
        return None
