"""Initial weights: the distributions of PyTorch, what is exact about them, and one seed for all.

A distribution is held against draws of PyTorch's function, by bounds that equals exceed less than
once in 1e9 comparisons: a thousand seeds give no false alarm.
"""

import inspect
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

import numpy_impl as ours
from numpy_impl import initializers
from parity_tests.cases.initializers import INITIALIZERS, InitializerCase
from parity_tests.cases.refusal import Refusal
from parity_tests.checks.check import Array, Check
from parity_tests.checks.raising import refused
from parity_tests.checks.refusals import beside_pytorch
from parity_tests.measures import Comparison, compare_float64

CASES = INITIALIZERS

SHAPE = (307, 499)
"""Of a weight whose distribution is looked at: 150,000 entries, fan-in and fan-out far apart."""

SHAPES = ((11, 13), (13, 11), (7, 7), (1, 5), (5, 1))
"""Of weights that are looked at entry by entry."""

_RARELY = 1e-9

Arguments = Mapping[str, Any]


def checks(seed: int) -> Iterator[Check]:
    """Yield the checks of every case in `INITIALIZERS`, and those of default weights and gains."""
    for case in INITIALIZERS:
        name = case.operation.__name__
        for variant, arguments in case.variants.items():
            given = case, arguments, seed
            # The entries of an orthogonal matrix are not independent; see `check_rotation`.
            if case.random and name != "orthogonal_":
                yield Check(f"init/{name}/{variant}/draws", partial(check_draws, *given))
            elif not case.random:
                yield Check(f"init/{name}/{variant}/equal", partial(check_equal, *given))
            if name in EXACT:
                check = partial(EXACT[name], arguments, seed)
                yield Check(f"init-exact/{name}/{variant}", check)
            yield Check(f"init-memory/{name}/{variant}", partial(check_memory, *given))
        for number, refusal in enumerate(case.refusals):
            check = partial(check_refusal, case, refusal)
            yield Check(f"refusal/{name}/{refusal.name}-{number}", check)
        if case.random:
            yield Check(f"refusal/{name}/rng", partial(check_rng, case))
    yield Check("init/orthogonal_/default/rotation", partial(check_rotation, seed))
    yield Check("init/trunc_normal_/far/draws", partial(check_far_tail, seed))
    for parameter in ("weight", "bias"):
        check = partial(check_linear, parameter, seed)
        yield Check(f"init/Linear/{parameter}/draws", check)
    for nonlinearity in GAINS:
        check = partial(check_gain, nonlinearity)
        yield Check(f"init-gain/calculate_gain/{nonlinearity}", check)
    yield Check("refusal/calculate_gain/nonlinearity", check_gain_refusals)


def fill(case: InitializerCase, tensor: Array, arguments: Arguments, rng: Any) -> Array:
    """Fill an array with our function, as it is now in its module."""
    function = getattr(initializers, case.operation.__name__)
    result: Array = function(tensor, **arguments, **({"rng": rng} if case.random else {}))
    return result


def their_fill(case: InitializerCase, shape: Any, arguments: Arguments, seed: int) -> Array:
    """Return an array filled by PyTorch's function."""
    return _their_fill(case, torch.zeros(shape, dtype=torch.float64), arguments, seed)


def _their_fill(case: InitializerCase, tensor: Any, arguments: Arguments, seed: int) -> Array:
    name, further = case.twin or (case.operation.__name__, {})
    function = getattr(torch.nn.init, name)
    options: dict[str, Any] = {**arguments, **further}
    if "generator" in inspect.signature(function).parameters:
        options["generator"] = torch.Generator().manual_seed(seed)
    if name == "sparse_":  # it takes the places of the zeros from the global generator
        state = torch.random.get_rng_state()
        torch.manual_seed(seed)
    with warnings.catch_warnings(action="ignore"):  # of distributions cut far out
        result: Array = function(tensor, **options).numpy()
    if name == "sparse_":
        torch.random.set_rng_state(state)
    return result


