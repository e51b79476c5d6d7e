"""Somebody's network, found in a file, a module, a notebook or a folder, and loaded.

Files are executed statement by statement. What a network needs are the definitions; but scripts
load data and train at module level as well. A statement that raises, or takes too long, ends the
execution of everything: from there on only definitions are executed. What cannot be imported is
replaced by a `StandIn`.
"""

import __future__

import ast
import builtins
import collections
import collections.abc
import contextlib
import importlib
import importlib.abc
import importlib.util
import json
import linecache
import re
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from parity_tests.kit.network import Network
from parity_tests.kit.recognition import Convention, Proposal, recognize
from parity_tests.kit.recognition.names import FORWARD, rank
from parity_tests.kit.subject import SubjectError

# No network in NumPy needs them to compute, and they take long to load or open windows.
_LEFT_OUT = (
    "matplotlib",
    "seaborn",
    "plotly",
    "tkinter",
    "torch",
    "torchvision",
    "tensorflow",
    "keras",
    "jax",
)

# Files beside the target that are searched for layers.
_MOST_FILES = 20

# What NumPy has removed, by what it was.
_REMOVED = {
    "int": int,
    "float": float,
    "bool": bool,
    "complex": complex,
    "object": object,
    "str": str,
    "float_": np.float64,
    "product": np.prod,
    "cumproduct": np.cumprod,
    "mat": np.asmatrix,
    "row_stack": np.vstack,
    "Inf": np.inf,
    "infty": np.inf,
    "NaN": np.nan,
}


class LoadError(Exception):
    """The target cannot be found, or not be loaded."""


class _TooLongError(BaseException):
    """A statement took too long. No `except Exception` of a stranger's stops it."""


@dataclass(frozen=True)
class Loaded:
    """What a target is.

    Attributes
    ----------
    value : object
        What has the target's name; the whole namespace, if it has none.
    namespace : dict
        The module in which it was found.
    beside : callable
        Returns the layers of the files beside it, as `Loader.beside` does.
    """

    value: Any
    namespace: dict[str, Any]
    beside: Callable[[], Mapping[str, type]] = dict


