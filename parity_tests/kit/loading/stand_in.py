"""What takes the place of a module that cannot be imported, or is left out."""

from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any


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
        self._others: tuple[Any, ...] = ()

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

    def __or__(self, other: Any) -> "StandIn":
        """Return a stand-in for a union of types, of which the other may be there."""
        union = StandIn(self.__name__, self._tell)
        union._others = (*self._others, other)
        return union

    __ror__ = __or__

    def __mro_entries__(self, _bases: Any) -> tuple[()]:
        return ()

    def __instancecheck__(self, instance: Any) -> bool:
        return any(isinstance(instance, other) for other in self._others)

    def __subclasscheck__(self, cls: type) -> bool:
        return any(issubclass(cls, other) for other in self._others)

    def __enter__(self) -> "StandIn":
        return self

    def __exit__(self, *_error: Any) -> None:
        return None
