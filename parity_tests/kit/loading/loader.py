"""Somebody's network, found in a file, a module, a notebook or a folder, and loaded.

Files are executed statement by statement. What a network needs are the definitions; but scripts
load data and train at module level as well. A statement that raises, or takes too long, ends the
execution of everything: from there on only definitions are executed. What cannot be imported is
replaced by a `StandIn`.
"""

import ast
import contextlib
import functools
import importlib
import importlib.abc
import importlib.util
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, TypeGuard

from parity_tests.kit.loading.removed import notes, remove, restore
from parity_tests.kit.loading.sources import (
    DEFINING,
    LoadError,
    bound_names,
    file_with,
    future_flags,
    is_definition,
    is_layer,
    parsed,
    place_of,
)
from parity_tests.kit.loading.stand_in import StandIn
from parity_tests.kit.loading.unshown import unshown
from parity_tests.kit.network import Network
from parity_tests.kit.part import Part
from parity_tests.kit.recognition import Convention, Proposal, recognize
from parity_tests.kit.recognition.callers import names_used
from parity_tests.kit.recognition.names import FORWARD, INITIALIZE, rank
from parity_tests.kit.recognition.proposal import LIKELY
from parity_tests.kit.subject.subject import SubjectError

__all__ = ["LoadError", "Loaded", "Loader", "as_declared", "propose", "split"]

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

# Files beside the target that are searched for layers, and for what makes parameters.
_MOST_FILES = 20

# What declarations use beside a file's own names.
_OURS = ("copy", "reduce", "uninitialized", "global_arrays", "with_globals")


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
        Returns what a network may need of the files beside it, as `Loader.beside` does.
    """

    value: Any
    namespace: dict[str, Any]
    beside: Callable[[], Mapping[str, Any]] = dict


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
        self._added = restore()
        sys.meta_path.insert(0, self)
        return self

    def __exit__(self, *_error: object) -> None:
        sys.meta_path.remove(self)
        sys.path[:] = self._path
        for name in set(sys.modules) - self._modules:
            del sys.modules[name]
        remove(self._added)

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
            path = file_with(path, name)
        elif not path.is_file():
            path = self._module_file(place)
        namespace = self._execute_file(path, name)
        beside = functools.partial(self.beside, path.resolve(), namespace.get("__package__") or "")
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

    def beside(self, path: Path, package: str) -> dict[str, Any]:
        """Return what files in a file's folder define that makes parameters or has forward passes.

        Of a file with such a class all classes, of one with a function that begins parameters that
        function, by their names.

        Parameters
        ----------
        path : Path
            The file, which is left out.
        package : str
            Of the file; empty if it is in none.
        """
        found: dict[str, Any] = {}
        near = [*path.parent.glob("*.py"), *path.parent.glob("*/*.py")]
        for file in sorted(near)[:_MOST_FILES]:
            # What Python thinks of them has nothing to do with the target.
            with contextlib.suppress(LoadError, SystemExit, Exception), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                statements = [] if file == path else parsed(file).body
                layers = any(map(is_layer, statements))
                makers = {s.name for s in statements if isinstance(s, ast.FunctionDef)}
                makers = {name for name in makers if rank(name, INITIALIZE) is not None}
                if not layers and not makers:
                    continue
                parts = file.relative_to(path.parent).with_suffix("").parts
                name = ".".join(filter(None, [package, *parts])).removesuffix(".__init__")
                module = importlib.import_module(name)
                defined = {
                    n: m
                    for n, m in vars(module).items()
                    if n in makers or (layers and isinstance(m, type))
                }
                found |= {n: m for n, m in defined.items() if m.__module__ == name}
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
        tree = parsed(path)
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
            self._execute(parsed(path), module, str(path))

    # Execution

    def _execute(self, tree: ast.Module, module: ModuleType, file: str) -> None:
        """Execute statements one by one: all of them, and after a failure definitions alone."""
        for note in notes(tree, file, self._added):
            self._note(note)
        flags = future_flags(tree)
        whole = True
        for statement in tree.body:
            place = place_of(statement, file)
            where = f"{Path(place).name}, line {statement.lineno}"
            definition = is_definition(statement, module.__dict__)
            needed = definition or bool(self._wanted and self._wanted in bound_names(statement))
            if whole and not needed and time.monotonic() > self._deadline:
                whole = False
                self._note(f"{where}: from here on only definitions were executed, time is over")
            if not (needed or whole):
                continue
            code = compile(
                ast.Module([statement], []), place, "exec", flags=flags, dont_inherit=True
            )
            try:
                self._run(code, statement, module, definition)
            except (SystemExit, Exception, _TooLongError) as error:
                if self._is_of_libraries(statement):
                    self._note(f"{where}: {_told(error)}; a stand-in takes its place")
                    self._bind_stand_ins(statement, module)
                    continue
                if whole:
                    after = "; after this only definitions were executed"
                    self._note(f"{where}: {_told(error)}{unshown(error, file)}{after}")
                elif isinstance(statement, DEFINING) or not definition:
                    self._note(f"{where}: {_told(error)}{unshown(error, file)}")
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
        where = Path(str(module.__file__)).name
        self._note(f"{where}: {name} {what}; a stand-in takes its place")
        return True

    def _forget_file(self, name: str) -> None:
        """Take the folders off the path in which a file has a package's name."""
        for root in [root for root in self._roots if (Path(root) / f"{name}.py").is_file()]:
            self._roots.remove(root)
            sys.path.remove(root)
            sys.modules.pop(name, None)

    def _is_of_libraries(self, statement: ast.stmt) -> TypeGuard[ast.Import | ast.ImportFrom]:
        """Whether a statement imports what is installed, and none of the files beside it."""
        if isinstance(statement, ast.ImportFrom):
            sources = [] if statement.level else [statement.module]
        else:
            sources = [a.name for a in statement.names] if isinstance(statement, ast.Import) else []
        firsts = [str(source).partition(".")[0] for source in sources]
        return bool(firsts) and not any(map(self._is_beside, firsts))

    def _is_beside(self, name: str) -> bool:
        spec = PathFinder.find_spec(name)
        places = [*(spec.submodule_search_locations or ()), spec.origin or ""] if spec else []
        folders = {"site-packages", "dist-packages"}
        return any(
            Path(place).is_relative_to(root) and not folders & set(Path(place).parts)
            for place in places
            for root in self._roots
        )

    def _bind_stand_ins(self, statement: ast.Import | ast.ImportFrom, module: ModuleType) -> None:
        """Bind what an import binds: what is there of it, and stand-ins for the rest."""
        source = getattr(statement, "module", None)
        for alias in statement.names:
            full = f"{source}.{alias.name}" if source else alias.name
            bound = alias.asname or alias.name.partition(".")[0]
            there: Mapping[str, Any] = sys.modules
            key = alias.name if alias.asname else bound
            if isinstance(statement, ast.ImportFrom):
                known = None if statement.level else sys.modules.get(str(source))
                there, key = vars(known) if known else {}, alias.name
            value = there[key] if key in there else StandIn(full, self._tell)
            module.__dict__.setdefault(bound, value)

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
        # A rule is a part of the network beside it, and so are a layer and a loss.
        declared = declared or {n: v for n, v in value.items() if isinstance(v, Part)}
        if len(declared) > 1:
            names = ", ".join(declared)
            raise LoadError(f"there are several declarations ({names}): say which, FILE:Name")
        return next(iter(declared.values()), value)
    if isinstance(value, FunctionType) and not _needs_arguments(value):
        try:
            made = value()
        except Exception as error:
            raise LoadError(f"{value.__name__}(): {_told(error)}") from error
        value = made if isinstance(made, Network | Part) else value
    if isinstance(value, StandIn):
        raise LoadError(f"{value.__name__} could not be imported")
    return value


