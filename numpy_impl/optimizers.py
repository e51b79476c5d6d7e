r"""Optimizers: from gradients to new parameters, in place on the arena's vectors.

Each rule stands here twice. The plain functions `sgd_step` and `adam_step` are the formulas, on
arrays of any shape. The classes compute the same over the whole arena at once, with one scratch
vector and no other allocation; the tests hold one against the other.

Below, :math:`\theta` is a parameter, :math:`g` its gradient, :math:`t` the number of the step,
from 1, and :math:`\eta` the learning rate ``lr``.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from numpy_impl.arrays import FloatArray, as_float_array, check_number, check_shape, describe
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

    `state` holds vectors of the run's length and scalars, under PyTorch's names; it is empty
    until the first step.
    """

    def __init__(self, parameters: list[Parameter]) -> None:
        self.parameters = parameters
        self.slice = slice(parameters[0].slice.start, parameters[-1].slice.stop)
        self.state: dict[str, Any] = {}

    def part(self, parameter: Parameter) -> slice:
        """Where a parameter stands in the run's state vectors."""
        start = parameter.offset - self.slice.start
        return slice(start, start + parameter.size)

    def __len__(self) -> int:
        return int(self.slice.stop - self.slice.start)


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
        self._scratch: FloatArray = np.empty(longest, self._arena.dtype)

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
                self._update(
                    group,
                    run.state,
                    self._arena.values[run.slice],
                    self._arena.grads[run.slice],
                    self._scratch[: len(run)],
                )

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
            parameter.name: {
                key: value[run.part(parameter)].reshape(parameter.shape).copy()
                if isinstance(value, np.ndarray)
                else value
                for key, value in run.state.items()
            }
            for runs in self._runs
            for run in runs
            if run.state
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
        states = [
            [self._loaded_state(run, state_dict["state"]) for run in runs] for runs in self._runs
        ]
        self.param_groups = groups
        for runs, new in zip(self._runs, states, strict=True):
            for run, state in zip(runs, new, strict=True):
                run.state = state

    def _update(
        self,
        group: dict[str, Any],
        state: dict[str, Any],
        value: FloatArray,
        grad: FloatArray,
        scratch: FloatArray,
    ) -> None:
        """Update `value` and `state` in place; `grad` is read only, `scratch` is free to use."""
        raise NotImplementedError

    def _check(self, group: Mapping[str, Any]) -> None:
        """Raise InputError if a hyperparameter of the group is out of range."""
        raise NotImplementedError

    def _initial_state(self, size: int) -> dict[str, Any]:
        """Return the state that precedes the first step of a run of this size."""
        raise NotImplementedError

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

    def _loaded_state(self, run: _Run, loaded: Mapping[str, Any]) -> dict[str, Any]:
        if not any(parameter.name in loaded for parameter in run.parameters):
            return {}
        state = self._initial_state(len(run))
        for parameter in run.parameters:
            entries = loaded.get(parameter.name, {})
            if entries.keys() != state.keys():
                raise InputError(
                    f"state[{parameter.name!r}]", f"the keys {sorted(state)}", f"{sorted(entries)}"
                )
            for key, value in state.items():
                name = f"state[{parameter.name!r}][{key!r}]"
                if isinstance(value, np.ndarray):
                    array = as_float_array(name, entries[key], value.dtype)
                    check_shape(name, array, parameter.shape)
                    value[run.part(parameter)] = array.ravel()
                elif parameter is run.parameters[0]:
                    state[key] = type(value)(entries[key])
                elif state[key] != entries[key]:
                    raise InputError(name, f"{state[key]}, as before", f"{entries[key]}")
        return state


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

    def _initial_state(self, size: int) -> dict[str, Any]:
        return {"momentum_buffer": np.zeros(size, self._arena.dtype)}

    def _update(
        self,
        group: dict[str, Any],
        state: dict[str, Any],
        value: FloatArray,
        grad: FloatArray,
        scratch: FloatArray,
    ) -> None:
        lr, momentum, weight_decay = group["lr"], group["momentum"], group["weight_decay"]
        direction = grad
        if weight_decay:
            np.multiply(value, weight_decay, out=scratch)
            scratch += grad
            direction = scratch
        if momentum:
            if not state:
                state.update(self._initial_state(len(value)))
                buffer = state["momentum_buffer"]
                buffer += direction
            else:
                buffer = state["momentum_buffer"]
                buffer *= momentum
                if group["dampening"]:
                    np.multiply(direction, 1 - group["dampening"], out=scratch)
                    direction = scratch
                buffer += direction
            direction = direction + momentum * buffer if group["nesterov"] else buffer
        np.multiply(direction, lr, out=scratch)
        value -= scratch


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

    def _initial_state(self, size: int) -> dict[str, Any]:
        dtype = self._arena.dtype
        return {"step": 0, "exp_avg": np.zeros(size, dtype), "exp_avg_sq": np.zeros(size, dtype)}

    def _update(
        self,
        group: dict[str, Any],
        state: dict[str, Any],
        value: FloatArray,
        grad: FloatArray,
        scratch: FloatArray,
    ) -> None:
        lr, eps, weight_decay = group["lr"], group["eps"], group["weight_decay"]
        beta1, beta2 = group["betas"]
        if not state:
            state.update(self._initial_state(len(value)))
        state["step"] += 1
        exp_avg, exp_avg_sq = state["exp_avg"], state["exp_avg_sq"]
        correction1 = 1 - beta1 ** state["step"]
        root_correction2 = math.sqrt(1 - beta2 ** state["step"])

        if weight_decay and self.decoupled:
            value *= 1 - lr * weight_decay
        elif weight_decay:
            grad = grad + weight_decay * value

        # beta m + (1 - beta) g, as m + (1 - beta) (g - m): rounded to float32, 0.999 and 0.001 do
        # not add up to 1, and the mean of a constant would settle 1.3e-5 off that constant.
        np.subtract(grad, exp_avg, out=scratch)
        scratch *= 1 - beta1
        exp_avg += scratch

        np.multiply(grad, grad, out=scratch)
        scratch -= exp_avg_sq
        scratch *= 1 - beta2
        exp_avg_sq += scratch

        # m_hat / (sqrt(v_hat) + eps), numerator and denominator times root_correction2: the
        # corrections become two scalars. eps has to be scaled with them; left as it is, the
        # first steps of parameters with tiny gradients come out many times too small.
        np.sqrt(exp_avg_sq, out=scratch)
        scratch += eps * root_correction2
        np.divide(exp_avg, scratch, out=scratch)
        scratch *= lr * root_correction2 / correction1
        value -= scratch


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


def _runs(parameters: Iterable[Parameter]) -> list[_Run]:
    runs: list[list[Parameter]] = []
    for parameter in sorted(parameters, key=lambda parameter: parameter.offset):
        if runs and runs[-1][-1].slice.stop == parameter.offset:
            runs[-1].append(parameter)
        else:
            runs.append([parameter])
    return [_Run(run) for run in runs]
