"""L-BFGS, with a line search for the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from numpy_impl.arrays import (
    FloatArray,
    as_float_array,
    check_choice,
    check_mapping,
    check_number,
    check_positive_int,
    check_shape,
    describe,
    in_words,
)
from numpy_impl.errors import InputError
from numpy_impl.optimizers.hyperparameters import check_numbers
from numpy_impl.optimizers.optimizer import Optimizer, Parameters
from numpy_impl.parameters import Parameter

Objective = Callable[[float], tuple[float, FloatArray]]
"""From a step length to the loss there and its gradient."""

# Below this curvature a pair of vectors is not remembered.
_LEAST_CURVATURE = 1e-10
_LINE_SEARCHES = (None, "strong_wolfe")


def inverse_hessian(
    steps: Sequence[FloatArray], changes: Sequence[FloatArray], scale: float
) -> FloatArray:
    r"""Return the matrix that L-BFGS multiplies gradients by, from its definition.

    .. math::
        H \leftarrow (I - \rho\, s y^T)\, H\, (I - \rho\, y s^T) + \rho\, s s^T,
        \qquad \rho = 1 / y^T s

    from the oldest pair to the newest, beginning with :math:`H = \gamma I`.

    Parameters
    ----------
    steps, changes : sequence of ndarray of shape (n,)
        s, the differences of parameters, and y, those of gradients.
    scale : float
        :math:`\gamma`.

    References
    ----------
    Nocedal and Wright (2006), Numerical Optimization, equation 7.16
    """
    identity = np.eye(len(steps[0]))
    matrix = scale * identity
    for s, y in zip(steps, changes, strict=True):
        rho = 1 / (y @ s)
        left = identity - rho * np.outer(s, y)
        matrix = left @ matrix @ left.T + rho * np.outer(s, s)
    return matrix


def two_loops(
    grad: FloatArray,
    steps: Sequence[FloatArray],
    changes: Sequence[FloatArray],
    inverse_curvatures: Sequence[float],
    scale: float,
) -> FloatArray:
    """Return ``-inverse_hessian(steps, changes, scale) @ grad`` without any matrix.

    References
    ----------
    Nocedal and Wright (2006), Numerical Optimization, algorithm 7.4
    """
    direction = -grad
    shares = []
    pairs = list(zip(steps, changes, inverse_curvatures, strict=True))
    for s, y, rho in reversed(pairs):
        shares.append(rho * float(s @ direction))
        direction -= shares[-1] * y
    direction *= scale
    for (s, y, rho), share in zip(pairs, reversed(shares), strict=True):
        direction += (share - rho * float(y @ direction)) * s
    return direction


class Point(NamedTuple):
    """A place on the line that is searched.

    Attributes
    ----------
    t : float
        Step length.
    loss : float
        The loss there.
    grad : ndarray
        Its gradient.
    slope : float
        Its derivative along the line.
    """

    t: float
    loss: float
    grad: FloatArray
    slope: float


def cubic_minimum(first: Point, second: Point, bounds: tuple[float, float] | None = None) -> float:
    r"""Return where the cubic through two points, with their slopes, is lowest.

    .. math::
        d_1 &= f_1' + f_2' - 3 \frac{f_1 - f_2}{t_1 - t_2}, \qquad
        d_2 = \sqrt{d_1^2 - f_1' f_2'} \\
        t &= t_2 - (t_2 - t_1) \frac{f_2' + d_2 - d_1}{f_2' - f_1' + 2 d_2}
        \qquad (t_1 \le t_2)

    Parameters
    ----------
    first, second : Point
        In either order.
    bounds : tuple of two floats, optional
        Between which the result is; by default the two points. Their middle is taken if the cubic
        has no minimum.

    References
    ----------
    Nocedal and Wright (2006), Numerical Optimization, equation 3.59
    """
    left, right = (first, second) if first.t <= second.t else (second, first)
    low, high = bounds or (left.t, right.t)
    # NumPy's numbers, which divide by zero without an error.
    t1, f1, slope1 = np.float64(left.t), np.float64(left.loss), np.float64(left.slope)
    t2, f2, slope2 = np.float64(right.t), np.float64(right.loss), np.float64(right.slope)
    with np.errstate(all="ignore"):
        d1 = slope1 + slope2 - 3 * (f1 - f2) / (t1 - t2)
        square = d1**2 - slope1 * slope2
        if not square >= 0:
            return (low + high) / 2
        d2 = np.sqrt(square)
        lowest = t2 - (t2 - t1) * ((slope2 + d2 - d1) / (slope2 - slope1 + 2 * d2))
    return min(max(float(lowest), low), high)


def strong_wolfe(
    objective: Objective,
    t: float,
    direction: FloatArray,
    start: Point,
    *,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance_change: float = 1e-9,
    max_ls: int = 25,
) -> tuple[Point, int]:
    r"""Search along a line for a point that fulfils the strong Wolfe conditions.

    .. math::
        f(t) \le f(0) + c_1 t f'(0), \qquad |f'(t)| \le c_2 |f'(0)|

    First the step is lengthened until such a point must lie behind; then what encloses it is
    narrowed by cubic interpolation.

    Parameters
    ----------
    objective : callable
        The loss and its gradient at a step length.
    t : float
        Where to look first.
    direction : ndarray
        Of the line.
    start : Point
        At 0.
    c1, c2 : float
        Of the conditions.
    tolerance_change : float
        Narrower than this, in any parameter, is not worth looking.
    max_ls : int
        Evaluations after the first one.

    Returns
    -------
    tuple of (Point, int)
        The best point, and the number of evaluations.

    References
    ----------
    Nocedal and Wright (2006), Numerical Optimization, algorithms 3.5 and 3.6
    """

    def look(t: float) -> Point:
        loss, grad = objective(t)
        return Point(t, loss, grad, float(grad @ direction))

    def decreases_enough(point: Point) -> bool:
        return not point.loss > start.loss + c1 * point.t * start.slope

    def is_flat_enough(point: Point) -> bool:
        return abs(point.slope) <= -c2 * start.slope

    length = float(np.abs(direction).max())
    previous, now = start, look(t)
    rounds = 0
    bracket: list[Point] | None = None
    while rounds < max_ls:
        rises = rounds > 1 and now.loss >= previous.loss
        if not decreases_enough(now) or rises:
            bracket = [previous, now]
            break
        if is_flat_enough(now):
            return now, rounds + 1
        if now.slope >= 0:
            bracket = [previous, now]
            break
        bounds = now.t + 0.01 * (now.t - previous.t), 10 * now.t
        previous, now = now, look(cubic_minimum(previous, now, bounds))
        rounds += 1
    if bracket is None:
        bracket = [start, now]

    # `low` is the index of the lower end, which every further point is compared with.
    low = 0 if bracket[0].loss <= bracket[1].loss else 1
    was_at_end = False
    while rounds < max_ls:
        left, right = sorted(point.t for point in bracket)
        if (right - left) * length < tolerance_change:
            break
        t = cubic_minimum(bracket[0], bracket[1])
        margin = 0.1 * (right - left)
        at_end = min(right - t, t - left) < margin
        if at_end and (was_at_end or t >= right or t <= left):
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            at_end = False
        was_at_end = at_end
        now = look(t)
        rounds += 1
        if not decreases_enough(now) or now.loss >= bracket[low].loss:
            bracket[1 - low] = now
            low = 0 if bracket[0].loss <= bracket[1].loss else 1
            continue
        if is_flat_enough(now):
            return now, rounds + 1
        if now.slope * (bracket[1 - low].t - bracket[low].t) >= 0:
            bracket[1 - low] = bracket[low]
        bracket[low] = now
    return bracket[low], rounds + 1


@dataclass
class _Memory:
    """The state, under PyTorch's names."""

    func_evals: int = 0
    n_iter: int = 0
    d: FloatArray | None = None
    t: float = 0.0
    old_dirs: list[FloatArray] = field(default_factory=list)
    old_stps: list[FloatArray] = field(default_factory=list)
    ro: list[float] = field(default_factory=list)
    H_diag: float = 1.0
    prev_flat_grad: FloatArray | None = None
    prev_loss: float = 0.0


_COUNTS, _NUMBERS = ("func_evals", "n_iter"), ("t", "H_diag", "prev_loss")
_VECTORS, _LISTS = ("d", "prev_flat_grad"), ("old_dirs", "old_stps")


class LBFGS(Optimizer):
    """A quasi-Newton method for gradients without noise: curvature from the last steps.

    The direction is `two_loops`, by definition `inverse_hessian` times the gradient. One group of
    parameters only. An entry's update depends on all others: several workers cannot divide it
    among themselves.

    Parameters
    ----------
    params : iterable of Parameter
        See `Optimizer`.
    lr : float, default 1
        Step length, or where the line search looks first; at least 0.
    max_iter : int, default 20
        Iterations in a step.
    max_eval : int, optional
        Evaluations of the loss in a step; by default 1.25 times `max_iter`.
    tolerance_grad : float, default 1e-7
        A step ends where no entry of the gradient is larger.
    tolerance_change : float, default 1e-9
        A step ends where parameters or loss change by less.
    history_size : int, default 100
        How many steps to remember.
    line_search_fn : str or None, default None
        ``"strong_wolfe"``, or None for steps of length `lr`.

    Raises
    ------
    InputError
        As `Optimizer`, and for more than one group.

    References
    ----------
    Liu and Nocedal (1989), On the limited memory BFGS method, doi:10.1007/BF01589116
    https://docs.pytorch.org/docs/stable/generated/torch.optim.LBFGS.html
    """

    elementwise = False

    def __init__(
        self,
        params: Parameters,
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if max_eval is None:
            max_eval = check_positive_int("max_iter", max_iter) * 5 // 4
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        self._memory = _Memory()

    def _check(self, group: Mapping[str, Any]) -> None:
        check_numbers(group, "lr", "tolerance_grad", "tolerance_change")
        for name in ("max_iter", "max_eval", "history_size"):
            check_positive_int(name, group[name])
        check_choice("line_search_fn", group["line_search_fn"], _LINE_SEARCHES)

    def _check_parameters(self, groups: Sequence[Mapping[str, Any]]) -> None:
        if len(groups) != 1:
            raise InputError("params", "one group of parameters", f"{len(groups)}")
        super()._check_parameters(groups)

    def _starts(self, group: Mapping[str, Any]) -> dict[str, float]:  # noqa: ARG002
        return {}

    def step(self, closure: Callable[[], float] | None = None) -> float:
        """Go up to `max_iter` iterations downhill.

        Parameters
        ----------
        closure : callable
            Computes the gradients at the parameters as they are, and returns the loss.

        Returns
        -------
        float
            The loss before the step.

        Raises
        ------
        InputError
            Without a closure.
        RuntimeError
            As `Optimizer.step`.
        """
        if not callable(closure):
            expected = "a function that computes loss and gradients"
            raise InputError("closure", expected, in_words(closure))
        [group] = self.param_groups
        self._check_arena(group)
        memory = self._memory
        first_loss = loss = float(closure())
        evaluations = 1
        memory.func_evals += 1
        grad = self._gradient()
        if _largest(grad) <= group["tolerance_grad"]:
            return first_loss

        for iteration in range(1, group["max_iter"] + 1):
            memory.n_iter += 1
            direction = memory.d = self._direction(grad, group["history_size"])
            memory.prev_flat_grad, memory.prev_loss = grad, loss
            memory.t = group["lr"]
            if memory.n_iter == 1:
                memory.t *= min(1.0, 1.0 / float(np.abs(grad).sum()))
            slope = float(grad @ direction)
            if slope > -group["tolerance_change"]:
                break

            start = self._values()
            if group["line_search_fn"] is not None:
                found, count = strong_wolfe(
                    partial(self._look, closure, start, direction),
                    memory.t,
                    direction,
                    Point(0.0, loss, grad, slope),
                    max_ls=group["max_eval"] - evaluations,
                )
                memory.t, loss, grad, _ = found
                self._move(start + memory.t * direction)
            else:
                self._move(start + memory.t * direction)
                count = 0
                if iteration < group["max_iter"]:
                    loss, grad, count = float(closure()), self._gradient(), 1
            evaluations += count
            memory.func_evals += count

            if (
                evaluations >= group["max_eval"]
                or _largest(grad) <= group["tolerance_grad"]
                or _largest(direction) * memory.t <= group["tolerance_change"]
                or abs(loss - memory.prev_loss) < group["tolerance_change"]
            ):
                break
        return first_loss

    def _look(
        self, closure: Callable[[], float], start: FloatArray, direction: FloatArray, t: float
    ) -> tuple[float, FloatArray]:
        self._move(start + t * direction)
        return float(closure()), self._gradient()

    def _direction(self, grad: FloatArray, history_size: int) -> FloatArray:
        memory = self._memory
        if memory.d is None or memory.prev_flat_grad is None:
            return -grad
        change, step = grad - memory.prev_flat_grad, memory.d * memory.t
        curvature = float(change @ step)
        if curvature > _LEAST_CURVATURE:
            for history in (memory.old_dirs, memory.old_stps, memory.ro):
                del history[: max(0, len(history) - history_size + 1)]
            memory.old_dirs.append(change)
            memory.old_stps.append(step)
            memory.ro.append(1.0 / curvature)
            memory.H_diag = curvature / float(change @ change)
        return two_loops(grad, memory.old_stps, memory.old_dirs, memory.ro, memory.H_diag)

    def _values(self) -> FloatArray:
        return self._joined(self._arena.values)

    def _gradient(self) -> FloatArray:
        return self._joined(self._arena.grads)

    def _joined(self, vector: FloatArray) -> FloatArray:
        """Return a copy of what belongs to the parameters, run after run."""
        joined: FloatArray = np.concatenate([vector[run.slice] for run in self._runs[0]])
        return joined

    def _move(self, values: FloatArray) -> None:
        start = 0
        for run in self._runs[0]:
            self._arena.values[run.slice] = values[start : start + len(run)]
            start += len(run)

    def state_dict(self) -> dict[str, Any]:
        """Return copies of the state, and the group with parameter names.

        Returns
        -------
        dict
            As `Optimizer.state_dict`. The state stands under the first parameter's name. Its
            vectors are all parameters in the order of the group, matrices by rows, as in PyTorch.
        """
        [group] = super().state_dict()["param_groups"]
        memory = self._memory
        entries: dict[str, Any] = {key: getattr(memory, key) for key in _COUNTS}
        if memory.d is not None:
            entries |= {key: getattr(memory, key) for key in _NUMBERS}
            entries |= {key: self._to_rows(getattr(memory, key)) for key in _VECTORS}
            for key in _LISTS:
                entries[key] = [self._to_rows(vector) for vector in getattr(memory, key)]
            entries["ro"] = list(memory.ro)
        state = {group["params"][0]: entries} if memory.func_evals else {}
        return {"state": state, "param_groups": [group]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; either all of it or, on an error, nothing.

        Raises
        ------
        InputError
            As `Optimizer.load_state_dict`.
        """
        check_mapping("state_dict", state_dict, "param_groups", "state")
        groups = self._loaded_groups(state_dict["param_groups"])
        first = groups[0]["params"][0].name
        state = check_mapping("state", state_dict["state"])
        if state.keys() - {first}:
            raise InputError("state", f"an entry for {first}", f"{sorted(state)}")
        memory = self._loaded_memory(first, state[first]) if state else _Memory()
        self.param_groups, self._memory = groups, memory

    def _loaded_memory(self, first: str, entries: Mapping[str, Any]) -> _Memory:
        name = f"state[{first!r}]"
        check_mapping(name, entries)
        later = {*_NUMBERS, *_VECTORS, *_LISTS, "ro"}
        expected = {*_COUNTS, *(later if entries.keys() & later else ())}
        if entries.keys() != expected:
            raise InputError(name, f"the keys {sorted(expected)}", f"{sorted(entries)}")
        memory = _Memory()
        for key in _COUNTS:
            setattr(memory, key, int(check_number(f"{name}[{key!r}]", entries[key])))
        if "d" not in entries:
            return memory
        for key in _NUMBERS:
            setattr(memory, key, check_number(f"{name}[{key!r}]", entries[key], low=-np.inf))
        for key in _VECTORS:
            setattr(memory, key, self._from_rows(f"{name}[{key!r}]", entries[key]))
        for key in (*_LISTS, "ro"):
            if not isinstance(entries[key], list | tuple):
                raise InputError(f"{name}[{key!r}]", "a list", describe(entries[key]))
        for key in _LISTS:
            vectors = [self._from_rows(f"{name}[{key!r}]", vector) for vector in entries[key]]
            setattr(memory, key, vectors)
        memory.ro = [check_number(f"{name}['ro']", number) for number in entries["ro"]]
        if not len(memory.old_dirs) == len(memory.old_stps) == len(memory.ro):
            got = f"{len(memory.old_dirs)}, {len(memory.old_stps)} and {len(memory.ro)}"
            raise InputError(name, "old_dirs, old_stps and ro of one length", got)
        return memory

    def _parts(self) -> dict[Parameter, slice]:
        """Where each parameter stands in a joined vector."""
        parts, start = {}, 0
        for run in self._runs[0]:
            for parameter in run.parameters:
                parts[parameter] = slice(start, start + parameter.size)
                start += parameter.size
        return parts

    def _to_rows(self, vector: FloatArray) -> FloatArray:
        parts = self._parts()
        rows: FloatArray = np.concatenate(
            [
                vector[parts[parameter]].reshape(parameter.shape, order="F").ravel()
                for parameter in self.param_groups[0]["params"]
            ]
        )
        return rows

    def _from_rows(self, name: str, value: Any) -> FloatArray:
        rows = as_float_array(name, value, self._arena.dtype)
        parts = self._parts()
        check_shape(name, rows, (sum(parameter.size for parameter in parts),))
        vector, start = np.empty_like(rows), 0
        for parameter in self.param_groups[0]["params"]:
            part = rows[start : start + parameter.size].reshape(parameter.shape)
            vector[parts[parameter]] = part.ravel(order="F")
            start += parameter.size
        return vector


def _largest(vector: FloatArray) -> float:
    return float(np.abs(vector).max())