class StandIn(ModuleType):
    """In the place of a module that is not there, and of all that is in it.

    It has every attribute and can be called, subclassed, indexed and used as a decorator, so that
    definitions that mention it can be executed. It is never a number, an array or a truth value:
    what is computed with it raises, and is not taken for a result.

    Parameters
    ----------
    name : str
        Full name.
    tell : callable
        Gets told in a sentence if it is used to open a window.
    """

    def __init__(self, name: str, tell: Callable[[str], None], members: Any = None) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self._tell = tell
        self._members = members

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"{self.__name__} is a stand-in, without {name}")
        return StandIn(f"{self.__name__}.{name}", self._tell)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return a stand-in; a function that is decorated, itself; and from tqdm, what it shows."""
        if len(args) == 1 and not kwargs and isinstance(args[0], FunctionType | type):
            return args[0]  # a decorator
        if self.__name__.endswith(".show"):
            self._tell(f"it opens a plot window ({self.__name__})")
        members = None
        if self.__name__.startswith("tqdm."):
            members = kwargs.get("iterable", args[0] if args else None)
            members = range(*args) if self.__name__.endswith(".trange") else members
        return StandIn(f"{self.__name__}()", self._tell, members)

    def __iter__(self) -> Iterator[Any]:
        if self._members is None:
            raise TypeError(f"{self.__name__} is a stand-in: it has no members")
        return iter(self._members)

    def __bool__(self) -> bool:
        raise TypeError(f"{self.__name__} is a stand-in: it is neither true nor false")

    def __getitem__(self, _key: Any) -> "StandIn":
        return self

    def __or__(self, _other: Any) -> "StandIn":
        return self

    __ror__ = __or__

    def __mro_entries__(self, _bases: Any) -> tuple[()]:
        return ()

    def __instancecheck__(self, _instance: Any) -> bool:
        return False

    def __enter__(self) -> "StandIn":
        return self

    def __exit__(self, *_error: Any) -> None:
        return None


class Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads a target, and the modules beside it, as a context manager.

    While it is entered, imports go through it: modules in the target's folders are executed as the
    target is, and those that are missing are replaced. Imports inside functions are served as long.

    Parameters
    ----------
    folder : path
        Where ``module:Name`` is looked for first.
    seconds : float, default 15
        How long statements that are no definitions may take in all.
    tell : callable, optional
        Gets told in a sentence what was refused.

    Attributes
    ----------
    notes : list of str
        What was replaced and what was not executed.
    """

    def __init__(
        self,
        folder: str | Path = ".",
        seconds: float = 15.0,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder = Path(folder).resolve()
        self.notes: list[str] = []
        self._deadline = time.monotonic() + seconds
        self._tell = tell
        self._missing: set[str] = set()
        self._roots: list[str] = []
        self._wanted = ""

    def __enter__(self) -> "Loader":
        self._path, self._modules = list(sys.path), set(sys.modules)
        abstract = {name: getattr(collections.abc, name) for name in collections.abc.__all__}
        self._added = [
            (module, name)
            for module, removed in ((np, _REMOVED), (collections, abstract))
            for name in removed
            if name not in module.__dict__
        ]
        for module, name in self._added:
            setattr(module, name, (_REMOVED if module is np else abstract)[name])
        sys.meta_path.insert(0, self)
        return self

    def __exit__(self, *_error: object) -> None:
        sys.meta_path.remove(self)
        sys.path[:] = self._path
        for name in set(sys.modules) - self._modules:
            del sys.modules[name]
        for module, name in self._added:
            delattr(module, name)

    # Targets

    def load(self, target: str) -> Loaded:
        """Return what a target is.

        Parameters
        ----------
        target : str
            ``FILE.py:Name``, ``FILE.ipynb:Name``, ``module:Name`` or ``FOLDER:Name``; a dot in the
            name leads into attributes. Without a name it is the whole module.

        Raises
        ------
        LoadError
            If it is not there, or not defined when all that can be executed is executed.
        """
        place, name = split(target)
        path = Path(place)
        if path.is_dir():
            self._put_on_path(path)
            path = _file_with(path, name)
        elif not path.is_file():
            path = self._module_file(place)
        namespace = self._execute_file(path, name)
        beside = partial(self.beside, path.resolve(), namespace.get("__package__") or "")
        if not name:
            return Loaded(namespace, namespace, beside)
        first, *others = name.split(".")
        if first not in namespace:
            raise LoadError(f"{path.name} does not define {first}{self._why()}")
        value = namespace[first]
        for other in others:
            if not hasattr(value, other):
                raise LoadError(f"{path.name}: {first} has no {other}")
            value = getattr(value, other)
        return Loaded(value, namespace, beside)

    def beside(self, path: Path, package: str) -> dict[str, type]:
        """Return the classes of files in a file's folder that have forward passes, by their names.

        Parameters
        ----------
        path : Path
            The file, which is left out.
        package : str
            Of the file; empty if it is in none.
        """
        found: dict[str, type] = {}
        near = [*path.parent.glob("*.py"), *path.parent.glob("*/*.py")]
        for file in sorted(near)[:_MOST_FILES]:
            with contextlib.suppress(LoadError, SystemExit, Exception):
                if file == path or not any(map(_is_layer, _parsed(file).body)):
                    continue
                parts = file.relative_to(path.parent).with_suffix("").parts
                name = ".".join(filter(None, [package, *parts])).removesuffix(".__init__")
                module = importlib.import_module(name)
                classes = {n: m for n, m in vars(module).items() if isinstance(m, type)}
                found |= {n: m for n, m in classes.items() if m.__module__ == name}
        return found

    def _why(self) -> str:
        return f" ({'; '.join(self.notes)})" if self.notes else ""

    def _module_file(self, place: str) -> Path:
        if place.endswith((".py", ".ipynb")) or not all(map(str.isidentifier, place.split("."))):
            raise LoadError(f"there is no file, module or folder {place!r}")
        self._put_on_path(self.folder)
        try:
            spec = importlib.util.find_spec(place)
        except Exception as error:  # a package's own code is executed to find what is in it
            raise LoadError(f"{place}: {_told(error)}") from error
        if spec is None or spec.origin is None or not Path(spec.origin).is_file():
            raise LoadError(f"there is no file, module or folder {place!r}")
        return Path(spec.origin)

    def _put_on_path(self, folder: Path) -> None:
        root = str(folder.resolve())
        if root not in self._roots:
            self._roots.append(root)
            sys.path.insert(0, root)

    def _execute_file(self, path: Path, name: str) -> dict[str, Any]:
        path = path.resolve()
        tree = _parsed(path)
        module = ModuleType(_free_name(path.stem))
        module.__file__ = str(path)
        climb = max((n.level for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)), default=0)
        while (path.parents[climb] / "__init__.py").is_file():
            climb += 1
        if not climb:
            self._put_on_path(path.parent)
        else:
            folders = path.parents[:climb]
            self._put_on_path(folders[-1].parent)
            module.__package__ = ".".join(folder.name for folder in reversed(folders))
        sys.modules[module.__name__] = module
        self._wanted = name.partition(".")[0]
        self._execute(tree, module, str(path))
        return module.__dict__

    # The import system's questions

    def find_spec(
        self, fullname: str, path: Any = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how a module is to be loaded, if this loader is to do it."""
        if any(fullname == name or fullname.startswith(f"{name}.") for name in self._missing):
            return ModuleSpec(fullname, self, is_package=True)
        if fullname.partition(".")[0] in _LEFT_OUT:
            raise ModuleNotFoundError(f"{fullname} is left out here", name=fullname)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or not (spec.origin or "").endswith(".py"):
            return None
        origin = Path(str(spec.origin)).resolve()
        apart = {"site-packages", "dist-packages"} & set(origin.parts)
        if not apart and any(origin.is_relative_to(root) for root in self._roots):
            spec.loader = self
            return spec
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return a stand-in for a module that is missing."""
        return None if spec.origin else StandIn(spec.name, self._tell)

    def exec_module(self, module: ModuleType) -> None:
        """Execute a module beside the target."""
        if not isinstance(module, StandIn):
            path = Path(str(module.__file__))
            self._execute(_parsed(path), module, str(path))

    # Execution

    def _execute(self, tree: ast.Module, module: ModuleType, file: str) -> None:
        """Execute statements one by one: all of them, and after a failure definitions alone."""
        flags = _future_flags(tree)
        whole = True
        for statement in tree.body:
            where = f"{Path(file).name}, line {statement.lineno}"
            definition = _is_definition(statement, module.__dict__)
            needed = definition or bool(self._wanted and self._wanted in _bound(statement))
            if whole and not needed and time.monotonic() > self._deadline:
                whole = False
                self._note(f"{where}: from here on only definitions were executed, time is over")
            if not (needed or whole):
                continue
            code = compile(
                ast.Module([statement], []), file, "exec", flags=flags, dont_inherit=True
            )
            try:
                self._run(code, statement, module, definition)
            except (SystemExit, Exception, _TooLongError) as error:
                if whole:
                    after = "; after this only definitions were executed"
                    self._note(f"{where}: {_told(error)}{after}")
                elif isinstance(statement, _DEFINING) or not definition:
                    self._note(f"{where}: {_told(error)}")
                if isinstance(statement, ast.Import | ast.ImportFrom):
                    self._bind_stand_ins(statement, module)
                whole = False

    def _run(
        self, code: CodeType, statement: ast.stmt, module: ModuleType, definition: bool
    ) -> None:
        # An import executes statements that have their own limits.
        imports = any(isinstance(n, ast.Import | ast.ImportFrom) for n in ast.walk(statement))
        left = max(self._deadline - time.monotonic(), 1.0)
        limit = contextlib.nullcontext() if imports and definition else _limited(left)
        while True:
            try:
                with limit:
                    exec(code, module.__dict__)
                return
            except ModuleNotFoundError as error:
                if not definition or not error.name or not self._replaced(error.name, module):
                    raise

    def _replaced(self, name: str, module: ModuleType) -> bool:
        """Find a missing module further up, or have it replaced; False if it is already."""
        first = name.partition(".")[0]
        for folder in Path(str(module.__file__)).parents[:4]:
            there = (folder / first).is_dir() or (folder / f"{first}.py").is_file()
            if there and str(folder) not in self._roots:
                self._put_on_path(folder)
                if (folder / first).is_dir():
                    self._forget_file(first)
                return True
        if name in self._missing:
            return False
        self._missing.add(name)
        what = "is left out" if first in _LEFT_OUT else "cannot be imported"
        self._note(f"{name} {what}: a stand-in takes its place")
        return True

    def _forget_file(self, name: str) -> None:
        """Take the folders off the path in which a file has a package's name."""
        for root in [root for root in self._roots if (Path(root) / f"{name}.py").is_file()]:
            self._roots.remove(root)
            sys.path.remove(root)
            sys.modules.pop(name, None)

    def _bind_stand_ins(self, statement: ast.Import | ast.ImportFrom, module: ModuleType) -> None:
        source = getattr(statement, "module", None)
        for alias in statement.names:
            full = f"{source}.{alias.name}" if source else alias.name
            bound = alias.asname or alias.name.partition(".")[0]
            module.__dict__.setdefault(bound, StandIn(full, self._tell))

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)