# Two samples of one distribution.


def same_distribution(name: str, mine: Array, theirs: Array, *, uniform: bool = False) -> None:
    """Raise AssertionError unless two samples can be of one distribution.

    Compared are the distribution functions (Kolmogorov and Smirnov), the means of the first four
    powers and, of uniform distributions, the ends.

    Parameters
    ----------
    name : str
        What is compared.
    mine, theirs : ndarray
        Samples of independent numbers.
    uniform : bool, optional
        Whether the numbers fill an interval evenly.
    """
    mine, theirs = np.sort(mine, axis=None), np.sort(theirs, axis=None)
    places = np.concatenate([mine, theirs])
    shares = [
        np.searchsorted(sample, places, side="right") / sample.size for sample in (mine, theirs)
    ]
    distance = np.abs(shares[0] - shares[1]).max()
    # P(D > d) is about 2 exp(-2 d^2 n m / (n + m)), and less where values are equal.
    effective = mine.size * theirs.size / (mine.size + theirs.size)
    limit = math.sqrt(math.log(2 / _RARELY) / (2 * effective))
    assert distance <= limit, (
        f"{name}: distribution functions {distance:.3g} apart, over {limit:.3g}"
    )

    # A mean of so many draws is normal; that is beyond 6.5 standard errors once in 1e10.
    center, scale = theirs.mean(), theirs.std() or 1.0
    standard = [(sample - center) / scale for sample in (mine, theirs)]
    raised = [np.ones_like(sample) for sample in standard]
    for power in (1, 2, 3, 4):
        raised = [values * sample for values, sample in zip(raised, standard, strict=True)]
        # The third of a constant and other such means have no error but rounding.
        error = math.sqrt(sum(values.var() / values.size for values in raised))
        apart = abs(raised[0].mean() - raised[1].mean())
        assert apart <= 6.5 * error + 1e-12, (
            f"{name}: mean of power {power} {apart / error:.3g} off"
        )

    if uniform:
        # The outermost of n draws is more than 25 n-ths from the end once in e^25.
        allowed = 25 * (theirs[-1] - theirs[0]) / min(mine.size, theirs.size)
        for end in (0, -1):
            apart = abs(mine[end] - theirs[end])
            assert apart <= allowed, f"{name}: ends {apart:.3g} apart, over {allowed:.3g}"


def check_draws(case: InitializerCase, arguments: Arguments, seed: int) -> None:
    """The entries of a large weight are distributed as PyTorch's."""
    mine = fill(case, np.zeros(SHAPE), arguments, np.random.default_rng(seed))
    theirs = their_fill(case, SHAPE, arguments, seed)
    same_distribution(case.operation.__name__, mine, theirs, uniform=case.uniform)
    # Independent ones: no row or column repeats another.
    if mine.std() > 0:
        for axis in (0, 1):
            spread = mine.mean(axis=axis).std() / (mine.std() / math.sqrt(SHAPE[axis]))
            # Of about n normal means; the standard deviation is within 6.5 / sqrt(2 n) of 1.
            deviation = 6.5 / math.sqrt(2 * SHAPE[1 - axis])
            assert abs(spread - 1) <= deviation + 1 / SHAPE[axis], f"axis {axis}: {spread:.3g}"


def check_far_tail(seed: int) -> None:
    """Cut where PyTorch's function gives up, the draws are those of the exponential limit."""
    # For z >= c with c large, c (z - c) is exponential up to terms of 1 / c^2.
    far = 1e5
    rng = np.random.default_rng(seed)
    for sign in (1.0, -1.0):
        ends = (3.0 + sign * 2 * far, sign * math.inf)
        a, b = min(ends), max(ends)
        values = initializers.trunc_normal_(np.zeros(20_000), 3.0, 2.0, a, b, rng=rng)
        assert ((a <= values) & (values <= b)).all()
        beyond = (sign * (values - 3.0) / 2 - far) * far
        same_distribution("tail", beyond, np.random.default_rng(seed + 1).exponential(size=20_000))
    everything = initializers.trunc_normal_(np.zeros(20_000), a=-math.inf, b=math.inf, rng=rng)
    same_distribution("uncut", everything, rng.standard_normal(20_000))


