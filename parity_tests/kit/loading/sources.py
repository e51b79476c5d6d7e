"""Somebody's source text: its statements, what they bind, and which of them only define things."""

import __future__

import ast
import builtins
import contextlib
import json
import linecache
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from parity_tests.kit.loading.stand_in import StandIn
from parity_tests.kit.recognition.names import FORWARD, rank


class LoadError(Exception):
    """The target cannot be found, or not be loaded."""


def place_of(statement: ast.stmt, file: str) -> str:
    """Return the file that a statement is from; of a notebook, with its cell."""
    return str(getattr(statement, _CELL, file))


_CELL = "notebook_cell"


def attributes(tree: ast.Module, module: str, file: str) -> Iterator[tuple[str, str, int]]:
    """Yield what code takes from a module by ``module.name``, with its place and its line."""
    aliases = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == module
    }
    for statement in tree.body:
        place = place_of(statement, file)
        for node in ast.walk(statement):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id in aliases:
                    yield node.attr, place, node.lineno
            elif isinstance(node, ast.ImportFrom) and node.module == module:
                yield from ((alias.name, place, node.lineno) for alias in node.names)


def plain_names(tree: ast.Module, file: str) -> Iterator[tuple[str, str, int]]:
    """Yield the names that code reads and does not bind itself, with their places and lines."""
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.stmt):
            bound |= bound_names(node)
    for statement in tree.body:
        place = place_of(statement, file)
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and node.id not in bound:
                yield node.id, place, node.lineno


def parsed(path: Path) -> ast.Module:
    """Return the statements of a file, or of the cells of a notebook.

    Raises
    ------
    LoadError
        If it is no Python 3.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        return _notebook(text, path) if path.suffix == ".ipynb" else ast.parse(text, str(path))
    except (SyntaxError, ValueError) as error:
        # What a later Python understands may be none for this one.
        reader = f", as Python {sys.version_info.major}.{sys.version_info.minor} reads it"
        told = reader if isinstance(error, SyntaxError) else ""
        raise LoadError(f"{path.name} is no Python 3{told}: {error}") from error


def _notebook(text: str, path: Path) -> ast.Module:
    """Return the statements of a notebook, each with its cell; those that are no Python left out.

    A cell has lines of its own. They are found where those of a file are that is called after it.
    """
    try:
        notebook = json.loads(text)
        cells = [c for c in notebook["cells"] if c["cell_type"] == "code"]
        sources = ["".join(cell["source"]) for cell in cells]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"not a notebook ({error})") from error
    body: list[ast.stmt] = []
    for number, source in enumerate(map(_without_magics, sources), 1):
        if not _is_python(source):
            continue
        place = f"{path}, code cell {number}"
        linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)
        for statement in ast.parse(source, place).body:
            setattr(statement, _CELL, place)
            body.append(statement)
    return ast.Module(body, [])


# Cell magics below which there is Python.
_PYTHON_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")


def _without_magics(source: str) -> str:
    """Return a cell without the lines that only notebooks know."""
    if source.lstrip().startswith("%%") and not source.lstrip().startswith(_PYTHON_MAGICS):
        return ""
    if _is_python(source):
        return source
    lines = []
    for line in source.splitlines():
        bare = line.lstrip()
        value = bare.partition("=")[2].lstrip()
        if bare.startswith(("%", "!", "?")) or bare.endswith("?") or value.startswith(("%", "!")):
            line = line[: len(line) - len(bare)] + "pass"
        lines.append(line)
    return "\n".join(lines)


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True


def file_with(folder: Path, name: str) -> Path:
    """Return the one file in a folder that defines a name.

    Raises
    ------
    LoadError
        If there is none, or several.
    """
    if not name:
        raise LoadError(f"{folder} is a folder: say what to look for in it, FOLDER:Name")
    first = name.partition(".")[0]
    found = []
    for path in sorted((*folder.rglob("*.py"), *folder.rglob("*.ipynb"))):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or "site-packages" in path.parts:
            continue
        with contextlib.suppress(LoadError, OSError):
            if any(first in bound_names(s) for s in parsed(path).body if not is_import(s)):
                found.append(path)
    if not found:
        raise LoadError(f"no file in {folder} defines {first}")
    if len(found) > 1:
        names = ", ".join(str(path.relative_to(folder)) for path in found)
        raise LoadError(f"several files define {first} ({names}): say which, FILE:{name}")
    return found[0]


def is_layer(statement: ast.stmt) -> bool:
    """Whether a statement defines a class that has a forward pass."""
    if not isinstance(statement, ast.ClassDef):
        return False
    functions = [member for member in statement.body if isinstance(member, ast.FunctionDef)]
    return any(rank(function.name, FORWARD) is not None for function in functions)


def is_import(statement: ast.stmt) -> bool:
    """Whether a statement imports something."""
    return isinstance(statement, ast.Import | ast.ImportFrom)


def bound_names(statement: ast.stmt) -> set[str]:
    """Return the names that a statement binds by itself."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {a.asname or a.name.partition(".")[0] for a in statement.names}
    targets: Iterable[ast.expr] = ()
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    return {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}


def future_flags(tree: ast.Module) -> int:
    """Return the compiler's flags for what a file imports from the future."""
    flags = 0
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            for alias in statement.names:
                flags |= getattr(__future__, alias.name).compiler_flag
    return flags


# Definitions

DEFINING = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_MODULES = ("numpy", "math", "functools", "collections", "itertools", "operator", "typing")
_BUILT_IN = (range, len, list, dict, tuple, set, int, float, str, bool, zip, sum, min, max, sorted)


def is_definition(statement: ast.stmt, namespace: dict[str, Any]) -> bool:
    """Whether a statement defines things and does nothing else that takes time."""
    if isinstance(statement, DEFINING):
        return True
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        value = statement.value
        return value is not None and _is_simple(value, namespace)
    if isinstance(statement, ast.If):
        parts = [*statement.body, *statement.orelse]
        return _is_simple(statement.test, namespace) and _all_define(parts, namespace)
    if isinstance(statement, ast.Try):
        handled = [part for handler in statement.handlers for part in handler.body]
        parts = [*statement.body, *handled, *statement.orelse, *statement.finalbody]
        return _all_define(parts, namespace)
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _all_define(statements: Iterable[ast.stmt], namespace: dict[str, Any]) -> bool:
    return all(is_definition(statement, namespace) for statement in statements)


def _is_simple(value: ast.expr, namespace: dict[str, Any]) -> bool:
    """Whether all that is called is a class, or one of NumPy's and Python's own functions."""
    outside: list[ast.AST] = [value]
    while outside:
        node = outside.pop()
        if isinstance(node, ast.Lambda):
            continue  # its body is not executed here
        if isinstance(node, ast.Call) and not _is_harmless(node.func, namespace):
            return False
        outside += ast.iter_child_nodes(node)
    return True


def _is_harmless(function: ast.expr, namespace: dict[str, Any]) -> bool:
    names: list[str] = []
    while isinstance(function, ast.Attribute):
        names.append(function.attr)
        function = function.value
    if not isinstance(function, ast.Name):
        return False
    root = namespace.get(function.id, getattr(builtins, function.id, None))
    if isinstance(root, StandIn):
        return False
    if isinstance(root, ModuleType):
        if root.__name__.partition(".")[0] in _MODULES:
            return True
        for name in reversed(names):
            root = getattr(root, name, None)
        return isinstance(root, type)
    return not names and (isinstance(root, type) or any(root is known for known in _BUILT_IN))