def split(target: str) -> tuple[str, str]:
    """Return place and name of a target."""
    place, colon, name = target.rpartition(":")
    # A drive's letter is no place.
    if not colon or len(place) < 2 or not all(map(str.isidentifier, name.split("."))):
        return target, ""
    return place, name


def _resolved(loaded: Loaded) -> Any:
    """Return what a target stands for: the declaration that a function makes or that a file has."""
    value = loaded.value
    if value is loaded.namespace:
        declared = {n: v for n, v in value.items() if isinstance(v, Network)}
        if len(declared) > 1:
            names = ", ".join(declared)
            raise LoadError(f"there are several declarations ({names}): say which, FILE:Name")
        return next(iter(declared.values()), value)
    if isinstance(value, FunctionType) and not _needs_arguments(value):
        try:
            made = value()
        except Exception as error:
            raise LoadError(f"{value.__name__}(): {_told(error)}") from error
        value = made if isinstance(made, Network) else value
    if isinstance(value, StandIn):
        raise LoadError(f"{value.__name__} could not be imported")
    return value


def as_network(
    loaded: Loaded, sizes: Sequence[int] | None = None
) -> tuple[Network, tuple[Convention, ...]]:
    """Return the declaration that a target is, or one that is recognized in it.

    Parameters
    ----------
    loaded : Loaded
        The target.
    sizes : sequence of int, optional
        Widths that a recognized network should have.

    Returns
    -------
    network : Network
    conventions : tuple of Convention
        What was recognized and how sure that is; empty for a declaration.

    Raises
    ------
    LoadError
        If it is neither.
    """
    value = _resolved(loaded)
    if isinstance(value, Network):
        return value, ()
    proposal = _recognized(value, loaded, sizes)
    return proposal.network, proposal.conventions


