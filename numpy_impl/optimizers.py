r"""Optimizers: from gradients to new parameters, in place on the arena's vectors.

Each rule stands here twice. The plain functions `sgd_step` and `adam_step` are the formulas, on
arrays of any shape. The classes compute the same over the whole arena at once, with one scratch
vector and no other allocation; the tests hold one against the other.

Below, :math:`\theta` is a parameter, :math:`g` its gradient, :math:`t` the number of the step,
from 1, and :math:`\eta` the learning rate ``lr``.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, Self

import numpy as np

from numpy_impl.arrays import (
    FloatArray,
    as_float_array,
    check_number,
    check_shape,
    describe,
    new_array,
)
from numpy_impl.errors import InputError
from numpy_impl.parameters import Parameter

Parameters = Iterable[Parameter] | Iterable[Mapping[str, Any]]


class SGDState(NamedTuple):
    """What `sgd_step` returns."""

    value: FloatArray
    momentum_buffer: FloatArray | None


def sgd_step(
    value: FloatArray,
    grad: FloatArray,
    momentum_buffer: FloatArray | None,
    *,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> SGDState:
    r"""Return a parameter and its momentum buffer after one step of gradient descent.

    .. math::
        g &\leftarrow g + \lambda\theta \\
        b &\leftarrow \mu b + (1 - \tau) g, \qquad b = g \text{ at the first step} \\
        \theta &\leftarrow \theta - \eta \, (g + \mu b \text{ if nesterov, else } b)

    with :math:`\lambda` the weight decay, :math:`\mu` the momentum and :math:`\tau` the dampening.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
    """
    grad = grad + weight_decay * value
    if momentum == 0:
        return SGDState(value - lr * grad, None)
    if momentum_buffer is None:
        momentum_buffer = grad
    else:
        momentum_buffer = momentum * momentum_buffer + (1 - dampening) * grad
    direction = grad + momentum * momentum_buffer if nesterov else momentum_buffer
    return SGDState(value - lr * direction, momentum_buffer)


class AdamState(NamedTuple):
    """What `adam_step` returns."""

    value: FloatArray
    exp_avg: FloatArray
    exp_avg_sq: FloatArray


def adam_step(
    value: FloatArray,
    grad: FloatArray,
    exp_avg: FloatArray,
    exp_avg_sq: FloatArray,
    step: int,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> AdamState:
    r"""Return a parameter and its two moments after step number `step` of Adam or AdamW.

    .. math::
        m &\leftarrow \beta_1 m + (1 - \beta_1) g \\
        v &\leftarrow \beta_2 v + (1 - \beta_2) g^2 \\
        \hat m &= m / (1 - \beta_1^t), \qquad \hat v = v / (1 - \beta_2^t) \\
        \theta &\leftarrow \theta - \eta \, \hat m / (\sqrt{\hat v} + \epsilon)

    Before that, weight decay :math:`\lambda` either joins the gradient,
    :math:`g \leftarrow g + \lambda\theta` (Adam), or shrinks the parameter by itself,
    :math:`\theta \leftarrow (1 - \eta\lambda)\,\theta` (`decoupled`: AdamW).

    References
    ----------
    Kingma and Ba (2015), Adam, https://arxiv.org/abs/1412.6980
    Loshchilov and Hutter (2019), Decoupled weight decay, https://arxiv.org/abs/1711.05101
    https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html
    """
    beta1, beta2 = betas
    if decoupled:
        value = (1 - lr * weight_decay) * value
    else:
        grad = grad + weight_decay * value
    exp_avg = beta1 * exp_avg + (1 - beta1) * grad
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad**2
    m_hat = exp_avg / (1 - beta1**step)
    v_hat = exp_avg_sq / (1 - beta2**step)
    return AdamState(value - lr * m_hat / (np.sqrt(v_hat) + eps), exp_avg, exp_avg_sq)


class _Run:
    """Neighbouring parameters of one group: a stretch of the arena that is updated as one vector.

    Attributes
    ----------
    state : dict of str to ndarray
        Vectors of the run's length under PyTorch's names; none before the first step.
    steps : int
        How many steps were taken.
    fresh : bool
        Whether `state` is still what it starts from.
    """

    def __init__(self, parameters: list[Parameter]) -> None:
        self.parameters = parameters
        self.slice = slice(parameters[0].slice.start, parameters[-1].slice.stop)
        self.state: dict[str, FloatArray] = {}
        self.steps = 0
        self.fresh = True

    def part(self, parameter: Parameter) -> slice:
        """Where a parameter stands in the run's state vectors."""
        start = parameter.offset - self.slice.start
        return slice(start, start + parameter.size)

    def __len__(self) -> int:
        return int(self.slice.stop - self.slice.start)


