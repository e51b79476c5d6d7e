"""What arguments are tried with, and what is expected of each."""

import array
import datetime
import importlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, ...]

HUGE = 10**30
"""An integer that no machine counts to."""


class Try(NamedTuple):
    """One value for one argument.

    Attributes
    ----------
    group : str
        What is unusual about it: its dtype, its shape, ...
    name : str
        What it is.
    make : callable
        Returns it, anew each time.
    expect : {"same", "refused", "either", "taken", "clean"}
        ``same``: the result is that with the plain value. ``refused``: an error of ours that names
        the argument. ``either``: one of the two. ``taken``: a result. ``clean``: a result, or an
        error of ours.
    plain : callable, optional
        Returns the plain value of the same content; by default that is the argument's usual one.
    """

    group: str
    name: str
    make: Callable[[], Any]
    expect: str
    plain: Callable[[], Any] | None = None


def _always(value: Any) -> Callable[[], Any]:
    return lambda: value


# Memory orders: the same numbers, in other places.


def fortran(a: Array) -> Array:
    """Column-major."""
    return np.array(a, order="F")


def reverse(a: Array) -> Array:
    """Negative strides on every axis."""
    backwards = (slice(None, None, -1),) * a.ndim
    return a[backwards].copy()[backwards]


def spaced(a: Array) -> Array:
    """Every second entry of an array that is twice as long along every axis."""
    wide = np.zeros([2 * n for n in a.shape], a.dtype)
    view = wide[(slice(None, None, 2),) * a.ndim]
    view[...] = a
    return view


def swapped_axes(a: Array) -> Array:
    """A view whose first axis is the last one in memory."""
    return np.moveaxis(np.moveaxis(a, 0, -1).copy(), -1, 0) if a.ndim else a.copy()


def read_only(a: Array) -> Array:
    """Refuses to be written to."""
    copy = a.copy()
    copy.flags.writeable = False
    return copy


