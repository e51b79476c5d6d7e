"""Giving an entry point what is unusual, and judging what comes back."""

import itertools
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

import numpy_impl as ours
from parity_tests.arguments.values import (
    Array,
    Shape,
    Try,
    array_tries,
    bool_tries,
    dtype_tries,
    float_tries,
    generator_tries,
    int_tries,
    object_tries,
    out_tries,
    path_tries,
    state_tries,
    tensor_tries,
    text_tries,
)

ARRAYS = ("floats", "labels", "numbers")
"""Kinds of arguments that are arrays."""


@dataclass(frozen=True)
class Argument:
    """What an argument takes.

    Attributes
    ----------
    kind : str
        ``floats``, ``labels``, ``numbers`` (both), ``out``, ``int``, ``float``, ``bool``, ``text``,
        ``dtype``, ``generator``, ``path``, ``state``, ``tensor`` or ``matrix`` (arrays to fill),
        ``function`` or ``object``.
    make : callable
        Returns a right value, anew each time.
    fits : callable, optional
        Whether an array of this shape is taken; by default only that of the right value.
    optional : bool
        Whether None is taken.
    also : tuple of str
        Other names that an error may give it, where the caller knows it by them too.
    dtype : dtype, optional
        What floating-point numbers are converted to.
    written : bool
        Whether it is there to be written to.
    taken : tuple of str
        Names of tries that this argument takes, unlike others of its kind.
    """

    kind: str
    make: Callable[[], Any]
    fits: Callable[[Shape], bool | None] | None = None
    optional: bool = False
    also: tuple[str, ...] = ()
    dtype: Any = None
    written: bool = False
    taken: tuple[str, ...] = ()

    def tries(self) -> Iterator[Try]:
        """Yield what it is tried with."""
        for one in self._tries():
            expect = "clean" if one.name in self.taken else one.expect
            yield one._replace(expect=expect)
        if self.kind not in ARRAYS and not self.optional:
            expect = "clean" if "None" in self.taken else "refused"
            yield Try("type", "None", lambda: None, expect)

    def _tries(self) -> Iterator[Try]:
        value = self.make()
        if self.kind in ARRAYS:
            fits = self.fits or (lambda shape: shape == np.shape(value))
            return array_tries(
                np.asarray(value), self.kind, fits, optional=self.optional, dtype=self.dtype
            )
        if self.kind == "out":
            return out_tries(value)
        if self.kind == "pictures":
            return (
                t for t in tensor_tries(value, matrix=True) if t.group not in ("shape", "container")
            )
        if self.kind == "vector":
            return (t for t in out_tries(value) if t.group == "type" or "integers" in t.name)
        if self.kind in ("tensor", "matrix"):
            return tensor_tries(value, matrix=self.kind == "matrix")
        if self.kind == "state":
            return state_tries(value)
        if self.kind == "path":
            return path_tries()
        if self.kind == "function":
            return object_tries(but=("class", "function"))
        if self.kind == "object":
            return object_tries()
        simple: dict[str, Callable[[Any], Iterator[Try]]] = {
            "int": int_tries,
            "float": float_tries,
            "bool": bool_tries,
            "text": text_tries,
            "dtype": dtype_tries,
            "generator": lambda _: generator_tries(0),
        }
        return simple[self.kind](value)


@dataclass(frozen=True)
class Entry:
    """An entry point: a function, a constructor or a method, with right arguments.

    Attributes
    ----------
    name : str
        ``Linear``, ``Linear.forward``, ``accuracy``.
    call : callable
        Takes the arguments by keyword; returns all that there is to see of what was done. It is
        called anew for each try, so it makes the object whose method it calls.
    arguments : mapping of str to Argument
        What it takes.
    errors : tuple of type
        What it raises for wrong arguments.
    """

    name: str
    call: Callable[..., Any]
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    errors: tuple[type[Exception], ...] = (ours.InputError,)

    @cached_property
    def usual(self) -> Any:
        """What is seen with right arguments."""
        return self.seen({})

    def seen(self, changed: Mapping[str, Any]) -> Any:
        """Return what is seen with some arguments changed, as plain data."""
        given = {name: argument.make() for name, argument in self.arguments.items()}
        return frozen(self.call(**{**given, **changed}))


class Outcome(NamedTuple):
    """What became of a try.

    Attributes
    ----------
    entry, argument : str
        What was called, and which argument was unusual.
    one : Try
        What it was.
    status : {"right", "refused", "finding"}
        A right result, an error of ours, or something that must not be.
    message : str
        What the error says, or what is wrong.
    """

    entry: str
    argument: str
    one: Try
    status: str
    message: str