class _Block(NamedTuple):
    """What is updated at a time: vectors of equal length.

    Attributes
    ----------
    value, state
        To be updated in place.
    grad : ndarray
        The gradient; read only.
    scratch : ndarray
        Free to use.
    """

    value: FloatArray
    grad: FloatArray
    scratch: FloatArray
    state: dict[str, FloatArray]


class Optimizer:
    """What all optimizers share: parameter groups, state by name, steps over runs of the arena.

    Parameters
    ----------
    params : iterable of Parameter, or iterable of dict
        Parameters of one model (or of one layer on its own). Or groups of them: dictionaries with
        the key ``params`` and hyperparameters that replace the defaults for that group.
    defaults : dict
        The hyperparameters of groups that do not set them.

    Attributes
    ----------
    param_groups : list of dict
        As in PyTorch: ``params`` and the hyperparameters, which may be changed between steps.

    Raises
    ------
    InputError
        If there is no parameter, one comes twice, they are of different models, or a
        hyperparameter is unknown or out of range.
    """

    # Whether the number of the step is part of the state, as "step".
    counts_steps = False

    def __init__(self, params: Parameters, defaults: dict[str, Any]) -> None:
        self.param_groups = [{**defaults, **group} for group in _as_groups(params)]
        for group in self.param_groups:
            unknown = sorted(group.keys() - defaults.keys() - {"params"})
            if unknown:
                raise InputError("params", f"group keys among {sorted(defaults)}", f"{unknown}")
            self._check(group)
        parameters = [p for group in self.param_groups for p in group["params"]]
        _check_parameters(parameters)
        self._arena = parameters[0].arena
        self._runs = [_runs(group["params"]) for group in self.param_groups]
        longest = max(len(run) for runs in self._runs for run in runs)
        self._scratch: FloatArray = new_array(min(longest, _BLOCK), self._arena.dtype)

    def step(self) -> None:
        """Update every parameter from its gradient, once.

        Raises
        ------
        RuntimeError
            If the parameters moved to another arena after the optimizer was made, as those of a
            layer do when a model takes it.
        """
        for group, runs in zip(self.param_groups, self._runs, strict=True):
            if any(parameter.arena is not self._arena for parameter in group["params"]):
                raise RuntimeError(
                    f"{type(self).__name__}.step: the parameters have moved; "
                    "make the optimizer after the model"
                )
            for run in runs:
                self._prepare(group, run)
                run.steps += 1
                self._update(group, run, self._blocks(run))
                run.fresh = False

    def state_dict(self) -> dict[str, Any]:
        """Return copies of the state by parameter name, and the groups with parameter names.

        Returns
        -------
        dict
            ``state``: for every parameter name, PyTorch's state entries, tensors in the
            parameter's shape; no entries before the first step. ``param_groups``: the
            hyperparameters and, as ``params``, the names.
        """
        state = {
            parameter.name: self._entries(run, parameter)
            for runs in self._runs
            for run in runs
            if run.state and not run.fresh
            for parameter in run.parameters
        }
        groups = [
            {**group, "params": [parameter.name for parameter in group["params"]]}
            for group in self.param_groups
        ]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; either all of it or, on an error, nothing.

        A parameter without an entry starts from no state, as in PyTorch.

        Raises
        ------
        InputError
            If groups, parameters, state entries, shapes or hyperparameters do not fit.
        """
        groups = self._loaded_groups(state_dict["param_groups"])
        names = {parameter.name for group in groups for parameter in group["params"]}
        unknown = sorted(state_dict["state"].keys() - names)
        if unknown:
            raise InputError("state", f"entries for {sorted(names)}", f"{unknown}")
        loaded = [
            (run, *self._loaded_state(group, run, state_dict["state"]))
            for group, runs in zip(groups, self._runs, strict=True)
            for run in runs
        ]
        self.param_groups = groups
        for run, state, steps in loaded:
            run.state, run.steps, run.fresh = state, steps, not state

    def over(self, parameters: Mapping[str, Parameter]) -> Self:
        """Return an optimizer with the same settings and no state over other parameters.

        Parameters
        ----------
        parameters : mapping of str to Parameter
            For a parameter's name here, the one to take in its place, all of one model. Those
            without are left out.
        """
        other = copy.copy(self)

        def replaced(own: Iterable[Parameter]) -> list[Parameter]:
            return [parameters[p.name] for p in own if p.name in parameters]

        other.param_groups = [
            {**group, "params": replaced(group["params"])} for group in self.param_groups
        ]
        kept = [[replaced(run.parameters) for run in runs] for runs in self._runs]
        other._runs = [[_Run(run) for run in runs if run] for runs in kept]
        other._arena = next(iter(parameters.values())).arena
        other._scratch = new_array(len(self._scratch), other._arena.dtype)
        return other

    def state_of(self, parameter: Parameter) -> dict[str, FloatArray]:
        """Return the state of a parameter, before the first step that which it starts from.

        Returns
        -------
        dict of str to ndarray
            Views in the parameter's shape, under PyTorch's names; none for a parameter that this
            optimizer does not update.
        """
        self._prepare_all()
        run = self._run_of(parameter)
        return {} if run is None else _views(run, parameter)

    def copy_steps(self, parameter: Parameter, other: Optimizer, theirs: Parameter) -> None:
        """Take a parameter for one that has been updated as often as another one of `other`."""
        run, source = self._run_of(parameter), other._run_of(theirs)
        if run is not None and source is not None:
            run.steps, run.fresh = source.steps, source.fresh

    def _run_of(self, parameter: Parameter) -> _Run | None:
        for runs in self._runs:
            for run in runs:
                if any(own is parameter for own in run.parameters):
                    return run
        return None

    def _prepare_all(self) -> None:
        for group, runs in zip(self.param_groups, self._runs, strict=True):
            for run in runs:
                self._prepare(group, run)

    def _blocks(self, run: _Run) -> Iterator[_Block]:
        """Yield a run in blocks that begin where cache lines do."""
        values, grads = self._arena.values[run.slice], self._arena.grads[run.slice]
        for start in range(0, len(run), _BLOCK):
            inside = slice(start, start + _BLOCK)
            value = values[inside]
            yield _Block(
                value,
                grads[inside],
                self._scratch[: len(value)],
                {key: vector[inside] for key, vector in run.state.items()},
            )

    def _number(self, value: float) -> FloatArray:
        """Return a number as an array without axes, which NumPy takes faster than a float."""
        return np.array(value, self._arena.dtype)

    def _prepare(self, group: Mapping[str, Any], run: _Run) -> None:
        if not run.state:
            run.state = self._initial_state(group, len(run))
            run.fresh = True

    def _update(self, group: Mapping[str, Any], run: _Run, blocks: Iterable[_Block]) -> None:
        """Update values and state in place; the number of the step is ``run.steps``, from 1."""
        raise NotImplementedError

    def _check(self, group: Mapping[str, Any]) -> None:
        """Raise InputError if a hyperparameter of the group is out of range."""
        raise NotImplementedError

    def _initial_state(self, group: Mapping[str, Any], size: int) -> dict[str, FloatArray]:
        """Return the state that precedes the first step of a run of this size."""
        raise NotImplementedError

    def _entries(self, run: _Run, parameter: Parameter) -> dict[str, Any]:
        entries: dict[str, Any] = {"step": run.steps} if self.counts_steps else {}
        return entries | {key: view.copy() for key, view in _views(run, parameter).items()}

    def _loaded_groups(self, loaded: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        expected = self.state_dict()["param_groups"]
        if [group["params"] for group in loaded] != [group["params"] for group in expected]:
            raise InputError(
                "param_groups",
                f"the groups {[group['params'] for group in expected]}",
                f"{[group['params'] for group in loaded]}",
            )
        groups = []
        for group, own in zip(loaded, self.param_groups, strict=True):
            if group.keys() != own.keys():
                raise InputError("param_groups", f"the keys {sorted(own)}", f"{sorted(group)}")
            self._check(group)
            groups.append({**group, "params": own["params"]})
        return groups

    def _loaded_state(
        self, group: Mapping[str, Any], run: _Run, loaded: Mapping[str, Any]
    ) -> tuple[dict[str, FloatArray], int]:
        if not any(parameter.name in loaded for parameter in run.parameters):
            return {}, 0
        state = self._initial_state(group, len(run))
        expected = {*state, "step"} if self.counts_steps else {*state}
        steps: set[int] = set()
        for parameter in run.parameters:
            entries = loaded.get(parameter.name, {})
            if entries.keys() != expected:
                raise InputError(
                    f"state[{parameter.name!r}]",
                    f"the keys {sorted(expected)}",
                    f"{sorted(entries)}",
                )
            for key, vector in state.items():
                name = f"state[{parameter.name!r}][{key!r}]"
                array = as_float_array(name, entries[key], vector.dtype)
                check_shape(name, array, parameter.shape)
                vector[run.part(parameter)] = array.ravel(order="F")
            steps.add(int(entries.get("step", 1)))
            if len(steps) > 1:
                name = f"state[{parameter.name!r}]['step']"
                raise InputError(name, f"{min(steps)}, as before", f"{entries['step']}")
        return state, steps.pop()


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum, Nesterov momentum and weight decay.

    The formula is `sgd_step`.

    Parameters
    ----------
    params : iterable of Parameter or of dict
        See `Optimizer`.
    lr : float, default 1e-3
        Learning rate, at least 0.
    momentum : float, default 0
        Share of the last direction that is kept, at least 0.
    dampening : float, default 0
        How much less than fully the gradient enters the momentum.
    weight_decay : float, default 0
        L2 penalty, at least 0.
    nesterov : bool, default False
        Look ahead along the momentum; needs momentum and no dampening.

    Raises
    ------
    InputError
        As `Optimizer`, and for Nesterov momentum without momentum or with dampening.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
            },
        )

    def _check(self, group: Mapping[str, Any]) -> None:
        for name in ("lr", "momentum", "weight_decay"):
            check_number(name, group[name])
        check_number("dampening", group["dampening"], low=-np.inf)
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise InputError(
                "nesterov",
                "momentum above 0 and dampening 0 beside it",
                f"momentum={group['momentum']}, dampening={group['dampening']}",
            )

    def _initial_state(self, group: Mapping[str, Any], size: int) -> dict[str, FloatArray]:
        return {"momentum_buffer": new_array(size, self._arena.dtype)} if group["momentum"] else {}

    def _update(self, group: Mapping[str, Any], run: _Run, blocks: Iterable[_Block]) -> None:
        weight_decay = self._number(group["weight_decay"])
        momentum = self._number(group["momentum"])
        lr, undamped = self._number(group["lr"]), self._number(1 - group["dampening"])
        for value, grad, scratch, state in blocks:
            direction = grad
            if group["weight_decay"]:
                np.multiply(value, weight_decay, out=scratch)
                scratch += grad
                direction = scratch
            if group["momentum"]:
                buffer = state["momentum_buffer"]
                buffer *= momentum
                if group["dampening"] and not run.fresh:
                    direction = np.multiply(direction, undamped, out=scratch)
                buffer += direction
                if group["nesterov"]:
                    np.copyto(scratch, direction)
                    direction = scratch
                    direction += momentum * buffer
                else:
                    direction = buffer
            value -= np.multiply(direction, lr, out=scratch)


class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    The formula is `adam_step`; weight decay joins the gradient.

    Parameters
    ----------
    params : iterable of Parameter or of dict
        See `Optimizer`.
    lr : float, default 1e-3
        Learning rate, at least 0.
    betas : tuple of two floats, default (0.9, 0.999)
        Decay of the two running means, each at least 0 and below 1.
    eps : float, default 1e-8
        Added to the root of the second moment, at least 0.
    weight_decay : float, default 0
        L2 penalty, at least 0.

    Raises
    ------
    InputError
        As `Optimizer`.

    References
    ----------
    Kingma and Ba (2015), Adam, https://arxiv.org/abs/1412.6980
    https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html
    """

    counts_steps = True
    decoupled = False

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        )

    def _check(self, group: Mapping[str, Any]) -> None:
        for name in ("lr", "eps", "weight_decay"):
            check_number(name, group[name])
        betas = group["betas"]
        if not isinstance(betas, Sequence) or len(betas) != 2:
            raise InputError("betas", "two numbers", describe(betas))
        for position, beta in enumerate(betas):
            check_number(f"betas[{position}]", beta, below=1.0)

    def _initial_state(self, group: Mapping[str, Any], size: int) -> dict[str, FloatArray]:  # noqa: ARG002
        return {key: new_array(size, self._arena.dtype) for key in ("exp_avg", "exp_avg_sq")}

    def _update(self, group: Mapping[str, Any], run: _Run, blocks: Iterable[_Block]) -> None:
        lr, eps, weight_decay = group["lr"], group["eps"], group["weight_decay"]
        # Rounded to float32, 0.999 and 0.001 do not add up to 1: the mean of a constant would
        # settle 1.3e-5 off that constant. So beta is rounded first; 1 - beta is then exact.
        beta1, beta2 = (_rounded_beta(beta, self._arena.dtype) for beta in group["betas"])
        correction1 = 1 - beta1**run.steps
        root_correction2 = math.sqrt(1 - beta2**run.steps)

        # m_hat / (sqrt(v_hat) + eps), numerator and denominator times root_correction2: the
        # corrections become two scalars. eps has to be scaled with them; left as it is, the
        # first steps of parameters with tiny gradients come out many times too small.
        step_size = self._number(lr * root_correction2 / correction1)
        scaled_eps = self._number(eps * root_correction2)
        keep1, take1 = self._number(beta1), self._number(1 - beta1)
        keep2, take2 = self._number(beta2), self._number(1 - beta2)
        for value, grad, scratch, state in blocks:
            exp_avg, exp_avg_sq = state["exp_avg"], state["exp_avg_sq"]
            if weight_decay and self.decoupled:
                value *= 1 - lr * weight_decay
            elif weight_decay:
                grad = grad + weight_decay * value

            np.multiply(grad, take1, out=scratch)
            exp_avg *= keep1
            exp_avg += scratch

            np.multiply(grad, grad, out=scratch)
            scratch *= take2
            exp_avg_sq *= keep2
            exp_avg_sq += scratch

            if run.steps % _STEPS_PER_FLUSH == 0:
                _flush(exp_avg, beta1, scratch)
                if eps:
                    _flush(exp_avg_sq, beta2, scratch)

            np.sqrt(exp_avg_sq, out=scratch)
            scratch += scaled_eps
            np.divide(exp_avg, scratch, out=scratch)
            scratch *= step_size
            value -= scratch


