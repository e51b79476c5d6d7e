"""Damage that formats have in common: to bytes, and to JSON."""

import json
import re
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

# Where lengths, counts and shapes go wrong.
SIZES = (0, 1, 2, 63, 64, 65, 255, 2**15, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 1)

# Text in place of a value, some of which is no JSON.
_NESTED = tuple("[" * depth + "]" * depth for depth in (2, 900, 1100, 100_000))
_OBJECTS = tuple('{"a":' * depth + "1" + "}" * depth for depth in (900, 100_000))
_BLOCKS = tuple(
    '{"type":"Residual","layers":[' * depth + '{"type":"ReLU"}' + "]}" * depth
    for depth in (2, 16, 17, 18, 300, 30_000)
)
_MANY = tuple("[" + ",".join([text] * 10_000) + "]" for text in ("{}", '{"type":"ReLU"}', "1"))
_NUMBERS = (
    *map(str, (0, -1, 1, 2, 64, 2**31, 2**63, 2**64, 10**18, 10**30, -(10**30))),
    *("1" + "0" * zeros for zeros in (400, 4000, 5000)),
    *("-0", "0.5", "1.0", "-1.5", "1e-400", "1e308", "1e400", "-1e400", "NaN", "Infinity"),
)
_TEXTS = ('""', '"x"', '"\\ud800"', '"\\u0000"', '"\\n"', '"' + "x" * 5000 + '"', '"float64"')
_OTHERS = ("null", "true", "false", "[]", "{}", "[1]", "[1,1]", "[" + "1," * 69 + "1]", "[[1]]")
HOSTILE = _NUMBERS + _TEXTS + _OTHERS + _NESTED + _OBJECTS + _BLOCKS + _MANY

_RARE = frozenset(text for text in HOSTILE if len(text) > 10_000)


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """Draw one of some things."""
    return choices[int(rng.integers(len(choices)))]


def hostile(rng: np.random.Generator) -> str:
    """Draw a text to stand in the place of a JSON value; long ones more rarely."""
    text = pick(rng, HOSTILE)
    return pick(rng, HOSTILE) if text in _RARE and rng.random() < 0.9 else text


def damage_bytes(rng: np.random.Generator, data: bytes) -> bytes:
    """Change a few bytes, cut, repeat or lengthen."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(changed) + 1))
        span = int(rng.integers(1, 9))
        way = int(rng.integers(7))
        if way == 0 and at < len(changed):
            changed[at] ^= 1 << int(rng.integers(8))
        elif way == 1 and at < len(changed):
            changed[at] = pick(rng, (0, 1, 0x7F, 0x80, 0xFF))
        elif way == 2:
            order = pick(rng, ("little", "big"))
            width = pick(rng, (2, 4, 8))
            changed[at : at + width] = pick(rng, SIZES).to_bytes(8, order)[-width:]
        elif way == 3:
            del changed[at : at + span]
        elif way == 4:
            changed[at:at] = rng.bytes(span)
        elif way == 5:
            changed[at:at] = changed[at : at + 8 * span]
        else:
            del changed[at:]
    return bytes(changed)


def damage_json(rng: np.random.Generator, value: Any) -> bytes:
    """Return a value as JSON, with a few of its parts replaced, left out, renamed or repeated."""
    tree = json.loads(json.dumps(value))
    texts: list[str] = []

    def hole() -> str:
        texts.append(hostile(rng))
        return f"@{len(texts) - 1}@"

    for _ in range(int(rng.integers(1, 4))):
        places = list(_places(tree))
        if not places:
            break
        parent, key = pick(rng, places)
        way = rng.random()
        if way < 0.65:
            parent[key] = hole()
        elif way < 0.75:
            del parent[key]
        elif way < 0.85:
            _, other = pick(rng, places)
            if isinstance(parent, dict):
                parent[other if isinstance(other, str) else hole()] = hole()
            else:
                parent.insert(key, hole())
        else:
            donor, other = pick(rng, places)
            parent[key] = json.loads(json.dumps(donor[other]))
    text = json.dumps(tree)
    # A key stays a string, whatever is put in.
    text = re.sub(r'"@(\d+)@":', lambda match: json.dumps(texts[int(match[1])]) + ":", text)
    text = re.sub(r'"@(\d+)@"', lambda match: texts[int(match[1])], text)
    return _encoded(rng, text)


def _encoded(rng: np.random.Generator, text: str) -> bytes:
    way = int(rng.integers(40))
    if way == 0:
        return text.encode("utf-16")
    if way == 1:
        return b"\xef\xbb\xbf" + text.encode()
    if way == 2:
        return text.replace('"', '"\xff', 1).encode("latin-1")
    if way == 3:
        return text.encode() + b" {}"
    if way == 4:
        return text[: int(rng.integers(len(text)))].encode()
    # A key twice, the second time with another value.
    return (text[:-1] + ', "layers": []}' if way == 5 else text).encode()


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Return all (container, key or index) of a tree."""
    found: list[tuple[Any, Any]] = []
    inside = [tree]
    while inside:
        parent = inside.pop()
        keys = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
        for key in keys:
            found.append((parent, key))
            if isinstance(parent[key], dict | list):
                inside.append(parent[key])
    return found