def propose(loaded: Loaded) -> Proposal:
    """Return a declaration of what was loaded; of a file, of what is beside its declarations.

    Raises
    ------
    LoadError
        If it is not recognized, or a declaration already.
    """
    whole = loaded.value is loaded.namespace
    value = loaded.value if whole else _resolved(loaded)
    if isinstance(value, Network):
        raise LoadError("it is a declaration already, and nothing is to be proposed")
    return _recognized(value, loaded)


def _recognized(value: Any, loaded: Loaded, sizes: Sequence[int] | None = None) -> Proposal:
    proposal: Proposal | None = None
    failure: SubjectError | None = None
    try:
        proposal = recognize(value, loaded.namespace, sizes)
    except SubjectError as error:
        failure = error
    if proposal is None or proposal.is_bare:
        proposal = _with_beside(value, loaded, sizes) or proposal
    if proposal is None:
        raise LoadError(str(failure)) from failure
    return proposal


def _with_beside(value: Any, loaded: Loaded, sizes: Sequence[int] | None) -> Proposal | None:
    """Return what is recognized if layers of the files beside are taken, too."""
    more = {n: m for n, m in loaded.beside().items() if n not in loaded.namespace}
    if not more:
        return None
    scope = {**more, **loaded.namespace}
    try:
        proposal = recognize(scope if value is loaded.namespace else value, scope, sizes)
    except SubjectError:
        return None
    used = {word for text in proposal.fields.values() for word in re.findall(r"\w+", text)}
    imports = [f"from {m.__module__} import {n}" for n, m in more.items() if n in used]
    return replace(proposal, imports=tuple(imports)) if imports else None