_STEPS_PER_FLUSH = 64


def _flush(mean: FloatArray, beta: float, scratch: FloatArray) -> None:
    """Set to zero what would decay below the normal numbers before the next flush.

    Where a gradient stays zero (a pixel that is never lit), its mean decays for ever: by rounding,
    the smallest positive number times 0.9 is itself. Arithmetic on numbers so small is many times
    slower, and next to eps they move nothing.
    """
    # The factor 1e8 bounds what is taken for nothing: 1e-30, in float32.
    limit = float(np.finfo(mean.dtype).tiny) * min(beta**-_STEPS_PER_FLUSH if beta else 1.0, 1e8)
    np.abs(mean, out=scratch)
    np.greater_equal(scratch, limit, out=scratch)
    mean *= scratch


@cache
def _rounded_beta(beta: float, dtype: np.dtype[Any]) -> float:
    """Return beta as it is in this type, or, where that is 1, the largest number below 1."""
    return min(float(dtype.type(beta)), 1 - float(np.finfo(dtype).epsneg))


class AdamW(Adam):
    """Adam with decoupled weight decay: parameters shrink by ``lr * weight_decay`` a step.

    The formula is `adam_step` with `decoupled`.

    Parameters
    ----------
    params, lr, betas, eps
        As for `Adam`.
    weight_decay : float, default 1e-2
        Share of a parameter that it loses per step, over the learning rate; at least 0.

    Raises
    ------
    InputError
        As `Optimizer`.

    References
    ----------
    Loshchilov and Hutter (2019), Decoupled weight decay, https://arxiv.org/abs/1711.05101
    https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html
    """

    decoupled = True

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)


