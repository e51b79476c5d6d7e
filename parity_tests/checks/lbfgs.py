"""L-BFGS: losses, evaluations and parameters over whole minimizations."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import partial
from typing import Any

import numpy as np
import torch

import numpy_impl as ours
from numpy_impl.optimizers.lbfgs import (
    Point,
    cubic_minimum,
    inverse_hessian,
    strong_wolfe,
    two_loops,
)
from numpy_impl.parameters import make_parameters
from parity_tests.cases.optimizers import OPTIMIZERS, OptimizerCase
from parity_tests.checks.check import FLOAT32, FLOAT64, Array, Check
from parity_tests.checks.raising import refused
from parity_tests.checks.statistics import rarely_farther_over
from torch_ref import arena_vector
from torch_ref.optimizers import state_from_torch, state_to_torch

_STEPS = 20
# How many starts next to the one compared show what rounding does: always, and in doubt.
_ASIDE, _MANY_ASIDE = 2, 32
# A spread above this, relative to the parameters, has met a decision that went the other way.
_COUNTED = 1e-9
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Problem:
    """A function to minimize.

    Attributes
    ----------
    shapes : dict of str to tuple of int
        Its parameters.
    start : callable
        From a generator to where to begin, as one vector in the order of the arena.
    loss : callable
        From the parameters to the value and its derivatives; the same here and in PyTorch, so that
        only the optimizers differ.
    """

    shapes: dict[str, tuple[int, ...]]
    start: Callable[[np.random.Generator], Array]
    loss: Callable[[Sequence[Array]], tuple[float, list[Array]]]


# A bowl that is 30 times as steep along one axis as along another, its axes askew.
_ROTATION, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((13, 13)))
_BOWL = _ROTATION * np.logspace(0, -1.5, 13) @ _ROTATION.T


def _bowl(x: Sequence[Array]) -> tuple[float, list[Array]]:
    slope = _BOWL.astype(x[0].dtype) @ x[0]
    return float(x[0] @ slope) / 2, [slope]


def _banana(x: Sequence[Array]) -> tuple[float, list[Array]]:
    a, b = x[0][:-1], x[0][1:]
    slope = np.zeros_like(x[0])
    slope[:-1] = -400 * a * (b - a**2) - 2 * (1 - a)
    slope[1:] += 200 * (b - a**2)
    return float((100 * (b - a**2) ** 2 + (1 - a) ** 2).sum()), [slope]


_X = np.random.default_rng(1).standard_normal((17, 3))
_Y = np.stack([np.sin(_X[:, 0] * _X[:, 1]), _X[:, 2] ** 2], axis=1)


def _network(x: Sequence[Array]) -> tuple[float, list[Array]]:
    w1, b1, w2, b2 = x
    inputs, targets = _X.astype(w1.dtype), _Y.astype(w1.dtype)
    hidden = np.tanh(inputs @ w1.T + b1)
    errors = hidden @ w2.T + b2 - targets
    back = 2 / errors.size * errors
    below = back @ w2 * (1 - hidden**2)
    slopes = [below.T @ inputs, below.sum(axis=0), back.T @ hidden, back.sum(axis=0)]
    return float((errors**2).mean()), slopes


PROBLEMS = {
    "quadratic": Problem({"x": (13,)}, lambda rng: rng.standard_normal(13), _bowl),
    "rosenbrock": Problem(
        {"x": (5,)},
        # In this valley, from some starts, a decision of the line search hangs on the last bit.
        lambda _rng: np.array([-1.2, 1.0, -0.5, 0.7, 2.0]),
        _banana,
    ),
    "network": Problem(
        {"w1": (5, 3), "b1": (5,), "w2": (2, 5), "b2": (2,)},
        lambda rng: 0.5 * rng.standard_normal(32),
        _network,
    ),
}


def _case() -> OptimizerCase:
    [case] = (case for case in OPTIMIZERS if case.operation is ours.LBFGS)
    return case


def checks(seed: int) -> Iterator[Check]:
    """Yield the checks of every form on every problem, and of the parts."""
    for variant in _case().variants:
        for problem in PROBLEMS:
            name = f"LBFGS/{variant}/{problem}"
            run = partial(check_minimization, variant, problem, seed)
            yield Check(f"optimizer/{name}", run)
        run = partial(check_handover, variant, seed)
        yield Check(f"handover/LBFGS/{variant}", run)
    for variant in ("default", "strong-wolfe"):
        yield Check(f"accuracy/LBFGS/{variant}", partial(check_accuracy, variant, seed))
    yield Check("formula/LBFGS/two-loops", partial(check_two_loops, seed))
    yield Check("formula/LBFGS/cubic", partial(check_cubic, seed))
    yield Check("formula/LBFGS/strong-wolfe", partial(check_line_search, seed))
    for search in (None, "strong_wolfe"):
        yield Check(f"looks/LBFGS/{search}", partial(check_looks, search, seed))
    yield Check("refusal/LBFGS/closure", check_closure)


class Pair:
    """One minimization, here and in PyTorch.

    Parameters
    ----------
    variant : str
        Of the optimizer.
    problem : Problem
        What is minimized.
    start : ndarray
        Where from.
    dtype : dtype
        Of both.
    """

    def __init__(
        self, variant: str, problem: Problem, start: Array, dtype: np.dtype[Any] = FLOAT64
    ) -> None:
        self.problem, self.changes = problem, _case().changes.get(variant, {})
        self.parameters = make_parameters(problem.shapes, dtype)
        self.arena = self.parameters[0].arena
        self.arena.values[:] = start
        self.optimizer = ours.LBFGS(self.parameters, **_case().variants[variant])
        self.tensors = [torch.nn.Parameter(torch.tensor(p.data.copy())) for p in self.parameters]
        self.stepper = torch.optim.LBFGS(self.tensors, **_case().variants[variant])

    def here(self, step: int) -> tuple[float, Array]:
        """Take a step in NumPy; return the loss before it and the parameters after."""
        self._change(self.optimizer, step)
        loss = self.optimizer.step(self._closure)
        return loss, self.arena.values.copy()

    def there(self, step: int) -> tuple[float, Array]:
        """Take a step in PyTorch; return the loss before it and the parameters after."""
        self._change(self.stepper, step)
        loss = self.stepper.step(self._torch_closure)  # type: ignore[arg-type]
        return float(loss), arena_vector(self.tensors)

    def _change(self, optimizer: Any, step: int) -> None:
        optimizer.param_groups[0].update(self.changes.get(step, {}))

    def _closure(self) -> float:
        loss, slopes = self.problem.loss([p.data for p in self.parameters])
        for parameter, slope in zip(self.parameters, slopes, strict=True):
            parameter.grad = slope
        return loss

    def _torch_closure(self) -> torch.Tensor:
        loss, slopes = self.problem.loss([tensor.detach().numpy() for tensor in self.tensors])
        for tensor, slope in zip(self.tensors, slopes, strict=True):
            tensor.grad = torch.tensor(np.ascontiguousarray(slope))
        return torch.tensor(loss, dtype=self.tensors[0].dtype)

    def counts_here(self) -> tuple[int, int]:
        """Return iterations and evaluations up to now, in NumPy."""
        [state] = self.optimizer.state_dict()["state"].values()
        return state["n_iter"], state["func_evals"]

    def counts_there(self) -> tuple[int, int]:
        """Return iterations and evaluations up to now, in PyTorch."""
        state = self.stepper.state[self.tensors[0]]
        return state.get("n_iter", 0), state["func_evals"]


def _neighbour(start: Array, rng: np.random.Generator) -> Array:
    """Return a start whose entries are next to those given, above or below."""
    return np.nextafter(start, np.where(rng.integers(0, 2, len(start)), np.inf, -np.inf))


def check_minimization(variant: str, problem: str, seed: int) -> None:
    """Losses and parameters are as near to PyTorch's as those from next to the same start.

    A minimization carries a rounding error on and may enlarge it many times over: by how much is
    seen in PyTorch itself, begun from starts that differ by a unit in the last place.
    """
    rng = np.random.default_rng(seed)
    start = PROBLEMS[problem].start(rng)
    make = partial(Pair, variant, PROBLEMS[problem])
    pair = make(start)
    spread = Spread(lambda: make(_neighbour(start, rng)), [])
    for step in range(_STEPS):
        here, there = pair.here(step), pair.there(step)
        spread.hold(here, there)
        size = np.abs(there[1]).max()
        if spread.widest[1] < _COUNTED * size:
            mine, counts = pair.counts_here(), pair.counts_there()
            assert mine == counts, f"step {step}: iterations and evaluations {mine}, {counts}"
        # Without a line search a step may go anywhere: then not a digit is left to compare.
        if spread.widest[1] > 0.1 * size:
            return


class Spread:
    """How far apart PyTorch comes from starts that are next to each other.

    Parameters
    ----------
    make : callable
        Returns a minimization from next to the start.
    theirs : list of (float, ndarray)
        Loss and parameters of the steps that were taken from the start itself.

    Attributes
    ----------
    widest : ndarray
        The largest distance of a loss and of a parameter up to now.
    """

    def __init__(self, make: Callable[[], Pair], theirs: list[tuple[float, Array]]) -> None:
        self._make, self._theirs = make, theirs
        self._others: list[tuple[Pair, int]] = []
        self.widest = np.zeros(2)

    def follow(self, number: int) -> None:
        """Let at least so many minimizations come as far as that from the start itself."""
        new = number - len(self._others)
        self._others += [(self._make(), 0) for _ in range(new)]
        for other, taken in self._others:
            for step in range(taken, len(self._theirs)):
                apart = _distances(other.there(step), self._theirs[step])
                self.widest = np.maximum(self.widest, apart)
        self._others = [(other, len(self._theirs)) for other, _ in self._others]

    def hold(self, here: tuple[float, Array], there: tuple[float, Array]) -> None:
        """Add a step from the start, and raise AssertionError if the two are too far apart.

        Parameters
        ----------
        here, there : tuple of (float, ndarray)
            Loss and parameters of the step in NumPy and in PyTorch.
        """
        self._theirs.append(there)
        self.follow(_ASIDE)
        apart = _distances(here, there)
        if (apart > self._limits()).any():
            # A decision that hangs on the last bit may have gone the same way for those few.
            self.follow(_MANY_ASIDE)
        limits, step = self._limits(), len(self._theirs) - 1
        assert apart[0] <= limits[0], f"loss of step {step}: {here[0]}, {there[0]}"
        assert apart[1] <= limits[1], f"step {step}: {apart[1]:.3g} > {limits[1]:.3g}"

    def _limits(self) -> Array:
        loss, values = self._theirs[-1]
        return 64 * self.widest + 64 * _EPS * np.array([abs(loss), np.abs(values).max()])


def _distances(one: tuple[float, Array], other: tuple[float, Array]) -> Array:
    return np.array([abs(one[0] - other[0]), np.abs(one[1] - other[1]).max()])


def check_handover(variant: str, seed: int) -> None:
    """A minimization begun here goes on in PyTorch, and the other way round."""
    problem, rng = PROBLEMS["network"], np.random.default_rng(seed)
    start = problem.start(rng)
    make = partial(Pair, variant, problem)

    def aside() -> Pair:
        return make(_neighbour(start, rng))

    pair = make(start)
    begun = [pair.here(step) for step in range(2)]
    over = make(pair.arena.values)
    over.stepper.load_state_dict(state_to_torch(pair.optimizer, over.stepper))
    _go_on_together(pair, over, Spread(aside, begun))

    pair = make(start)
    begun = [pair.there(step) for step in range(2)]
    over = make(begun[-1][1])
    over.optimizer.load_state_dict(state_from_torch(pair.stepper, over.optimizer))
    _go_on_together(over, pair, Spread(aside, begun))


def _go_on_together(here: Pair, there: Pair, spread: Spread) -> None:
    """Compare two more steps, by how far PyTorch comes from starts one rounding away."""
    for step in range(2, 4):
        spread.hold(here.here(step), there.there(step))
    if spread.widest[1] < _COUNTED:
        assert here.counts_here() == there.counts_there()


def check_accuracy(variant: str, seed: int) -> None:
    """In float32, NumPy's distance from the truth is not as a rule larger than PyTorch's."""
    problem = PROBLEMS["network"]

    def excess(draw: int) -> dict[str, float]:
        start = problem.start(np.random.default_rng([seed, draw])).astype(FLOAT32)
        pair, exact = Pair(variant, problem, start, FLOAT32), Pair(variant, problem, start)
        pair.optimizer.param_groups[0]["max_iter"] = 3
        for stepper in (pair.stepper, exact.stepper):
            stepper.param_groups[0]["max_iter"] = 3
        _, value = pair.here(0)
        _, theirs = pair.there(0)
        _, truth = exact.there(0)
        distances = [np.linalg.norm(v.astype(np.float64) - truth) for v in (value, theirs)]
        return {f"LBFGS, {variant}": float(distances[0] - distances[1])}

    rarely_farther_over(40, excess)


def check_two_loops(seed: int) -> None:
    """The direction without a matrix is the matrix times the gradient."""
    rng = np.random.default_rng(seed)
    for pairs in (1, 2, 5):
        steps = list(rng.standard_normal((pairs, 7)))
        hessian = rng.standard_normal((7, 7))
        changes = [(hessian @ hessian.T + np.eye(7)) @ step for step in steps]
        inverse = [float(1 / (s @ y)) for s, y in zip(steps, changes, strict=True)]
        grad = rng.standard_normal(7)
        expected = -inverse_hessian(steps, changes, 0.3) @ grad
        direction = two_loops(grad, steps, changes, inverse, 0.3)
        np.testing.assert_allclose(direction, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def check_cubic(seed: int) -> None:
    """The minimum of the cubic is where its slope is zero and grows, or the nearer bound.

    It is as near to that as it is from where it would be if the two points were rounded otherwise:
    near a cubic without a minimum, or for points next to each other, that is not very near.
    """
    rng = np.random.default_rng(seed)
    for _ in range(50):
        coefficients = rng.standard_normal(4)
        places = rng.uniform(-3, 3, 2)
        low, high = (float(place) for place in sorted(places))
        # The middle is taken if there is no minimum, and that may hang on the last bit.
        lowest = _lowest(coefficients)
        for bounds in (None, (low - 1.0, low - 0.5)):
            start, end = bounds or (low, high)
            expected = (start + end) / 2 if lowest is None else min(max(lowest, start), end)
            first, second = (_point(coefficients, t) for t in places)
            found = cubic_minimum(first, second, bounds)
            asides = [
                cubic_minimum(*(_point(coefficients, t, rng) for t in places), bounds)
                for _ in range(8)
            ]
            spread = max(abs(aside - found) for aside in asides)
            allowed = 8 * spread + 64 * _EPS * max(abs(start), abs(end))
            assert abs(found - expected) <= allowed, f"{found}, not {expected}: {coefficients}"


def _point(coefficients: Array, t: float, rng: np.random.Generator | None = None) -> Point:
    """Return a point of a cubic, rounded, or with a few more rounding errors drawn on top."""
    powers = coefficients * t ** np.arange(4)
    slopes = coefficients[1:] * np.arange(1, 4) * t ** np.arange(3)
    terms = np.array([powers.sum(), slopes.sum()])
    if rng is not None:
        sizes = np.array([np.abs(powers).sum(), np.abs(slopes).sum()])
        terms += rng.uniform(-2, 2, 2) * _EPS * sizes
    return Point(t, float(terms[0]), np.empty(0), float(terms[1]))


def _lowest(coefficients: Array) -> float | None:
    r"""Return where a cubic has its minimum, in 50 digits; None if it has none.

    .. math:: 3 c_3 t^2 + 2 c_2 t + c_1 = 0 \quad \text{with} \quad 6 c_3 t + 2 c_2 > 0
    """
    with localcontext(prec=50):
        c1, c2, c3 = (Decimal(float(c)) for c in coefficients[1:])
        square = c2**2 - 3 * c1 * c3
        if square <= 0:
            return None
        # The slope grows by twice the root there.
        return float((square.sqrt() - c2) / (3 * c3))


def check_line_search(seed: int) -> None:
    """What is found fulfils the strong Wolfe conditions; what is counted was evaluated."""
    rng = np.random.default_rng(seed)
    for _ in range(30):
        centre, width, slope = rng.uniform(0.5, 20), rng.uniform(0.1, 5), rng.uniform(0, 0.2)
        calls: list[float] = []

        def objective(
            t: float,
            centre: float = centre,
            width: float = width,
            slope: float = slope,
            calls: list[float] = calls,
        ) -> tuple[float, Array]:
            calls.append(t)
            u = (t - centre) / width
            loss = float(np.log1p(u * u)) + slope * u
            return loss, np.array([(2 * u / (1 + u * u) + slope) / width])

        loss, grad = objective(0.0)
        start = Point(0.0, loss, grad, float(grad[0]))
        if start.slope >= 0:
            continue
        for t in (1e-3, 1.0, 100.0):
            calls.clear()
            found, count = strong_wolfe(objective, t, np.ones(1), start)
            assert count == len(calls) <= 26
            if count < 26:
                assert found.loss <= start.loss + 1e-4 * found.t * start.slope
                assert abs(found.slope) <= -0.9 * start.slope
            assert calls[0] == t


# What the losses and slopes of `Steps` are among: few, so that two often are the same, and those
# that the conditions are about, or a minimization ends at, to the last bit.
_LEVELS = (-1.0, -0.5, -0.25, 0.0, 0.0, 0.25, 0.5)
_SLOPES = (-1.0, -0.9, -0.5, -0.125, 0.0, 0.125, 0.5, 0.9, 1.0)
_DRAWS = 250


class Steps:
    """A loss of one number that jumps, and slopes that have nothing to do with it.

    A line search that looks somewhere else, once, goes its own way from there on.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws losses and slopes.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.levels, self.slopes = rng.choice(_LEVELS, 61), rng.choice(_SLOPES, 61)
        self.barely = rng.random(61) < 0.1
        self.width, self.scale = 10.0 ** rng.uniform(-2, 0.5), 2.0 ** rng.choice([-12, -1, 0, 8])
        self.first = float(rng.choice([-1.0, -0.5]))

    def __call__(self, x: float) -> tuple[float, float]:
        """Return loss and slope."""
        if x == 0:
            return 0.0, self.scale * self.first
        if not np.isfinite(x):
            return np.nan, np.nan
        cell = int(np.floor(x / self.width + 0.377)) % len(self.levels)
        # Just the decrease that is sufficient, from 0 in the direction of the slope there.
        enough = 1e-4 * (x / (self.scale * self.first)) * (self.scale * self.first) ** 2
        loss = enough if self.barely[cell] else self.scale * float(self.levels[cell])
        return loss, self.scale * float(self.slopes[cell])