def as_declared(
    loaded: Loaded, sizes: Sequence[int] | None = None
) -> tuple[Network | Part, tuple[Convention, ...]]:
    """Return the declaration that a target is, or one of a network that is recognized in it.

    Parameters
    ----------
    loaded : Loaded
        The target.
    sizes : sequence of int, optional
        Widths that a recognized network should have.

    Returns
    -------
    declaration : Network, Rule, LayerUnderTest or LossUnderTest
    conventions : tuple of Convention
        What was recognized and how sure that is; empty for a declaration.

    Raises
    ------
    LoadError
        If it is neither.
    """
    value = _resolved(loaded)
    if isinstance(value, Network | Part):
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
    if isinstance(value, Network | Part):
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
    """Return what is recognized if layers and makers of the files beside are taken, too."""
    more = {n: m for n, m in loaded.beside().items() if n not in loaded.namespace}
    if not more:
        return None
    scope = {**more, **loaded.namespace}
    try:
        proposal = recognize(scope if value is loaded.namespace else value, scope, sizes)
    except SubjectError:
        return None
    used = names_used(proposal.fields.values())
    taken = {n: m.__module__ for n, m in more.items() if n in used}
    if not taken or not _has_own_part(proposal, loaded.namespace, set(taken.values())):
        return None
    are_layers = any(isinstance(more[n], type) for n in taken)
    if are_layers and _own_layers(loaded.namespace) - used:
        # What the file has of its own is what its network is made of.
        return None
    imports = [f"from {module} import {n}" for n, module in taken.items()]
    why = "none was made of what the file has and imports"
    beside = Convention("beside the file", "; ".join(imports), LIKELY, why)
    conventions = (*proposal.conventions, beside)
    return replace(proposal, imports=tuple(imports), conventions=conventions)


def _own_layers(namespace: Mapping[str, Any]) -> set[str]:
    """Return the names of a file's own classes that have a forward pass."""
    own = {n: m for n, m in namespace.items() if isinstance(m, type)}
    return {
        n
        for n, m in own.items()
        if m.__module__ == namespace.get("__name__")
        and any(rank(member, FORWARD) is not None for member in vars(m))
    }


def _has_own_part(proposal: Proposal, namespace: Mapping[str, Any], beside: set[str]) -> bool:
    """Whether a network has a part of its file, or of files that this imports.

    Parameters
    ----------
    beside : set of str
        Modules from which the rest is.
    """
    used = names_used(proposal.fields[name] for name in ("make", "forward"))
    own = (n for n in used if n in namespace and not isinstance(namespace[n], ModuleType))
    return any(n not in _OURS for n in own) or beside <= _imported(namespace)


def _imported(namespace: Mapping[str, Any]) -> set[str]:
    """Return the modules of its folder that a module has something from, and those they have."""
    folder = Path(str(namespace.get("__file__"))).parent
    found: set[str] = set()
    waiting = [namespace]
    while waiting:
        for value in waiting.pop().values():
            name = getattr(value, "__name__" if type(value) is ModuleType else "__module__", None)
            module = sys.modules.get(name) if isinstance(name, str) else None
            file = None if module is None else vars(module).get("__file__")
            if name not in found and file and Path(file).is_relative_to(folder):
                found.add(str(name))
                waiting.append(vars(module))
    return found


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