def decay_groups(params: Iterable[Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Return two groups: weight decay for parameters of two axes or more, none for biases.

    Parameters
    ----------
    params : iterable of Parameter
        Each of them lands in exactly one group.
    weight_decay : float
        For the first group.
    """
    params = list(params)
    matrices = [parameter for parameter in params if parameter.ndim >= 2]
    vectors = [parameter for parameter in params if parameter.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _as_groups(params: Parameters) -> list[dict[str, Any]]:
    if isinstance(params, Parameter | Mapping):
        raise InputError("params", "an iterable of parameters or groups", describe(params))
    entries = list(params)
    if entries and all(isinstance(entry, Mapping) for entry in entries):
        groups = [dict(entry) for entry in entries if isinstance(entry, Mapping)]
    else:
        groups = [{"params": entries}]
    for group in groups:
        if "params" not in group:
            raise InputError("params", "the key 'params' in every group", f"{sorted(group)}")
        group["params"] = list(group["params"])
        if not group["params"]:
            raise InputError("params", "at least one parameter in every group", "none")
    return groups


def _check_parameters(parameters: Sequence[Parameter]) -> None:
    for parameter in parameters:
        if not isinstance(parameter, Parameter):
            raise InputError("params", "parameters", describe(parameter))
        if parameter.arena is not parameters[0].arena:
            raise InputError(
                "params", "parameters of one model", "parameters of several (join the layers first)"
            )
    names = [parameter.name for parameter in parameters]
    for name in names:
        if names.count(name) > 1:
            raise InputError("params", "every parameter once", f"{name} {names.count(name)} times")


# Scalars that are updated at a time. An update goes over its vectors again and again; in float32
# the five of Adam take 1 MB, which the cache of a core holds. In smaller blocks the calls cost
# more than they gain. A multiple of what is in a cache line.
_BLOCK = 51_200


def _views(run: _Run, parameter: Parameter) -> dict[str, FloatArray]:
    part = run.part(parameter)
    return {
        key: vector[part].reshape(parameter.shape, order="F") for key, vector in run.state.items()
    }


def _runs(parameters: Iterable[Parameter]) -> list[_Run]:
    runs: list[list[Parameter]] = []
    for parameter in sorted(parameters, key=lambda parameter: parameter.offset):
        if runs and runs[-1][-1].slice.stop == parameter.offset:
            runs[-1].append(parameter)
        else:
            runs.append([parameter])
    return [_Run(run) for run in runs]
