"""Which functions of a module call which: of whom one is a part, and what a declaration uses."""

import ast
import dis
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

from parity_tests.kit.codes import codes_in
from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.calls import attributes_read
from parity_tests.kit.recognition.hosts import Host

Scope = Mapping[str, Any]
_MOST_MEMBERS = 2000


def names_used(sources: Iterable[str]) -> set[str]:
    """Return the names that Python code takes from outside: no attributes, and no arguments."""
    used: set[str] = set()
    for source in sources:
        nodes = list(ast.walk(ast.parse(source, mode="eval")))
        own = {node.arg for node in nodes if isinstance(node, ast.arg)}
        used |= {node.id for node in nodes if isinstance(node, ast.Name)} - own
    return used


def stands_for(function: Callable[..., Any], fields: Mapping[str, str], scope: Scope) -> bool:
    """Whether a declaration uses a function, by itself or through what it calls."""
    return any(one is function for one in reached(fields, scope))


def parts_called(
    function: Callable[..., Any], fields: Mapping[str, str], scope: Scope
) -> list[str]:
    """Return the parts of a network that a function calls; empty unless it calls all of them.

    Of a network of functions it has to reach all those that compute; of an object's, its class, or
    the methods by their names.

    Parameters
    ----------
    function : callable
        Of the module, such as one that trains.
    fields : mapping
        The declaration, as Python code.
    """
    computing = [fields[name] for name in _COMPUTING if name in fields]
    functions = [name for name in sorted(names_used(computing)) if _is_own(scope.get(name))]
    called = {id(one) for one in reached({"": function.__name__}, scope)}
    if functions:
        return functions if all(id(scope[name]) in called for name in functions) else []
    makers = [name for name in sorted(names_used([fields["make"]])) if _is_own(scope.get(name))]
    if makers and all(id(scope[name]) in called for name in makers):
        return makers
    methods = list(dict.fromkeys(_METHOD.findall(" ".join(computing))))
    read = set(attributes_read(function))
    return methods if len(methods) > 1 and read.issuperset(methods) else []


_COMPUTING = ("forward", "backward", "gradients", "step")
_METHOD = re.compile(r"\bnet\.(\w+)\(")


def _is_own(value: Any) -> bool:
    """Whether a value is a function or a class that is written in Python."""
    return isinstance(value, (FunctionType, type))


def reached(fields: Mapping[str, str], scope: Scope, net: Any = None) -> Iterator[Any]:
    """Yield what of a module a declaration uses, by itself or through what it calls.

    Parameters
    ----------
    fields : mapping
        The declaration, as Python code.
    scope : mapping
        The names of the module.
    net : object, optional
        What the declaration makes: the classes of what is in it are used, too.
    """
    waiting = [scope.get(name) for name in names_used(fields.values())] + _classes_in(net)
    visited: set[int] = set()
    while waiting:
        one = waiting.pop()
        if id(one) in visited or one is None:
            continue
        visited.add(id(one))
        yield one
        waiting += [scope.get(name) for name in _globals_of(one)]
        waiting += one.__bases__ if isinstance(one, type) else ()


def _classes_in(net: Any) -> list[Any]:
    """Return the classes of an object and of what it is made of."""
    found: dict[type, None] = {}
    waiting: list[Any] = [net]
    visited: set[int] = set()
    while waiting and len(visited) < _MOST_MEMBERS:
        one = waiting.pop()
        if id(one) in visited:
            continue
        visited.add(id(one))
        found[type(one)] = None
        if isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, (list, tuple)):
            waiting += one
        elif hasattr(one, "__dict__") and not isinstance(one, (type, ModuleType)):
            waiting += vars(one).values()
    return list(found)


def caller_of(call: str, host: Host, scope: Scope) -> str | None:
    """Return the forward pass that calls another one several times, or None.

    Parameters
    ----------
    call : str
        Code that calls the other.
    host : Host
        Whose functions they are. Parameters that its functions make are those of a network, and
        only what is given placeholders may be a part.
    """
    used = names_used([f"lambda net, x: {call}"])
    parts = {one.name: one.function for one in host.functions if one.name in used}
    if not parts or not _is_made_up(host):
        return None
    for one in host.functions:
        is_pass = names.rank(one.name, names.FORWARD) is not None
        if is_pass and one.name not in parts and _calls_often(one.function, set(parts), scope):
            return one.name
    return None


def _is_made_up(host: Host) -> bool:
    return "np.ones(" in host.make


def _calls_often(function: Any, parts: set[str], scope: Scope) -> bool:
    """Whether a function calls one of several names more than once, by itself or through others."""
    waiting, visited = [(function, False)], set()
    while waiting:
        one, often = waiting.pop()
        called = list(_globals_of(one))
        often = often or _loops(one)
        if any(called.count(name) > 1 or (often and name in called) for name in parts):
            return True
        for name in set(called) - visited:
            visited.add(name)
            waiting.append((scope.get(name), often or called.count(name) > 1))
    return False


def _globals_of(function: Any) -> Iterator[str]:
    """Yield the names that a function, or a class's methods, read from the module."""
    members = vars(function).values() if isinstance(function, type) else [function]
    for member in members:
        plain = getattr(member, "__func__", member)
        code = None if isinstance(plain, ModuleType) else getattr(plain, "__code__", None)
        for own in codes_in(code):
            for one in dis.get_instructions(own):
                if one.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                    yield one.argval


def _loops(function: Any) -> bool:
    code = getattr(function, "__code__", None)
    return isinstance(code, CodeType) and any(
        one.opname == "FOR_ITER" or one.opname.startswith("JUMP_BACKWARD")
        for one in dis.get_instructions(code)
    )