def check_rotation(seed: int) -> None:
    """Over many draws, entries, traces and determinants are distributed as PyTorch's."""
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    for shape in ((3, 3), (2, 5)):
        zeros = torch.zeros(shape, dtype=torch.float64)
        draw = partial(torch.nn.init.orthogonal_, generator=generator)
        theirs = np.array([draw(zeros.clone()).numpy() for _ in range(250)])
        mine = np.array(
            [initializers.orthogonal_(np.zeros(shape), rng=rng) for _ in range(len(theirs))]
        )
        figures: dict[str, Callable[[Array], Array]] = {
            "first entry": lambda q: q[:, 0, 0],
            "last entry": lambda q: q[:, -1, -1],
            "entry beside": lambda q: q[:, 0, 1],
            "trace": lambda q: np.trace(q, axis1=1, axis2=2),
        }
        if shape[0] == shape[1]:
            figures["determinant"] = np.linalg.det
        for name, figure in figures.items():
            same_distribution(f"{name} of {shape}", figure(mine), figure(theirs))


def check_equal(case: InitializerCase, arguments: Arguments, seed: int) -> None:
    """Where nothing is drawn, the entries are PyTorch's."""
    for shape in SHAPES:
        mine = fill(case, np.full(shape, 9.0), arguments, None)
        np.testing.assert_array_equal(mine, their_fill(case, shape, arguments, seed))


# What is exact about some.


def check_orthogonal(arguments: Arguments, seed: int) -> Iterator[Comparison]:
    """Rows or columns, whichever are fewer, are orthogonal and of the length asked for."""
    rng = np.random.default_rng(seed)
    gain = arguments.get("gain", 1.0)
    for rows, columns in (*SHAPES, (101, 37)):
        q = initializers.orthogonal_(np.zeros((rows, columns)), rng=rng, **arguments)
        few = q.T @ q if rows >= columns else q @ q.T
        expected = gain**2 * np.eye(len(few))
        condition = np.full_like(expected, gain**2)
        # Q is off by a few roundings for each of its columns, and so are the products.
        yield compare_float64(f"{rows} x {columns}", few, expected, condition, max(rows, columns))


def check_sparse(arguments: Arguments, seed: int) -> None:
    """Every column has the same number of zeros, that of PyTorch, at places of its own."""
    rng = np.random.default_rng(seed)
    sparsity = arguments["sparsity"]
    for shape in (*SHAPES, (30, 2003)):
        mine = initializers.sparse_(np.zeros(shape), rng=rng, **arguments)
        theirs = their_fill(_SPARSE, shape, arguments, seed)
        zeros, expected = (mine == 0).sum(axis=0), (theirs == 0).sum(axis=0)
        np.testing.assert_array_equal(zeros, expected)
    # The last shape: how often a row is zero is binomial.
    share = expected[0] / shape[0]
    error = math.sqrt(share * (1 - share) / shape[1])
    rows = (mine == 0).mean(axis=1)
    assert np.abs(rows - share).max() <= 6.5 * error, f"sparsity {sparsity}: rows {rows}"


_SPARSE = next(case for case in INITIALIZERS if case.operation is initializers.sparse_)


def check_cuts(arguments: Arguments, seed: int) -> None:
    """No entry is outside, in either precision, with the bounds rounded to it."""
    low, high = arguments.get("a", -2.0), arguments.get("b", 2.0)
    for dtype in (np.float32, np.float64):
        rng = np.random.default_rng(seed)
        values = initializers.trunc_normal_(np.zeros(20_001, dtype), rng=rng, **arguments)
        assert values.min() >= dtype(low)
        assert values.max() <= dtype(high)