def check_looks(search: str | None, seed: int) -> None:
    """The loss is computed where PyTorch computes it, on lines that no minimum can be found on."""
    rng = np.random.default_rng(seed)
    for draw in range(_DRAWS):
        steps = Steps(rng)
        options = {
            "lr": float(rng.choice([1e-10, 0.125, 1.0, 7.3])),
            "max_iter": int(rng.integers(1, 5)),
            "max_eval": int(rng.integers(1, 40)),
            "tolerance_grad": steps.scale * float(rng.choice([0, 0, 0, 0.125, 0.5, 1.0])),
            "tolerance_change": float(rng.choice([0, 0, 1e-9, steps.scale / 4, steps.scale**2])),
            "line_search_fn": search,
        }
        here, there = _looks_here(steps, options), _looks_there(steps, options)
        if _alike(here, there):
            continue
        # A decision that hangs on the last bits goes either way in PyTorch, too.
        asides = (
            _looks_there(steps, {**options, "lr": options["lr"] * (1 + ulps * _EPS)})
            for ulps in (-8, -5, -3, -2, -1, 1, 2, 3, 5, 8)
        )
        firm = all(_alike(aside, there) for aside in asides)
        assert not firm, f"draw {draw}: the loss is computed at {here}, by PyTorch at {there}"