def _needs_arguments(function: FunctionType) -> bool:
    code, defaults = function.__code__, function.__defaults__ or ()
    keywords = set(code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount])
    return code.co_argcount > len(defaults) or bool(keywords - set(function.__kwdefaults__ or {}))


def _told(error: BaseException) -> str:
    if isinstance(error, _TooLongError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _free_name(stem: str) -> str:
    """Return the name of a file's module: not the file's own, by which others may import it."""
    name = f"{stem}_" if stem.isidentifier() else "target_"
    while name in sys.modules:
        name += "_"
    return name


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Interrupt what takes longer."""
    if not hasattr(signal, "setitimer"):  # Windows: the process has a limit of its own
        yield
        return

    def interrupt(_number: int, _frame: object) -> None:
        raise _TooLongError(f"took longer than {seconds:.0f} s")

    handler = signal.signal(signal.SIGALRM, interrupt)
    # Again every half second, for there may be a bare except that stops it.
    outer = signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *outer)
        signal.signal(signal.SIGALRM, handler)


# Sources


def _parsed(path: Path) -> ast.Module:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        if path.suffix == ".ipynb":
            text = _notebook_source(text)
            lines = text.splitlines(keepends=True)
            linecache.cache[str(path)] = (len(text), None, lines, str(path))
        return ast.parse(text, str(path))
    except (SyntaxError, ValueError) as error:
        raise LoadError(f"{path.name} is no Python 3: {error}") from error


def _notebook_source(text: str) -> str:
    """Return the code of a notebook; cells that are no Python are left out."""
    try:
        notebook = json.loads(text)
        cells = [c for c in notebook["cells"] if c["cell_type"] == "code"]
        sources = ["".join(cell["source"]) for cell in cells]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"not a notebook ({error})") from error
    return "\n\n".join(filter(_is_python, map(_without_magics, sources)))


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


def _file_with(folder: Path, name: str) -> Path:
    """Return the one file in a folder that defines a name."""
    if not name:
        raise LoadError(f"{folder} is a folder: say what to look for in it, FOLDER:Name")
    first = name.partition(".")[0]
    found = []
    for path in sorted((*folder.rglob("*.py"), *folder.rglob("*.ipynb"))):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or "site-packages" in path.parts:
            continue
        with contextlib.suppress(LoadError, OSError):
            if any(first in _bound(s) for s in _parsed(path).body if not _is_import(s)):
                found.append(path)
    if not found:
        raise LoadError(f"no file in {folder} defines {first}")
    if len(found) > 1:
        names = ", ".join(str(path.relative_to(folder)) for path in found)
        raise LoadError(f"several files define {first} ({names}): say which, FILE:{name}")
    return found[0]


def _is_layer(statement: ast.stmt) -> bool:
    """Whether a statement defines a class that has a forward pass."""
    if not isinstance(statement, ast.ClassDef):
        return False
    functions = [member for member in statement.body if isinstance(member, ast.FunctionDef)]
    return any(rank(function.name, FORWARD) is not None for function in functions)


def _is_import(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Import | ast.ImportFrom)


def _bound(statement: ast.stmt) -> set[str]:
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


def _future_flags(tree: ast.Module) -> int:
    flags = 0
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            for alias in statement.names:
                flags |= getattr(__future__, alias.name).compiler_flag
    return flags


# Definitions

_DEFINING = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_MODULES = ("numpy", "math", "functools", "collections", "itertools", "operator", "typing")
_BUILT_IN = (range, len, list, dict, tuple, set, int, float, str, bool, zip, sum, min, max, sorted)


def _is_definition(statement: ast.stmt, namespace: dict[str, Any]) -> bool:
    """Whether a statement defines things and does nothing else that takes time."""
    if isinstance(statement, _DEFINING):
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
    return all(_is_definition(statement, namespace) for statement in statements)


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