EXACT: Mapping[str, Callable[..., Any]] = {
    "orthogonal_": check_orthogonal,
    "sparse_": check_sparse,
    "trunc_normal_": check_cuts,
}


# What all of them promise.


def check_memory(case: InitializerCase, arguments: Arguments, seed: int) -> None:
    """The array itself is filled, all of it and nothing beside; one seed, the same everywhere."""
    for shape in (*SHAPES, (0, 5), (5, 0)):
        double = np.full(shape, np.nan)
        result = fill(case, double, arguments, np.random.default_rng(seed))
        assert result is double
        assert np.isfinite(double).all()
        again = fill(case, np.zeros(shape), arguments, np.random.default_rng(seed))
        np.testing.assert_array_equal(again, double)
        single = fill(case, np.zeros(shape, np.float32), arguments, np.random.default_rng(seed))
        np.testing.assert_array_equal(single, double.astype(np.float32))
        assert single.dtype == np.float32
        columns = np.full(shape, np.nan, order="F")
        around = np.full([2 * size + 1 for size in shape], np.nan)
        for view in (columns, around[1::2, 1::2]):
            fill(case, view, arguments, np.random.default_rng(seed))
            np.testing.assert_array_equal(view, double)
        assert np.isnan(around).sum() == around.size - double.size
    if case.random and double.size:
        other = fill(case, np.zeros(shape), arguments, np.random.default_rng(seed + 1))
        assert (other != double).any() == (np.ptp(double) > 0)


def check_linear(parameter: str, seed: int) -> None:
    """A new layer is distributed as PyTorch's."""
    layer = ours.Linear(17, 5003, rng=np.random.default_rng(seed), dtype=np.float64)
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    twin = torch.nn.Linear(17, 5003, dtype=torch.float64)
    torch.random.set_rng_state(state)
    mine, theirs = getattr(layer, parameter).data, getattr(twin, parameter).detach().numpy()
    same_distribution(parameter, mine, theirs, uniform=True)
    assert mine.size == np.unique(mine).size


GAINS = ("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu")


def check_gain(nonlinearity: str) -> None:
    """Gains are PyTorch's."""
    for given in ((), (None,), (0.3,), (0,), (-2.5,)):
        theirs = torch.nn.init.calculate_gain(nonlinearity, *given)  # type: ignore[arg-type]
        assert initializers.calculate_gain(nonlinearity, *given) == theirs, given


def check_gain_refusals() -> None:
    """Other names and slopes that are no numbers are refused."""
    for given, name in ((("gelu",), "nonlinearity"), (("leaky_relu", True), "param")):
        refused(name, initializers.calculate_gain, *given)


def check_refusal(case: InitializerCase, refusal: Refusal) -> None:
    """Ours raises InputError for that argument and draws nothing; PyTorch raises, or takes it."""
    (tensor,) = refusal.inputs or (np.full((5, 3), 9.0),)
    arguments = {**next(iter(case.variants.values())), **refusal.arguments}
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    refused(refusal.name, fill, case, tensor, arguments, rng)
    assert rng.bit_generator.state == before
    if refusal.inputs is None:
        assert (tensor == 9.0).all()
    given = torch.from_numpy(tensor.copy()) if isinstance(tensor, np.ndarray) else tensor
    beside_pytorch(refusal, partial(_their_fill, case, given, arguments, 0))


def check_rng(case: InitializerCase) -> None:
    """A seed is no generator, and an array that cannot be written to is refused."""
    arguments = next(iter(case.variants.values()))
    frozen = np.zeros((5, 3))
    frozen.flags.writeable = False
    given = {"rng": (np.zeros((5, 3)), 0), "tensor": (frozen, np.random.default_rng(0))}
    for name, (tensor, rng) in given.items():
        refused(name, fill, case, tensor, arguments, rng)
