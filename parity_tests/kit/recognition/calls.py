"""How somebody's function is called: which of its arguments is what."""

import dis
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, product
from types import CodeType
from typing import Any

from parity_tests.kit.codes import code_of
from parity_tests.kit.recognition.names import is_either, role
from parity_tests.kit.recognition.names import roles as roles_of

_MOST = 6
# What is done to a text before it is compared.
_CASES = ("lower", "upper", "strip")
_SINGLE, _STORE_AND_LOAD = "LOAD_FAST", "STORE_FAST_LOAD_FAST"


def parameters_of(function: Any) -> list[inspect.Parameter] | None:
    """Return the parameters of a function without `self`; None if they cannot be known."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None


def works_unlabelled(function: Any) -> bool:
    """Return whether a function takes labels, and is content without: ``loss(X, y=None)``."""
    return any(
        role(one.name) == "labels" and one.default is None for one in parameters_of(function) or []
    )


def returned_names(function: Any) -> list[str] | None:
    """Return the names of the variables that a function returns, or None if there are none.

    What is returned without a name, such as ``softmax(z)``, is called ``""``. They are read from
    its compiled code, so that it needs no source file.
    """
    code = code_of(function)
    if code is None:
        return None
    stack: list[str] = []
    names: list[str] | None = None
    built = 0
    for instruction in dis.get_instructions(code):
        if built and instruction.opname != "RETURN_VALUE":
            # A tuple that is not returned as it is, is one value to whatever takes it.
            stack[-built:], built = [""], 0
        if instruction.opname.startswith(_SINGLE):
            # One instruction may load two variables.
            one = isinstance(instruction.argval, str)
            stack += [instruction.argval] if one else instruction.argval
        elif instruction.opname == _STORE_AND_LOAD:
            stack[-1:] = instruction.argval[1:]
        elif instruction.opname == "BUILD_TUPLE":
            built = instruction.arg or 0
        elif instruction.opname == "RETURN_VALUE":
            taken = stack[-(built or 1) :]
            if len(taken) == (built or 1) and any(taken):
                names = taken
            stack, built = [], 0
        else:
            effect = dis.stack_effect(instruction.opcode, instruction.arg, jump=False)
            leaves = effect > 0 or not instruction.opname.startswith(("STORE_", "POP_"))
            left = max(len(stack) + min(effect, 0) - (leaves and effect <= 0), 0)
            stack[left:] = [""] * max(effect, int(leaves))
    return names


def attributes_read(function: Any) -> list[str]:
    """Return the attributes of its object that a method reads: ``self.lr``."""
    code = code_of(function)
    if code is None or not code.co_argcount:
        return []
    own = code.co_varnames[0]
    names: list[str] = []
    last: Any = None
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_ATTR", "LOAD_METHOD") and last == own:
            names.append(instruction.argval)
        last = instruction.argval
        # Two variables may be loaded by one instruction, and a constant may be a tuple as well.
        if isinstance(last, tuple) and _SINGLE in instruction.opname:
            last = last[-1]
    return names


def texts_compared(code: CodeType, name: str) -> list[str]:
    """Return the texts that a variable or an attribute of a name is compared with in some code.

    As in ``self.opt == "adam"``, ``opt.lower() == "adam"`` or ``opt in ("adam", "sgd")``.
    """
    found: list[str] = []
    sides: list[tuple[bool, Any]] = []
    for instruction in dis.get_instructions(code):
        kind, value = instruction.opname, instruction.argval
        if kind in ("COMPARE_OP", "CONTAINS_OP"):
            told = [own for is_text, own in sides[-2:] if is_text]
            if (False, name) in sides[-2:]:
                several = (own if isinstance(own, (tuple, frozenset)) else (own,) for own in told)
                found += [text for own in several for text in own if isinstance(text, str)]
            sides = []
        elif kind in ("LOAD_ATTR", "LOAD_METHOD"):
            sides = sides if value in _CASES else [*sides[:-1], (False, value)]
        elif kind.startswith("LOAD_"):
            sides.append((kind == "LOAD_CONST", value))
    return list(dict.fromkeys(found))


def bindings(
    function: Callable[..., Any],
    exact: Mapping[str, str],
    roles: Mapping[str, Sequence[str]],
    optional: frozenset[str] = frozenset(),
) -> Iterator[str]:
    """Yield argument lists for a function, as Python code.

    Parameters
    ----------
    function : callable
        Bound, if it is a method.
    exact : mapping
        Code for arguments of these names, in lower case.
    roles : mapping
        Code for arguments of these roles, see `names.role`.
    optional : frozenset of str
        Roles that are given even to arguments that have a default.
    """
    parameters = parameters_of(function)
    if parameters is None:
        return
    choices: list[list[tuple[str, str]]] = []
    skipped = False
    kinds = roles_of([parameter.name for parameter in parameters])
    for parameter, kind in zip(parameters, kinds, strict=True):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        name = parameter.name.lower().strip("_")
        texts = [exact[name]] if name in exact else list(roles.get(kind or "unknown", ()))
        has_default = parameter.default is not parameter.empty
        if has_default and (not texts or (name not in exact and kind not in optional)):
            skipped = True
            continue
        if not texts:
            texts = list(roles.get("unknown", ()))
        if not texts:
            return
        by_name = skipped or parameter.kind is parameter.KEYWORD_ONLY
        choices.append([(parameter.name if by_name else "", text) for text in texts])
    for chosen in islice(product(*choices), _MOST):
        yield ", ".join(f"{name}={text}" if name else text for name, text in chosen)


def bindings_of_either(
    function: Callable[..., Any],
    exact: Mapping[str, str],
    roles: Mapping[str, Sequence[str]],
    optional: frozenset[str] = frozenset(),
) -> Iterator[str]:
    """Yield what `bindings` does; a name that inputs and outputs have is taken for both in turn."""
    first = list(bindings(function, exact, roles, optional))
    yield from first
    either = [
        one.name.lower().strip("_")
        for one in parameters_of(function) or []
        if is_either(one.name) and one.default is one.empty
    ]
    for output in roles["output"] if either else ():
        others = bindings(function, {**dict.fromkeys(either, output), **exact}, roles, optional)
        yield from (text for text in others if text not in first)
