"""What a fault is, and how it is planted."""

import __future__

import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy_impl


@dataclass(frozen=True)
class Fault:
    """A change to one function.

    Attributes
    ----------
    name : str
        What is wrong.
    module : str
        Where the function is.
    function : str
        Its qualified name.
    old, new : str
        Text that occurs once in the function's source, and what it is replaced by.
    caught_by : tuple of str
        Beginnings of check ids; for each, at least one of the checks must fail.
    """

    name: str
    module: str
    function: str
    old: str
    new: str
    caught_by: tuple[str, ...]


@contextmanager
def planted(fault: Fault) -> Iterator[None]:
    """Replace the function by its faulty version while the context lasts.

    Raises
    ------
    ValueError
        If the text to replace does not occur exactly once.
    """
    # The package loads its names on demand; none of them must be the faulty one.
    for exported in numpy_impl.__all__:
        getattr(numpy_impl, exported)
    module = importlib.import_module(fault.module)
    owner: Any = module
    *path, name = fault.function.split(".")
    for part in path:
        owner = getattr(owner, part)
    original = inspect.getattr_static(owner, name)
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(getattr(owner, name))))
    if source.count(fault.old) != 1:
        raise ValueError(f"{fault.name}: {fault.old!r} occurs {source.count(fault.old)} times")
    namespace: dict[str, Any] = {}
    changed = source.replace(fault.old, fault.new)
    # Annotations may name what is there for type checkers only.
    flags = __future__.annotations.compiler_flag
    code = compile(changed, f"<planted: {fault.name}>", "exec", flags)
    exec(code, module.__dict__, namespace)
    # A function may have been imported by name elsewhere.
    holders = [owner, *(m for m in _our_modules() if owner is module and m is not module)]
    holders = [holder for holder in holders if vars(holder).get(name) is original]
    for holder in holders:
        setattr(holder, name, namespace[name])
    try:
        yield
    finally:
        for holder in holders:
            setattr(holder, name, original)


def _our_modules() -> list[ModuleType]:
    packages = ("numpy_impl", "parity_tests", "torch_ref")
    return [m for name, m in sys.modules.items() if name.partition(".")[0] in packages]
