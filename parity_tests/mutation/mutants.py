"""Reading the folder in which mutmut worked."""

import ast
import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# How mutmut keeps what became of a mutant: by the exit code of pytest, or of the signal that ended
# it. A mutant for which the tests cannot even be collected (2) is killed as well.
_STATUS = {1: "killed", 2: "killed", 3: "killed", 0: "survived", 33: "untested", 5: "untested"}
_STATUS |= {36: "timed out", 24: "timed out", -24: "timed out", 152: "timed out", -9: "timed out"}

_NAME = re.compile(r"(?P<function>.+)__mutmut_(?P<number>\d+|orig)$")


@dataclass(frozen=True)
class Mutant:
    """One change to one function.

    Attributes
    ----------
    key : str
        mutmut's name of it.
    module : str
        Where the function is, below the library: ``layers.linear``.
    function : str
        Its qualified name.
    status : str
        ``killed``, ``timed out``, ``survived``, ``untested`` if no test reaches the function,
        ``unchecked`` if it was not run.
    removed, added : str
        The lines that the change takes out, and those that it puts in.
    wording : bool
        Whether it changes no more than the text of an error: the class, the number of parts and
        the argument that it names stay.
    """

    key: str
    module: str
    function: str
    status: str
    removed: str
    added: str
    wording: bool

    @property
    def detected(self) -> bool:
        """Whether the suite noticed; a function that no longer ends is noticed too."""
        return self.status in ("killed", "timed out")

    def is_change(self, old: str, new: str) -> bool:
        """Whether the change replaces one occurrence of one text by another."""
        starts = (match.start() for match in re.finditer(re.escape(old), self.removed))
        return any(
            self.removed[:start] + new + self.removed[start + len(old) :] == self.added
            for start in starts
        )


def read_mutants(folder: Path, package: str = "numpy_impl") -> list[Mutant]:
    """Return every mutant that mutmut made in a folder, by module.

    Parameters
    ----------
    folder : Path
        mutmut's own, called ``mutants``.
    package : str, default "numpy_impl"
        What it changed.
    """
    mutants: list[Mutant] = []
    for notes in sorted((folder / package).rglob("*.py.meta")):
        codes: dict[str, int | None] = json.loads(notes.read_text("utf-8"))["exit_code_by_key"]
        source = notes.with_suffix("").read_text("utf-8")
        if codes:
            mutants += _in_module(source, codes, package)
    return mutants


def _in_module(source: str, codes: dict[str, int | None], package: str) -> Iterator[Mutant]:
    lines = source.splitlines()
    functions = dict(_functions(ast.parse(source)))
    for key, code in codes.items():
        module, _, name = key.rpartition(".")
        match = _NAME.match(name)
        assert match is not None, key
        original = functions[f"{match['function']}__mutmut_orig"]
        changed = functions[name]
        removed, added = _difference(_text(original, lines), _text(changed, lines))
        status = "unchecked" if code is None else _STATUS.get(code, f"exit code {code}")
        yield Mutant(
            key,
            module.removeprefix(f"{package}."),
            _qualified(match["function"]),
            status,
            removed,
            added,
            _without_wording(original) == _without_wording(changed),
        )


def _qualified(name: str) -> str:
    """``xǁLinearǁconfig`` -> ``Linear.config``; ``x_linear`` -> ``linear``."""
    return name.removeprefix("xǁ").replace("ǁ", ".") if "ǁ" in name else name.removeprefix("x_")


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        for inner in node.body if isinstance(node, ast.ClassDef) else (node,):
            if isinstance(inner, ast.FunctionDef):
                yield inner.name, inner


def _text(function: ast.FunctionDef, lines: list[str]) -> list[str]:
    """Return the lines of a function, under one name for all of its versions."""
    text = lines[function.lineno - 1 : function.end_lineno]
    return [line.replace(function.name, "_", 1).strip() for line in text]


def _difference(original: list[str], changed: list[str]) -> tuple[str, str]:
    marked = [line for line in difflib.ndiff(original, changed) if line[0] in "+-"]
    sides = ("\n".join(line[2:] for line in marked if line[0] == sign) for sign in "-+")
    removed, added = sides
    return removed, added


class _Unworded(ast.NodeTransformer):
    """Takes the text out of raised errors: all arguments but the first of an error of ours."""

    def visit_Raise(self, node: ast.Raise) -> ast.Raise:
        if isinstance(node.exc, ast.Call):
            ours = len(node.exc.args) > 1
            node.exc.args = [
                arg if ours and not position else ast.Constant(value="")
                for position, arg in enumerate(node.exc.args)
            ]
        return node


def _without_wording(function: ast.FunctionDef) -> str:
    copy = ast.parse(ast.unparse(function)).body[0]
    assert isinstance(copy, ast.FunctionDef)
    copy.name, copy.decorator_list = "_", []
    return ast.dump(_Unworded().visit(copy))