class _LateError(Exception):
    """An error of ours from the use of an object, after its making: no argument is named."""


def using(make: Callable[[], Any], use: Callable[[Any], Any]) -> Any:
    """Make an object and use it; what does not fit there may be called by the other's name."""
    made = make()
    try:
        return use(made)
    except (ours.InputError, ours.DivergenceError) as error:
        raise _LateError(f"{error}") from error


def tried(entry: Entry, argument: str, one: Try) -> Outcome:
    """Give an entry point one unusual argument, and judge what comes back."""

    def outcome(status: str, message: str = "") -> Outcome:
        return Outcome(entry.name, argument, one, status, message)

    declared = entry.arguments[argument]
    status, seen, changed = _call(entry, {argument: one.make()})
    if changed:
        return outcome("finding", f"wrote to {changed}")
    if status == "failed":
        return outcome("finding", f"{type(seen).__name__}: {seen}"[:300])
    if status == "refused":
        message = str(seen)
        named = re.split(r"[\[ .(:]", getattr(seen, "argument", message))[0]
        # What is wrong with a file is said of the file, and what diverges of that.
        others = ours.DataError | ours.CheckpointError | ours.DivergenceError | OSError
        late = isinstance(seen, _LateError | others)
        if not late and declared.kind != "state" and named not in (argument, *declared.also):
            return outcome("finding", f"names {named!r}: {message}")
        if one.expect in ("same", "taken"):
            return outcome("finding", f"refused what is right: {message}")
        return outcome("refused", message)
    if one.expect == "refused":
        return outcome("finding", f"took it, and gave {_short(seen)}")
    if one.expect in ("same", "either"):
        plain = entry.usual if one.plain is None else entry.seen({argument: one.plain()})
        if seen != plain:
            return outcome("finding", f"gave {_short(seen)}, not {_short(plain)}")
    return outcome("right")


def tries(entry: Entry, *, every: int = 1) -> Iterator[Outcome]:
    """Yield what becomes of everything that an entry point is tried with.

    Parameters
    ----------
    entry : Entry
        What is called.
    every : int, default 1
        Only one of so many is tried.
    """
    for name, argument in entry.arguments.items():
        for one in itertools.islice(argument.tries(), 0, None, every):
            yield tried(entry, name, one)


def _call(entry: Entry, changed: Mapping[str, Any]) -> tuple[str, Any, str]:
    given = {name: argument.make() for name, argument in entry.arguments.items()} | dict(changed)
    kept = {
        name: _bits(value)
        for name, value in given.items()
        if not entry.arguments[name].written and entry.arguments[name].kind != "out"
    }
    status, seen = "right", None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # NumPy's own about infinities, which a door would pay for at every batch to keep silent.
        warnings.filterwarnings("ignore", r".* encountered in \w+$", RuntimeWarning)
        warnings.filterwarnings("error", r".* encountered in cast$", RuntimeWarning)
        try:
            seen = frozen(entry.call(**given))
        except (*entry.errors, _LateError) as error:
            status, seen = "refused", error
        except Exception as error:  # whatever it is, it is not ours
            status, seen = "failed", error
    written = [name for name, bits in kept.items() if _bits(given[name]) != bits]
    return status, seen, ", ".join(written)


def _bits(value: Any) -> Any:
    """Return what an array holds, with what lies between its entries."""
    if isinstance(value, np.ndarray):
        whole: Any = value.view(np.ndarray)
        while isinstance(whole.base, np.ndarray):
            whole = whole.base
        return whole.tobytes() if whole.dtype != object else repr(whole)
    if isinstance(value, list | tuple):
        return [_bits(part) for part in value]
    if isinstance(value, dict):
        return {key: _bits(part) for key, part in value.items()}
    return None


def frozen(value: Any) -> Any:
    """Return plain data that are equal where all bits are."""
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, np.asarray(value).tobytes())
    # What NumPy's numbers and names are is as good as Python's.
    if isinstance(value, np.generic):
        return frozen(float(value) if isinstance(value, np.floating) else value.item())
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, Mapping):
        return {str(key): frozen(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [frozen(part) for part in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        value = float(value)
    if isinstance(value, float):
        return value.hex()
    if value is None or isinstance(value, int | str | bytes):
        return value
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def _short(value: Any) -> str:
    return repr(value)[:120]


def arrays_of(entry: Entry) -> dict[str, Array]:
    """Return the arguments of an entry point that are arrays, as they usually are."""
    return {
        name: np.asarray(argument.make())
        for name, argument in entry.arguments.items()
        if argument.kind in ARRAYS
    }