def unaligned(a: Array) -> Array:
    """Begins at an odd byte."""
    memory = np.zeros(a.nbytes + 1, np.uint8)
    view = memory[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def big_endian(a: Array) -> Array:
    """The most significant byte first."""
    return a.astype(a.dtype.newbyteorder(">"))


def memory_mapped(a: Array) -> Array:
    """In a file."""
    if not a.size:
        return a.copy()
    descriptor, path = tempfile.mkstemp()
    os.close(descriptor)
    try:
        a.tofile(path)
        return np.memmap(path, a.dtype, "c", shape=a.shape)
    finally:
        Path(path).unlink()


ORDERS: Mapping[str, Callable[[Array], Array]] = {
    "Fortran order": fortran,
    "negative strides": reverse,
    "strided": spaced,
    "swapped axes": swapped_axes,
    "read-only": read_only,
    "unaligned": unaligned,
    "big-endian": big_endian,
    "memory-mapped": memory_mapped,
}


# Containers: the same numbers, in another object.


class Subclass(np.ndarray):
    """An array of another class, whose operators do other things."""

    def __add__(self, other: Any) -> Any:
        raise AssertionError("an operator of the caller's class was used")

    __sub__ = __mul__ = __matmul__ = __getitem__ = __add__  # type: ignore[assignment]


class ByProtocol:
    """Gives an array when NumPy asks."""

    def __init__(self, a: Array) -> None:
        self.a = a

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return np.array(self.a, dtype, copy=copy)


class Failing:
    """Fails when NumPy asks for an array."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        raise RuntimeError("no array here")


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _subclass(a: Array) -> Array:
    return a.copy().view(Subclass)


def _torch(a: Array) -> Any:
    return importlib.import_module("torch").from_numpy(np.array(a, a.dtype.newbyteorder("=")))


def _pandas(a: Array) -> Any:
    pandas = importlib.import_module("pandas")
    return (pandas.Series if a.ndim == 1 else pandas.DataFrame)(a.copy())


def _matrix(a: Array) -> Array:
    return a.copy().view(np.matrix)


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def containers(a: Array) -> dict[str, Callable[[Array], Any]]:
    """Return what makes other objects with the numbers of an array like this one."""
    found: dict[str, Callable[[Array], Any]] = {
        "list": lambda a: a.tolist(),
        "tuple": lambda a: _tuples(a.tolist()),
        "subclass": _subclass,
        "array protocol": ByProtocol,
        "masked array without a mask": lambda a: np.ma.array(a.copy()),
        "buffer": lambda a: memoryview(a.copy()),
    }
    if a.size == 0:  # the type of an empty list is not that of its numbers
        del found["list"], found["tuple"]
    if a.ndim == 0:
        del found["subclass"], found["buffer"]
    if a.ndim == 2:
        found["matrix"] = _matrix
    if a.ndim in (1, 2) and _has("pandas"):
        found["pandas"] = _pandas
    if _has("torch") and a.dtype.kind != "u":
        found["torch"] = _torch
    return found


# Other types.


def _structured(a: Array) -> Array:
    return np.zeros(a.shape, [("x", "f4"), ("y", "i4")])


_TIME = datetime.datetime(2000, 1, 1)

NO_NUMBERS: Mapping[str, Callable[[Array], Any]] = {
    "complex": lambda a: a.astype(np.complex64),
    "complex without imaginary part": lambda a: a.astype(np.complex128),
    "strings": lambda a: a.astype(str),
    "bytes": lambda a: a.astype(bytes),
    "objects": lambda a: a.astype(object),
    "dates": lambda a: np.full(a.shape, _TIME, "datetime64[s]"),
    "time spans": lambda a: np.full(a.shape, 3, "timedelta64[s]"),
    "structured": _structured,
    "void": lambda a: np.zeros(a.shape, "V4"),
    "masked array": lambda a: np.ma.array(a.copy(), mask=True),
    "ragged list": lambda _: [[1.0], [1.0, 2.0]],
    "list of None": lambda _: [None, None],
    "object": lambda _: object(),
    "dictionary": lambda _: {"a": 1.0},
    "set": lambda _: {1.0},
    "generator": lambda _: (x for x in (1.0, 2.0)),
    "string": lambda _: "1.0",
    "fails": lambda _: Failing(),
    "function": lambda _: len,
}
"""What is no array of numbers."""


def _torch_tries() -> dict[str, Callable[[Array], Any]]:
    def with_grad(a: Array) -> Any:
        return importlib.import_module("torch").tensor(a.astype(np.float32), requires_grad=True)

    def half(a: Array) -> Any:
        torch = importlib.import_module("torch")
        return torch.tensor(a.astype(np.float32), dtype=torch.bfloat16)

    return {"torch with gradient": with_grad, "torch bfloat16": half} if _has("torch") else {}


def _pandas_tries() -> dict[str, Callable[[Array], Any]]:
    def missing(a: Array) -> Any:
        pandas = importlib.import_module("pandas")
        frame = pandas.DataFrame(np.atleast_2d(a).astype(float)).astype("Float64")
        frame.iloc[0, 0] = pandas.NA
        return frame

    def text(a: Array) -> Any:
        return importlib.import_module("pandas").DataFrame(np.atleast_2d(a).astype(str))

    return {"pandas with NA": missing, "pandas text": text} if _has("pandas") else {}


def _group(group: str, a: Array, makers: Mapping[str, Callable[[Array], Any]], expect: str) -> Any:
    for name, make in makers.items():
        yield Try(group, name, lambda make=make: make(a), expect)


def array_tries(
    a: Array, kind: str, fits: Callable[[Shape], bool | None], *, optional: bool, dtype: Any
) -> Iterator[Try]:
    """Yield what an array argument is tried with.

    Parameters
    ----------
    a : ndarray
        The usual value, plain.
    kind : {"floats", "labels", "numbers"}
        What it takes: floating-point numbers, integers, or both.
    fits : callable
        Whether it takes arrays of a shape; None where that depends on the numbers.
    optional : bool
        Whether it may be None.
    dtype : dtype, optional
        What floats are converted to; without it the type of float32 and float64 stays.
    """
    # A single number has no order.
    yield from _group("order", a, ORDERS if a.ndim else {"read-only": read_only}, "same")
    for name, make in containers(a).items():
        # Python's floats are of 64 bits.
        wide = name in ("list", "tuple") and a.dtype == np.float32 and dtype is None
        plain = (lambda: a.astype(np.float64)) if wide else None
        yield Try("container", name, lambda make=make: make(a), "same", plain)
    yield from _group("type", a, NO_NUMBERS, "refused")
    yield from _group("type", a, _torch_tries(), "either" if a.size else "clean")
    yield from _group("type", a, _pandas_tries(), "clean")
    if not optional:
        yield Try("type", "None", _always(None), "refused")
    if a.size:
        first = np.broadcast_to(a.reshape(-1)[0], a.shape)
        yield Try("order", "broadcast view", _always(first), "same", first.copy)
    yield from _dtype_tries(a, kind, dtype)
    if kind != "labels" and a.dtype.kind == "f":
        for name, number in {
            "NaN": np.nan,
            "infinity": np.inf,
            "-infinity": -np.inf,
            "tiny": np.finfo(a.dtype).smallest_subnormal,
            "largest": np.finfo(a.dtype).max,
        }.items():
            yield Try("value", name, _always(_with(a, number)), "clean")
        yield Try("value", "1e300", _always(_with(a.astype(np.float64), 1e300)), "clean")
    elif kind == "labels":
        for number in (-1, 10**6, -(2**63), 2**63 - 1):
            yield Try("value", f"{number}", _always(_with(a.astype(np.int64), number)), "clean")
        yield Try("value", "2**63", _always(_with(a.astype(np.uint64), 2**63)), "clean")
    for shape in _shapes(a.shape):
        b = np.resize(a, shape) if a.size else np.zeros(shape, a.dtype)
        expect = {True: "taken", False: "refused", None: "clean"}[fits(shape)]
        yield Try("shape", f"{shape}", _always(b), expect)


def _dtype_tries(a: Array, kind: str, dtype: Any) -> Iterator[Try]:
    whole = np.array(a, np.int8)
    if kind == "labels":
        signed = ("i1", "i2", "i4", "i8", ">i8")
        unsigned = ("u1", "u2", "u4", "u8", ">u2") if a.min(initial=0) >= 0 else ()
        for name in (*signed, *unsigned):
            yield Try("dtype", name, _always(a.astype(name)), "same")
        for name in ("f2", "f4", "f8", "g", "?"):
            yield Try("dtype", name, _always(a.astype(name)), "refused")
        return
    for name in ("i1", "i8", "u1", "u8", "?"):
        expect = "refused" if kind == "floats" else "clean"
        yield Try("dtype", name, _always(whole.astype(name)), expect)
    if a.dtype.kind != "f":
        return
    for name in ("f2", "f4", "f8", "g", ">f8"):
        with np.errstate(over="ignore"):
            b = a.astype(name) if name == "f2" else (a * (1 + 1e-10)).astype(name)
        to = dtype or {"f2": "f4", "f4": "f4"}.get(name, "f8")
        if kind == "numbers":
            yield Try("dtype", name, _always(b), "taken")
        else:
            yield Try("dtype", name, _always(b), "same", lambda b=b, to=to: b.astype(to))


def _with(a: Array, number: Any) -> Array:
    b = a.copy()
    b.reshape(-1)[:1] = number
    return b


def _shapes(shape: Shape) -> list[Shape]:
    found: list[Shape] = [(), (1,), (5,), (0,), (2, 2), (1, 1), (2, 3, 4), (1, 1, 1, 1)]
    found += [(*shape, 1), (1, *shape), shape[::-1]]
    if shape:
        found += [shape[:-1], shape[1:]]
        found += [(*shape[:-1], n) for n in (0, 1, shape[-1] - 1, shape[-1] + 1)]
        found += [(n, *shape[1:]) for n in (0, 1, shape[0] - 1, shape[0] + 1)]
    return [s for s in dict.fromkeys(found) if s != shape and min(s, default=0) >= 0]


# Single values.

OBJECTS: Mapping[str, Any] = {
    "object": object(),
    "string": "no",
    "bytes": b"no",
    "list": [],
    "dictionary": {},
    "set": set(),
    "array": np.zeros((2, 2)),
    "class": object,
    "complex": 1j,
    "date": np.datetime64("2000-01-01"),
}
"""What is hardly ever right."""

_PART = {"Decimal": Decimal(1), "Fraction": Fraction(1), "list of one": [1], "number in text": "1"}


def _refused(group: str, values: Mapping[str, Any], *leaving: str) -> Iterator[Try]:
    for name, value in values.items():
        if name not in leaving:
            yield Try(group, name, _always(value), "refused")


def int_tries(value: int) -> Iterator[Try]:
    """Yield what an integer argument is tried with."""
    yield from _refused("type", {**OBJECTS, **_PART, "True": True, "NumPy bool": np.True_})
    yield from _refused("type", {"float": 1.0, "half": 1.5, "NumPy float": np.float64(1.0)})
    yield from _refused("type", {"NaN": np.nan, "infinity": np.inf})
    for name in ("i1", "u1", "i2", "i4", "i8", "u8"):
        if np.iinfo(name).min <= value <= np.iinfo(name).max:
            yield Try("dtype", name, _always(np.dtype(name).type(value)), "same")
    yield Try("dtype", "0-d array", lambda: np.array(value), "either")
    for number in (0, -1, -2, 1, 2, 3):
        yield Try("value", f"{number}", _always(number), "clean")
    for name, number in {"10**30": HUGE, "-10**30": -HUGE, "2**63": 2**63}.items():
        yield Try("value", name, _always(number), "clean")


def float_tries(value: float) -> Iterator[Try]:
    """Yield what a number is tried with."""
    yield from _refused("type", {**OBJECTS, **_PART, "True": True, "NumPy bool": np.True_})
    yield Try("dtype", "f8", lambda: np.float64(value), "same")
    if float(np.float32(value)) == value:
        yield Try("dtype", "f4", lambda: np.float32(value), "same")
    if value == int(value):
        yield Try("dtype", "int", lambda: int(value), "same")
        yield Try("dtype", "i8", lambda: np.int64(value), "same")
    yield Try("dtype", "g", lambda: np.longdouble(value), "same")
    yield Try("dtype", "0-d array", lambda: np.array(value), "either")
    numbers = (0.0, -0.0, -1.0, 0.5, 1.0, 2.0, 5e-324, 1e-30, 1e30, 1e308, -1e308)
    for number in (*numbers, np.nan, np.inf, -np.inf, np.float16(0.5), 10**400, -(10**400)):
        name = f"{str(number)[:2]}... (int)" if isinstance(number, int) else f"{number:g}"
        yield Try("value", name, _always(number), "clean")


def bool_tries(value: bool) -> Iterator[Try]:
    """Yield what is true or false is tried with."""
    yield from _refused("type", {**OBJECTS, **_PART, "1": 1, "0": 0, "NaN": np.nan, "1.0": 1.0})
    yield Try("dtype", "NumPy bool", _always(np.bool_(value)), "same")


def text_tries(value: str) -> Iterator[Try]:
    """Yield what a name out of a few is tried with."""
    yield from _refused("type", {**OBJECTS, "int": 1, "True": True, "NaN": np.nan})
    yield from _refused(
        "value", {"empty": "", "upper case": value.upper() + "X", "tuple": (value,)}
    )
    yield Try("dtype", "NumPy string", lambda: np.str_(value), "same")


def dtype_tries(value: Any) -> Iterator[Try]:
    """Yield what a float32 or float64 is tried with."""
    names = ("float16", "longdouble", "int32", "bool", "complex64", "O", "S", "U", "M8[s]", "x", "")
    yield from _refused("value", {name or "empty": name for name in names})
    yield from _refused(
        "type", {"None": None, "int": 3, "object": object(), "list": [], "set": set()}
    )
    yield from _refused("type", {"structured": [("x", "f4")], "array": np.zeros(2, "f4")})
    for name, same in {"name": np.dtype(value).name, "dtype": np.dtype(value)}.items():
        yield Try("dtype", name, _always(same), "same")
    yield Try("dtype", "big-endian", _always(np.dtype(value).newbyteorder(">")), "either")


def generator_tries(seed: int) -> Iterator[Try]:
    """Yield what a generator is tried with."""
    yield from _refused("type", {**OBJECTS, "int": seed, "True": True})
    yield from _refused("type", {"module": np.random, "function": np.random.default_rng})
    yield Try("type", "RandomState", lambda: np.random.RandomState(seed), "refused")
    yield Try("type", "bit generator", lambda: np.random.PCG64(seed), "refused")


def object_tries(*, but: Sequence[str] = ()) -> Iterator[Try]:
    """Yield what an object of a class of ours is tried with; `but` names what is right."""
    yield from _refused("type", {**OBJECTS, "int": 3, "float": 1.5, "True": True}, *but)
    yield from _refused("type", {"list of objects": [object()], "function": len}, *but)


def path_tries() -> Iterator[Try]:
    """Yield what the path of a file is tried with."""
    yield from _refused("type", {**OBJECTS, "float": 1.5}, "string", "bytes")
    for name, path in {
        "empty": "",
        "zero byte": "a\0b",
        "missing": "/none/such",
        "folder": "/",
        "bytes": b"/none/such",
        "long": "x" * 5000,
    }.items():
        yield Try("value", name, _always(path), "refused")


def out_tries(a: Array) -> Iterator[Try]:
    """Yield what a buffer for results is tried with."""
    yield from _refused("type", {**OBJECTS, "int": 3, "True": True})
    wrong: dict[str, Callable[[Array], Any]] = {
        "list": lambda a: a.tolist(),
        "read-only": read_only,
        "strided": spaced,
        "negative strides": reverse,
        "big-endian": big_endian,
        "integers": lambda a: a.astype(np.int64),
        "other precision": lambda a: a.astype("f8" if a.dtype == np.float32 else "f4"),
        "complex": lambda a: a.astype(np.complex64),
        "objects": lambda a: a.astype(object),
        "one row more": lambda a: np.zeros((len(a) + 1, *a.shape[1:]), a.dtype),
        "one column more": lambda a: np.zeros((*a.shape[:-1], a.shape[-1] + 1), a.dtype),
        "an axis more": lambda a: a[None].copy(),
        "flat": lambda a: a.reshape(-1).copy(),
        "broadcast": lambda a: np.broadcast_to(a[:1], a.shape),
    }
    if a.ndim == 1:
        del wrong["flat"]
    if a.ndim > 1:
        wrong["Fortran order"] = fortran
    yield from _group("order", a, wrong, "refused")
    yield from _group("order", a, {"unaligned": unaligned, "subclass": _subclass}, "either")
    yield from _group(
        "order", a, {"masked array": lambda a: np.ma.array(a.copy(), mask=True)}, "refused"
    )
    yield Try("order", "memory-mapped", lambda: memory_mapped(a), "same")
    yield Try("order", "offset", lambda: np.zeros((len(a) + 1, *a.shape[1:]), a.dtype)[1:], "same")


def tensor_tries(a: Array, *, matrix: bool) -> Iterator[Try]:
    """Yield what an array to be filled is tried with."""
    yield from _refused("type", {**OBJECTS, "int": 3, "list": a.tolist()}, "array")
    orders = {name: ORDERS[name] for name in ORDERS if name not in ("read-only", "big-endian")}
    yield from _group("order", a, orders, "same")
    yield from _group("order", a, {"read-only": read_only, "big-endian": big_endian}, "refused")
    overlapping = {"broadcast view": lambda a: np.lib.stride_tricks.as_strided(a, a.shape, (0, 0))}
    yield from _group("order", a, overlapping, "refused")
    yield from _group("container", a, {"subclass": _subclass, "matrix": _matrix}, "either")
    for name in ("f2", "g", "i8", "u1", "?", "c8", "O", "U3", "S3"):
        yield Try("dtype", name, lambda name=name: np.zeros(a.shape, name), "refused")
    for shape in _shapes(a.shape):
        expect = "refused" if matrix and len(shape) != 2 else "taken"
        yield Try("shape", f"{shape}", lambda shape=shape: np.zeros(shape, a.dtype), expect)


def mutations(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield copies of nested dictionaries and lists with one entry wrong or missing."""
    wrong = {
        "object": object(),
        "None": None,
        "text": "x",
        "negative": -1,
        "NaN": float("nan"),
        "list": [],
        "dictionary": {},
        "huge": HUGE,
        "integers": np.zeros(3, np.int64),
        "complex": np.zeros(3, complex),
    }
    for name, other in wrong.items():
        yield f"{path or 'all'}: {name}", other
    if isinstance(value, Mapping):
        for key in value:
            yield f"{path}[{key}]: missing", {k: v for k, v in value.items() if k != key}
            for name, part in mutations(value[key], f"{path}[{key}]"):
                yield name, {**value, key: part}
        yield f"{path}: another key", {**value, "unknown": 1}
        yield f"{path}: key 3", {**value, 3: 1}
    elif isinstance(value, list) and value:
        yield f"{path}: one more", [*value, value[0]]
        yield f"{path}: one less", value[:-1]
        for name, part in mutations(value[0], f"{path}[0]"):
            yield name, [part, *value[1:]]
    elif isinstance(value, np.ndarray) and value.ndim:
        yield f"{path}: another shape", np.zeros((*value.shape, 2), value.dtype)
        yield f"{path}: an axis less", np.zeros(value.shape[1:], value.dtype)
        yield f"{path}: text", value.astype(str)
        yield f"{path}: objects", value.astype(object)
        yield f"{path}: one", np.ones((1,) * value.ndim, value.dtype)


def state_tries(state: Any) -> Iterator[Try]:
    """Yield what a saved state is tried with."""
    for name, wrong in mutations(state):
        yield Try("state", name, _always(wrong), "clean")
    yield Try("state", "array", _always(array.array("f", [1.0])), "refused")
    if isinstance(state, Mapping):
        yield Try("state", "in another order", lambda: dict(reversed(state.items())), "same")