def _alike(here: list[float], there: list[float]) -> bool:
    """Whether places are the same, but for the digits that are lost where numbers cancel."""
    close = 1e-12 * np.nanmax(np.abs(there))
    return len(here) == len(there) and np.allclose(here, there, 1e-6, close, equal_nan=True)


def _looks_here(steps: Steps, options: dict[str, Any]) -> list[float]:
    """Return where the loss is computed here, and last where the minimization ends."""
    [parameter] = make_parameters({"x": (1,)}, FLOAT64)
    looks = []

    def closure() -> float:
        looks.append(float(parameter.data[0]))
        loss, slope = steps(looks[-1])
        parameter.grad = np.array([slope])
        return loss

    ours.LBFGS([parameter], **options).step(closure)
    return [*looks, float(parameter.data[0])]


def _looks_there(steps: Steps, options: dict[str, Any]) -> list[float]:
    """Return where the loss is computed in PyTorch, and last where the minimization ends."""
    tensor = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    looks = []

    def closure() -> float:
        looks.append(tensor.item())
        loss, slope = steps(looks[-1])
        tensor.grad = torch.tensor([slope], dtype=torch.float64)
        return loss

    torch.optim.LBFGS([tensor], **options).step(closure)
    return [*looks, tensor.item()]


def check_closure() -> None:
    """A step without a function to minimize is refused, and so is more than one group."""
    parameters = make_parameters({"a": (3,), "b": (2,)}, FLOAT64)
    optimizer = ours.LBFGS(parameters[:1])
    refused("closure", optimizer.step)
    refused("params", optimizer.add_param_group, {"params": parameters[1:]})
    refused("params", ours.LBFGS, [{"params": [parameter]} for parameter in parameters])
