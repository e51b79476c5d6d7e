"""The error function, against decimal arithmetic and beside PyTorch's."""

from collections.abc import Iterator
from decimal import Decimal, localcontext
from functools import partial
from typing import Any

import numpy as np
import torch

from numpy_impl.activations.erf import _nodes, erf
from parity_tests.checks.check import FLOAT32, FLOAT64, Array, Check
from parity_tests.checks.statistics import rarely_farther

# Units in the last place. A correct rounding is within half a unit, and in float32 it is one but
# for the rounding to float64 before.
_WORST = {FLOAT64: 0.66, FLOAT32: 0.5001}
_POINTS = 150


def checks(seed: int) -> Iterator[Check]:
    """Yield the checks of accuracy, of the table, and of special values."""
    for dtype in (FLOAT64, FLOAT32):
        yield Check(f"erf/units/{dtype}", partial(check_accuracy, dtype, seed))
    yield Check("erf/nodes", check_nodes)
    yield Check("erf/special", check_special)


def check_accuracy(dtype: np.dtype[Any], seed: int) -> None:
    """No entry is off by more than the docstring says, and PyTorch's are not more often closer."""
    rng = np.random.default_rng(seed)
    near, far = rng.uniform(-1.1, 1.1, _POINTS), rng.uniform(-6.5, 6.5, _POINTS)
    tiny = 10.0 ** rng.uniform(-30, 0, _POINTS) * rng.choice([-1, 1], _POINTS)
    x = np.concatenate([near, far, tiny]).astype(dtype)
    truth = [_exact(float(value)) for value in x]
    ours = _units(erf(x).astype(dtype), truth, dtype)
    theirs = _units(torch.erf(torch.from_numpy(x)).numpy(), truth, dtype)
    worst = int(ours.argmax())
    assert ours[worst] <= _WORST[dtype], f"erf({x[worst]!r}) is off by {ours[worst]:.3f} units"
    rarely_farther("erf", (ours - theirs).tolist())


def check_nodes() -> None:
    """The table of the nodes, made anew, has twice the digits of float64."""
    high, low, slopes = _nodes.__wrapped__()
    with localcontext() as context:
        context.prec = 40
        for place in range(0, len(high), 8):
            x = Decimal(place) / 32
            value = Decimal(float(high[place])) + Decimal(float(low[place]))
            # What is left beyond both numbers is at most half a unit of the second one.
            assert abs(value - _exact(float(x))) <= Decimal("1e-32"), f"erf({x}) is {value}"
            slope = float(2 * (-x * x).exp() / _PI.sqrt())
            assert slopes[place] == slope, f"the slope at {x} is {slopes[place]}"


def check_special() -> None:
    """Zeros of both signs, infinities, NaN, subnormal numbers, any shape."""
    x = np.array([[0.0, -0.0, np.inf], [-np.inf, np.nan, 5e-324]])
    np.testing.assert_array_equal(erf(x), torch.erf(torch.from_numpy(x)).numpy())
    assert np.signbit(erf(x)).tolist() == np.signbit(x).tolist()
    assert erf(np.zeros((3, 0))).shape == (3, 0)
    assert erf(np.float32(0.5) * np.ones(())).dtype == FLOAT64


def _units(values: Array, truth: list[Decimal], dtype: np.dtype[Any]) -> Array:
    """Return the distances in units in the last place of the truth."""
    last = np.spacing(np.abs(np.array([float(t) for t in truth])).astype(dtype))
    off = [float(abs(Decimal(float(v)) - t)) for v, t in zip(values, truth, strict=True)]
    return np.array(off) / last.astype(np.float64)


def _exact(x: float) -> Decimal:
    """Return erf(x) by a series of positive terms, which does not cancel.

    It is 2 x exp(-x^2) / sqrt(pi) times the sum of 2^k x^2k / (2k + 1)!!.
    """
    with localcontext() as context:
        context.prec = 40
        value = Decimal(x)
        term, total, k = Decimal(1), Decimal(0), 0
        while term > total * Decimal("1e-38"):
            total += term
            k += 1
            term *= 2 * value * value / (2 * k + 1)
        return 2 * value * (-value * value).exp() * total / _PI.sqrt()


_PI = Decimal("3.1415926535897932384626433832795028841971693993751")
