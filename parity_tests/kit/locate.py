"""The line of somebody's code that computed a quantity, found by watching it run."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.verdicts import Line
from parity_tests.kit.watching import Judge, Watcher, found_by

Array = NDArray[Any]


# How far entries that are one number may be apart, where a step shows them.
_EVEN = 1e-6
# Lines of which numbers are kept.
_MOST = 200
Runs = Sequence[tuple[Callable[[], object], Array]]


def locate(
    action: Callable[[], object],
    wanted: Array,
    *,
    alone: bool = False,
    given: Sequence[Array] = (),
    behind: Array | None = None,
    sources: Sequence[Array] = (),
) -> Line | None:
    """Return the first line after which an array is there that is a multiple of the one wanted.

    Parameters
    ----------
    action : callable
        Runs the code.
    wanted : ndarray
        What is looked for, among local variables and attributes of ``self``; of any layout. Of
        one number everywhere a multiple says nothing: it has to be that number.
    alone : bool, default False
        Whether no other line may make one: where the cause is not known, either may be wrong.
    given : sequence of ndarray
        What is there from the start, as parameters are: of one output, a sum of what is carried
        back is a multiple of its matrix.
    behind : ndarray, optional
        What has to be there before: of a backward pass, the gradient above. What is made in the
        forward pass, as a mask of dropout, is none of its derivatives.
    sources : sequence of ndarray, optional
        What it has to be made of. A function to which none of them has come is given what is wrong
        already.

    Returns
    -------
    Line or None
        None if it is never there, if it is zero, if it has one entry (see `locate_number`), or if
        it is made of something else.
    """
    if wanted.size == 1 or not np.isfinite(wanted).all() or not np.any(wanted):
        return None
    watcher = Watcher(_even(wanted) if is_one_number(wanted) else multiple_of(wanted, given))
    watcher.begins = None if behind is None else multiple_of(behind, given)
    watcher.sources = [multiple_of(own, given) for own in sources]
    found = found_by(watcher, action, 2 if alone else 1)
    return found[0] if len(found) == 1 and not watcher.is_of_others else None


def is_one_number(wanted: Array) -> bool:
    """Whether all entries are the same."""
    return bool(wanted.size == 1 or not np.ptp(wanted) > _EVEN * np.abs(wanted).max())


def locate_number(runs: Runs, *, alone: bool = False) -> Line | None:
    """Return the first line that makes what is wanted of every run, where that is one number.

    Any number is a multiple of any other, and many are the same by chance. So what is found has to
    be in the same proportion to what is wanted in all runs, which are asked for different numbers.

    Parameters
    ----------
    runs : sequence of (action, wanted)
        What runs the code, as with two batches, and an array of one number that is looked for. It
        may stand alone.
    alone : bool, default False
        Whether no other line may make one.

    Returns
    -------
    Line or None
        None if it is never there, if it is zero, or if all runs are asked for the same number.
    """
    numbers = [float(wanted.flat[0]) for _, wanted in runs]
    apart = _EVEN * max(map(abs, numbers))
    if not np.isfinite(numbers).all() or not all(numbers) or np.ptp(numbers) <= apart:
        return None
    shares: list[dict[Line, list[float]]] = []
    for (action, wanted), number in zip(runs, numbers, strict=True):
        watcher = Watcher(_number(wanted.size))
        found_by(watcher, action, _MOST)
        own: dict[Line, list[float]] = {}
        for line, seen in watcher.made:
            own.setdefault(line, []).append(seen / number)
        shares.append(own)
    first, *others = shares
    found = [
        line
        for line, own in first.items()
        if any(all(_is_among(share, of.get(line, ())) for of in others) for share in own)
    ]
    return found[0] if found and not (alone and len(found) > 1) else None


def _is_among(share: float, shares: Sequence[float]) -> bool:
    return any(abs(share - other) <= _EVEN * abs(share) for other in shares)


def multiple_of(wanted: Array, given: Sequence[Array]) -> Judge:
    """Look for multiples of an array, of any layout, that are none of some that are given."""
    known = [np.ravel(way) for own in given if own.size == wanted.size for way in (own, own.T)]
    forms = [np.ravel(wanted)]
    if wanted.ndim == 2 and 1 not in wanted.shape:
        forms.append(np.ravel(wanted.T))
    length = float(np.linalg.norm(wanted))

    def judge(value: Any) -> float | None:
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            return None
        if value.size != wanted.size:
            return None
        flat = value.ravel().astype(np.float64)
        size = float(np.linalg.norm(flat))
        if not size or not np.isfinite(size):
            return None
        cosines = (abs(float(flat @ form)) / (size * length) for form in forms)
        if not any(abs(cosine - 1) < 1e-10 for cosine in cosines):
            return None
        return None if any(np.array_equal(flat, own) for own in known) else 1.0

    return judge


def _even(wanted: Array) -> Judge:
    """Look for arrays that are one number everywhere, as of a mask that is always true."""
    number, judge_number = wanted.flat[0], _number(wanted.size)

    def judge(value: Any) -> float | None:
        is_as_large = isinstance(value, np.ndarray) and value.size == wanted.size
        found = judge_number(value) if is_as_large else None
        return None if found is None or abs(found - number) > _EVEN * abs(number) else found

    return judge


def _number(size: int) -> Judge:
    """Look for numbers, alone or in every entry of an array of some size."""

    def judge(value: Any) -> float | None:
        if not isinstance(value, np.ndarray | np.floating) or value.dtype.kind not in "fb":
            return None
        if value.size not in (1, size):
            return None
        entries = np.asarray(value, np.float64).ravel()
        is_told = np.isfinite(entries).all() and entries[0] and is_one_number(entries)
        return float(entries[0]) if is_told else None

    return judge
