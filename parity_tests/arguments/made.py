"""Arrays made by hypothesis: any shape, any type of numbers, any order in memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from parity_tests.arguments.trying import ARRAYS, Argument, Entry, Outcome, tried
from parity_tests.arguments.values import ORDERS, Array, Try

DTYPES = ("f4", "f8", "f2", "g", ">f4", ">f8", "i1", "i8", ">i4", "u1", "u8", "?", "c8", "c16",
          "M8[s]", "m8[s]", "S3", "U3")  # fmt: skip


@st.composite
def arrays(draw: st.DrawFn, usual: Array) -> Array:
    """Draw an array: of the usual shape, or near it, or of any other."""
    near = [(*usual.shape[:-1], n) for n in (0, 1, 2)] + [(n, *usual.shape[1:]) for n in (0, 1, 2)]
    shapes = st.one_of(
        st.just(usual.shape),
        st.sampled_from(near if usual.ndim else [(1,)]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    )
    dtypes = st.one_of(st.just(usual.dtype.str), st.sampled_from(DTYPES))
    dtype = np.dtype(draw(dtypes))
    array = draw(hnp.arrays(dtype, draw(shapes)))
    if array.ndim and dtype.kind in "fiubc":
        array = ORDERS[draw(st.sampled_from(sorted(ORDERS.keys() - {"big-endian"})))](array)
    return array


def made_tries(entry: Entry, examples: int) -> Iterator[Outcome]:
    """Yield what becomes of arrays that hypothesis makes, so many for each argument.

    The same ones every time: nothing is drawn by chance.
    """
    for name, argument in entry.arguments.items():
        if argument.kind in ARRAYS:
            yield from _made(entry, name, argument, examples)


def _made(entry: Entry, name: str, argument: Argument, examples: int) -> list[Outcome]:
    outcomes: list[Outcome] = []
    usual = np.asarray(argument.make())

    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(arrays(usual))
    def attempt(array: Array) -> None:
        outcomes.append(tried(entry, name, _try(argument, array, usual)))

    attempt()
    return outcomes


def _try(argument: Argument, array: Array, usual: Array) -> Try:
    kinds = {"floats": "f", "labels": "iu", "numbers": "fiub"}[argument.kind]
    fits: Any = argument.fits or (lambda shape: shape == usual.shape)
    name = f"{array.dtype} of shape {array.shape}"
    if array.dtype.kind not in kinds and not argument.taken:
        expect = "refused"
    else:
        expect = "refused" if fits(array.shape) is False else "clean"
    return Try("made", name, lambda: array, expect)
