"""Methods that read an attribute that is set nowhere, and so raise whatever they are asked."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, TracebackType

from parity_tests.kit.subject.subject import SubjectError
from parity_tests.kit.verdicts import DIFFERS, UNCHECKED, Line, Verdict

# By what attributes are set without being written out.
_HIDDEN = ("setattr", "__dict__", "__getattr", "__slots__", "vars(")


def refused(aspect: str, error: SubjectError) -> Verdict:
    """Return that a network that raises could not be checked, or that it never works.

    Of a network it is if one of its own methods reads an attribute of its object that no line of
    the class sets. All other errors may be those of a declaration: of its calls and their order,
    of layouts and labels.
    """
    line = _never_set(error.__cause__)
    if line is None:
        # What the kit says of an answer that it cannot read has nothing behind it.
        cause = None if error.__cause__ is None else "call-raises"
        return Verdict(aspect, UNCHECKED, str(error), cause=cause)
    message = f"it raises whatever it is asked, since nothing sets what it reads: {error}"
    return Verdict(aspect, DIFFERS, message, line=line)


def _never_set(cause: BaseException | None) -> Line | None:
    """Return where an attribute is read that is set nowhere; None if it may be set somewhere."""
    if not isinstance(cause, AttributeError) or not cause.name or cause.__traceback__ is None:
        return None
    owner, trace = type(cause.obj), _innermost(cause.__traceback__)
    code, number = trace.tb_frame.f_code, trace.tb_lineno
    own = [cls for cls in owner.__mro__ if cls is not object]
    if not any(code in _codes(cls) for cls in own):
        return None
    try:
        sources = [textwrap.dedent(inspect.getsource(cls)) for cls in own]
        whole = Path(code.co_filename).read_text(encoding="utf-8")
        trees = [ast.parse(source) for source in (*sources, whole)]
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    if any(word in source for source in sources for word in _HIDDEN):
        return None
    *of_classes, everything = trees
    by_others = (name for base, name in _set_in(everything) if base != "self")
    if cause.name in {name for tree in of_classes for _, name in _set_in(tree)} | set(by_others):
        return None
    return Line(code.co_filename, number, whole.splitlines()[number - 1].strip())


def _innermost(trace: TracebackType) -> TracebackType:
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace


def _codes(cls: type) -> Iterator[CodeType]:
    """Yield the code of a class's methods."""
    for member in vars(cls).values():
        code = getattr(inspect.unwrap(member) if callable(member) else member, "__code__", None)
        if isinstance(code, CodeType):
            yield code


def _set_in(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield attributes that are set, each with the name of the object."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield getattr(node.value, "id", ""), node.attr
