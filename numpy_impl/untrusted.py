"""What readers of strangers' files share: bytes, JSON, and words of theirs in errors of ours."""

import json
from typing import Any, Protocol

_PIECE = 1 << 20  # bytes
_LONGEST_LINE = 1000


class Readable(Protocol):
    """What `read_up_to` needs of a file."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most so many; none at the end."""
        ...


def read_up_to(file: Readable, size: int) -> bytearray:
    """Return the next bytes of a file: so many, or all that are left.

    ``file.read(size)`` would allocate them on the word of whoever gave the size. Here the memory
    grows with what arrives, and is at most twice that and 2 MiB.

    Parameters
    ----------
    file : file
    size : int
        At least 0.
    """
    data = bytearray()
    while piece := file.read(min(size - len(data), _PIECE)):
        data += piece
    return data


def parse_json(raw: bytes) -> Any:
    """Return the value of a JSON text in UTF-8; it takes up to 40 times as much memory.

    Raises
    ------
    ValueError
        If it is none, or has what JSON has not, NaN and infinity, or half of a character, or more
        levels or digits than Python takes.
    """
    try:
        value = json.loads(raw.decode())
        # Python reads more than it should; what it would not write is not JSON.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError:
        raise ValueError("too many levels") from None
    return value


def one_line(text: str) -> str:
    """Return a text as a line that can be shown and is not long."""
    return "".join(c if c.isprintable() else " " for c in text[:_LONGEST_LINE])
