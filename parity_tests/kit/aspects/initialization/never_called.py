"""Methods that give a network its first weights, and that nothing calls where it is made."""

import re
from collections.abc import Callable
from types import CodeType
from typing import Any

from parity_tests.kit.codes import codes_in

_INITIALIZES = re.compile(
    r"(re)?(init|set|initiali[sz]e|draw)_?(all_?)?(params?|parameters|weights?)\w*|init(iali[sz]e)?"
)


def never_called(net: Any, make: Callable[[], Any]) -> str:
    """Return the name of a method that initializes weights, if only what trains may call it.

    What no method of the class calls, and not what makes the network, is called from outside:
    before it the weights are no more than place for others. Empty if there is none.

    Parameters
    ----------
    net : object
        What was made.
    make : callable
        What makes it.
    """
    methods = [
        (name, member.__code__)
        for cls in type(net).__mro__[:-1]
        for name, member in vars(cls).items()
        if isinstance(getattr(member, "__code__", None), CodeType)
    ]
    called = _names_in(getattr(make, "__code__", None))
    for name, code in methods:
        called |= _names_in(code) - {name}
    own = (name for name, _ in methods if _INITIALIZES.fullmatch(name.lower().strip("_")))
    return next((name for name in own if name not in called and not name.startswith("__")), "")


def _names_in(code: CodeType | None) -> set[str]:
    """Return the names that code uses, those in functions within it, too."""
    return {name for own in codes_in(code) for name in own.co_names}
