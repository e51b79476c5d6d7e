"""How a fault is planted in a network's file."""

from pathlib import Path
from types import SimpleNamespace

_FOLDER = Path(__file__).parent / "networks"


def planted(file: str, old: str = "", new: str = "") -> SimpleNamespace:
    """Return what a network's file defines, with one piece of its text replaced.

    Parameters
    ----------
    file : str
        A file in ``networks``, without its ending.
    old, new : str
        Text that occurs exactly once, and what it is replaced by; nothing is replaced if both are
        empty.

    Returns
    -------
    SimpleNamespace
        Classes and functions of the file, executed anew: nothing is shared with another call.

    Raises
    ------
    ValueError
        If `old` does not occur exactly once.
    """
    path = _FOLDER / f"{file}.py"
    source = path.read_text(encoding="utf-8")
    if old or new:
        count = source.count(old)
        if not old or count != 1:
            raise ValueError(f"{file}: {old!r} occurs {count} times, expected once")
        source = source.replace(old, new)
    namespace: dict[str, object] = {"__name__": f"catalogue.{file}"}
    exec(compile(source, str(path), "exec"), namespace)
    return SimpleNamespace(**namespace)
