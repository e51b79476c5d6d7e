r"""Steps of optimizers, recomputed by a formula.

In the formulas :math:`\theta` is a parameter, :math:`g` its gradient, :math:`t` the number of the
step from 1, and :math:`\eta` the learning rate.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl.optimizers.radam import rectification
from parity_tests.kit.optimizers.formulas import DECOUPLED, DEFAULTS, SQUARES, Asked, Formula

Array = NDArray[Any]
Memory = dict[str, Array]
Direction = Callable[[Formula, Memory, Array, Array], Array]


def displacements(formula: Formula, asked: Asked) -> Array:
    r"""Return what each step adds to the parameters.

    .. math:: \Delta\theta_t = -\eta_t \, d(g_1, \dots, g_t) - \text{decay}

    with the direction d of the kind.

    Returns
    -------
    ndarray of shape (steps, entries), or (steps, formulas, entries)
    """
    steps = []
    memory: dict[Any, Memory] = {}
    direction = _DIRECTIONS[formula.kind]
    apart = formula.state == "shared" or formula.squares != "entry"
    if formula.average == "unscaled":
        formula = replace(formula, options={**formula.options, "lr": asked.lr})
    with np.errstate(all="ignore"):
        for number in range(len(asked.gradients)):
            if formula.state.startswith("new"):
                memory = {}
            gradient = _gradient(formula, asked, number)
            rate = _rate(formula, asked, number)
            if formula.rate.endswith("inside"):
                gradient, rate = gradient * rate / asked.lr, np.full_like(rate, asked.lr)
            gradient, shrinking = _decayed(formula, asked, number, gradient, rate)
            count = _count(formula, asked, number)
            if apart:
                parts = []
                for index, (part, shape) in enumerate(zip(asked.parts, asked.shapes, strict=True)):
                    key = shape if formula.state == "shared" else index
                    own = memory.setdefault(key, {})
                    parts.append(direction(formula, own, gradient[..., part], count[part]))
                # With several formulas, only what depends on their numbers has an axis for them.
                lead = np.broadcast_shapes(*(part.shape[:-1] for part in parts))
                whole = [np.broadcast_to(part, (*lead, part.shape[-1])) for part in parts]
                taken = np.concatenate(whole, axis=-1)
            else:
                own = memory.setdefault(None, {})
                taken = direction(formula, own, gradient, count)
                if formula.state.startswith("overwritten"):
                    whole_step = taken if formula.state.endswith("without rate") else rate * taken
                    own[SQUARES[formula.kind]] = whole_step
            if formula.plain != "nothing":
                taken = _with_plain(formula, asked, gradient, taken)
            step = -formula.scale * rate * taken - shrinking
            if formula.decay.startswith("after"):
                share = rate if formula.decay == "after" else 1.0
                step = step - share * _penalty(formula, asked, asked.values[number] + step)
            steps.append(step)
    return steps[0][np.newaxis] if len(steps) == 1 else np.stack(np.broadcast_arrays(*steps))


# What goes into the step


def _gradient(formula: Formula, asked: Asked, number: int) -> Array:
    gradient = asked.gradients[number]
    if formula.gradient == "late":
        gradient = asked.gradients[number - 1] if number else np.zeros_like(gradient)
    elif formula.gradient == "first":
        gradient = asked.gradients[0]
    elif formula.gradient == "accumulated":
        gradient = asked.gradients[: number + 1].sum(axis=0)
    elif formula.gradient == "negated":
        gradient = -gradient
    if formula.clip == "none":
        return gradient
    what, _, limit = formula.clip.partition(":")
    if what == "entry":
        return np.clip(gradient, -float(limit), float(limit))
    if what == "all":
        norms = np.full(len(asked.shapes), np.linalg.norm(gradient))
    else:
        norms = np.array([np.linalg.norm(gradient[part]) for part in asked.parts])
    if limit.startswith("unit"):
        times = 1 / (norms + float(limit.rpartition(" ")[2]))
    else:
        times = np.minimum(1.0, float(limit) / norms)
    return gradient * asked.spread(times)


def _rate(formula: Formula, asked: Asked, number: int) -> Array:
    """Return the learning rate of each entry."""
    if formula.rate == "constant":
        return np.full(asked.values.shape[1], asked.lr)
    what, how, *_ = formula.rate.split(", ")
    tensors = np.arange(len(asked.shapes))
    layers = np.asarray(asked.layers)
    ticks = {
        "steps": np.full(len(tensors), number),
        "layers": number * (layers.max() + 1) + layers,
        "tensors": number * len(tensors) + tensors,
    }[what]
    decay = formula.options["lr_decay"]
    falling = {
        "inverse": 1 / (1 + decay * ticks),
        "root": 1 / np.sqrt(1 + decay * ticks),
        "exponential": (1 - decay) ** ticks,
    }[how]
    return asked.spread(asked.lr * falling)


def _decayed(
    formula: Formula, asked: Asked, number: int, gradient: Array, rate: Array
) -> tuple[Array, Array | float]:
    """Return the gradient with its penalty, and what the parameters lose by themselves."""
    form = formula.decay
    if np.all(formula.options["weight_decay"] == 0) or form.startswith(("none", "after")):
        return gradient, 0.0
    value = _penalty(formula, asked, asked.values[number])
    if form == "negated":
        value = -value
    if form in ("own", "negated"):
        form = "decoupled" if formula.kind in DECOUPLED else "coupled"
    if form == "coupled":
        return gradient + value, 0.0
    if form == "decoupled":
        return gradient, rate * value
    if form == "unscaled":
        return gradient, value
    own = formula.kind in DECOUPLED
    if form == "twice":
        return (gradient, 2 * rate * value) if own else (gradient + 2 * value, 0.0)
    return gradient + value, rate * value


def _penalty(formula: Formula, asked: Asked, values: Array) -> Array:
    penalty: Array = formula.options["weight_decay"] * values
    if formula.decayed == "matrices":
        penalty = penalty * asked.spread(asked.are_matrices)
    return penalty


def _with_plain(formula: Formula, asked: Asked, gradient: Array, taken: Array) -> Array:
    """Return a direction in which some parameters have the gradient itself, or have it added."""
    which, _, how = formula.plain.partition(", ")
    are_matrices = asked.spread(asked.are_matrices).astype(bool)
    chosen = {"all": True, "matrices": are_matrices, "biases": ~are_matrices}[which]
    if how == "added":
        return np.where(chosen, gradient + taken, taken)
    return np.where(chosen, gradient, taken) + (gradient if how else 0.0)


def _count(formula: Formula, asked: Asked, number: int) -> Array:
    """Return t of each entry."""
    what, _, how = formula.count.partition(", ")
    tensors, entries = len(asked.shapes), asked.values.shape[1]
    if what.startswith("each:"):
        begins = [int(own) for own in what.removeprefix("each:").split()]
        return asked.spread(np.array(begins) + number * int(how.split()[1]))
    what, _, start = what.partition(" from ")
    first = int(start or 1)
    if formula.state == "new":
        return np.ones(entries)
    if what == "tensors":
        place = np.arange(tensors)
        if how == "backwards":
            place = place[::-1]
        elif how == "matrices first":
            order = sorted(range(tensors), key=lambda k: not asked.are_matrices[k])
            place = np.argsort(order)
        return asked.spread(number * tensors + place + first)
    if what == "layers":
        layers = np.asarray(asked.layers)
        place = layers.max() - layers if how == "backwards" else layers
        return asked.spread(number * (layers.max() + 1) + place + first)
    if what == "samples":
        return np.full(entries, asked.samples[number])
    name, _, constant = what.partition(":")
    count = {
        "steps": number + first,
        "lagging": max(number, 1),
        "constant": int(constant or 0),
    }[name]
    return np.full(entries, count)


# Directions


def _velocity(formula: Formula, memory: Memory, gradient: Array, share: float) -> Array:
    """Return the velocity, PyTorch's or a moving average."""
    momentum = formula.options["momentum"]
    if formula.average.startswith("last"):
        before = memory.get("velocity", 0.0)
        memory["velocity"] = gradient
        own = 1 - momentum if formula.average.endswith("mean") else 1.0
        return own * gradient + momentum * before
    if formula.average in ("taken away", "unscaled"):
        before = memory.get("velocity", 0.0)
        memory["velocity"] = momentum * before + gradient
        kept = momentum / formula.options["lr"] if formula.average == "unscaled" else -momentum
        return gradient + kept * before
    if "velocity" in memory:
        kept = -momentum if formula.average == "against" else momentum
        velocity = kept * memory["velocity"] + share * gradient
    else:
        is_small = formula.average in ("mean", "mean, corrected")
        velocity = (share if is_small else 1.0) * gradient
    memory["velocity"] = velocity
    return velocity


def _sgd(formula: Formula, memory: Memory, gradient: Array, count: Array) -> Array:  # noqa: ARG001
    return gradient


def _momentum(formula: Formula, memory: Memory, gradient: Array, count: Array) -> Array:
    r""":math:`b \leftarrow \mu b + (1 - \tau) g`, and b is the direction."""
    if formula.average == "none":
        return gradient
    share = 1 - formula.options.get("dampening", 0.0)
    if formula.average.startswith("mean"):
        share = 1 - formula.options["momentum"]
    velocity = _velocity(formula, memory, gradient, share)
    if formula.average == "mean, corrected":
        return velocity / (1 - formula.options["momentum"] ** count)
    return velocity


def _nesterov(formula: Formula, memory: Memory, gradient: Array, count: Array) -> Array:
    r""":math:`g + \mu b` with the velocity b of this step.

    By the velocity :math:`b'` of the step before it is :math:`(1 + \mu) b - \mu b'`; turned,
    :math:`(1 + \mu) b + \mu b' = (2 + \mu) b - g`. Whole, :math:`g + b`.
    """
    if formula.average == "none":
        return gradient
    velocity = _momentum(formula, memory, gradient, count)
    momentum = formula.options["momentum"]
    if formula.ahead == "none":
        return velocity
    if formula.ahead == "twice":
        return (1 + momentum) * velocity
    if formula.ahead == "turned":
        return (2 + momentum) * velocity - gradient
    if formula.ahead == "whole":
        return gradient + velocity
    own = 1 - momentum if formula.average.startswith("mean") else 1.0
    return own * gradient + momentum * velocity


def _squares(formula: Formula, gradient: Array) -> Array:
    if formula.squares == "magnitude":
        return np.abs(gradient)
    squares = gradient**2
    if formula.squares in ("entry", "first"):
        return squares
    total = squares.sum(axis=-1, keepdims=True)
    number = {"sum": total, "mean": total / squares.shape[-1], "norm": np.sqrt(total)}
    return np.broadcast_to(number[formula.squares], squares.shape)


def _mean(memory: Memory, name: str, share: float, value: Array, moments: str = "means") -> Array:
    """Return a running mean that starts from zero, or from its first value."""
    if name not in memory and _is_whole(moments, name):
        memory[name] = value
        return value
    before = memory.get(name, 1.0 if moments == f"{name} from one" else 0.0)
    kept = 1.0 if moments == f"{name} undecayed" else share
    memory[name] = kept * before + (1.0 if moments == f"{name} summed" else 1 - share) * value
    return memory[name]


def _is_whole(moments: str, name: str) -> bool:
    return moments.startswith((f"{name} whole", "both whole"))


def _root(formula: Formula, second: Array) -> Array:
    eps = formula.options["eps"]
    if formula.root == "left out":
        return second + eps
    inside = formula.eps.startswith("inside")
    return np.sqrt(second + eps) if inside else np.sqrt(second) + eps


def _adagrad(formula: Formula, memory: Memory, gradient: Array, count: Array) -> Array:  # noqa: ARG001
    r""":math:`s \leftarrow s + g^2` and :math:`g / (\sqrt s + \epsilon)`."""
    before = memory.get("sum", formula.options["initial_accumulator_value"])
    memory["sum"] = before + _squares(formula, gradient)
    return gradient / _root(formula, memory["sum"])


def _rmsprop(formula: Formula, memory: Memory, gradient: Array, count: Array) -> Array:
    r""":math:`v \leftarrow \alpha v + (1 - \alpha) g^2`, :math:`g / (\sqrt v + \epsilon)`."""
    alpha, momentum = formula.options["alpha"], formula.options["momentum"]
    second = _mean(memory, "second", alpha, _squares(formula, gradient), formula.moments)
    first = _mean(memory, "first", alpha, gradient, formula.moments)
    if formula.moments == "means, corrected":
        second, first = (moment / (1 - alpha**count) for moment in (second, first))
    second = second - formula.options["centered"] * first**2
    direction = gradient / _root(formula, second)
    if formula.average == "none":
        return direction
    share = 1 - momentum if formula.average.startswith("mean") else 1.0
    return _velocity(formula, memory, direction, share)


def _adadelta(formula: Formula, memory: Memory, gradient: Array, count: Array) -> Array:  # noqa: ARG001
    r""":math:`\Delta = g \sqrt{(u + \epsilon) / (v + \epsilon)}`, u and v means of squares."""
    rho, eps = formula.options["rho"], formula.options["eps"]
    second = _mean(memory, "second", rho, _squares(formula, gradient))
    steps = memory.get("steps", np.zeros_like(gradient))
    if formula.eps == "other":
        delta = gradient * (np.sqrt(steps) + eps) / (np.sqrt(second) + eps)
    else:
        delta = gradient * np.sqrt(steps + eps) / np.sqrt(second + eps)
    _mean(memory, "steps", rho, delta**2)
    return delta


# By which betas the first and the second moment are corrected, where one has that of the other.
_OF_THE_OTHER = {
    "exchanged": ("beta2", "beta1"),
    "first by beta2": ("beta2", "beta2"),
    "second by beta1": ("beta1", "beta1"),
}


def _corrections(formula: Formula, count: Array) -> tuple[Array, Array]:
    """Return what the two moments are divided by."""
    beta1, beta2 = formula.options["beta1"], formula.options["beta2"]
    if formula.correction == "of usual betas":
        beta1, beta2 = (DEFAULTS["adam"][name] for name in ("beta1", "beta2"))
    elif formula.correction in _OF_THE_OTHER:
        own = {"beta1": beta1, "beta2": beta2}
        beta1, beta2 = (own[name] for name in _OF_THE_OTHER[formula.correction])
    ones = np.ones_like(count)
    begins_from_zero = formula.moments.endswith("corrected")
    first, second = ones, ones
    if formula.correction not in ("none", "second"):
        if formula.correction == "first by 1 - beta1":
            first = ones * (1 - beta1)
        elif formula.correction == "first by 1 - beta1 * t":
            first = 1 - beta1 * count
        elif begins_from_zero or not _is_whole(formula.moments, "first"):
            first = 1 - beta1**count
    if formula.correction not in ("none", "first"):
        if formula.correction == "second by 1 - beta2":
            second = ones * (1 - beta2)
        elif formula.correction == "second by 1 - beta2 * t":
            second = 1 - beta2 * count
        elif begins_from_zero or not _is_whole(formula.moments, "second"):
            second = 1 - beta2**count
    return first, second**2 if formula.correction == "unrooted" else second


def corrected_times(formula: Formula, counts: Array) -> Array:
    """Return how many times as long the corrections make a step, for each count.

    The eps in the denominator is left out of account.
    """
    first, second = _corrections(formula, counts)
    if formula.kind == "adamax":
        return 1 / first
    return (second if formula.root == "left out" else np.sqrt(second)) / first


def _moments(formula: Formula, memory: Memory, gradient: Array) -> tuple[Array, Array]:
    beta1, beta2 = formula.options["beta1"], formula.options["beta2"]
    kept = beta2 if formula.moments == "first by beta2" else beta1
    first = _mean(memory, "first", kept, gradient, formula.moments)
    squares = first**2 if formula.squares == "first" else _squares(formula, gradient)
    if formula.moments in ("second by beta1", "squares by beta1"):
        left, own = (beta1, beta2) if formula.moments == "second by beta1" else (beta2, beta1)
        memory["second"] = left * memory.get("second", 0.0) + (1 - own) * squares
        return first, memory["second"]
    return first, _mean(memory, "second", beta2, squares, formula.moments)


def _adam(formula: Formula, memory: Memory, gradient: Array, count: Array) -> Array:
    r""":math:`\hat m / (\sqrt{\hat v} + \epsilon)`; AMSGrad keeps the largest v."""
    first, second = _moments(formula, memory, gradient)
    correction1, correction2 = _corrections(formula, count)
    if formula.moments in ("kept corrected", "first kept corrected"):
        memory["first"] = first / correction1
    if formula.moments in ("kept corrected", "second kept corrected"):
        memory["second"] = second / correction2
    if formula.kind == "amsgrad" and formula.maximum != "none":
        if formula.maximum == "corrected":
            second = second / correction2
        second = memory["largest"] = np.maximum(memory.get("largest", second), second)
        if formula.maximum == "corrected":
            second = second * correction2
    if formula.eps.endswith("uncorrected"):
        return first / correction1 * np.sqrt(correction2) / _root(formula, second)
    return first / correction1 / _root(formula, second / correction2)


def _adamax(formula: Formula, memory: Memory, gradient: Array, count: Array) -> Array:
    r""":math:`\hat m / u` with :math:`u \leftarrow \max(\beta_2 u, |g| + \epsilon)`."""
    beta1, beta2, eps = (formula.options[name] for name in ("beta1", "beta2", "eps"))
    first = _mean(memory, "first", beta1, gradient, formula.moments)
    outside = formula.eps == "other"
    size = np.abs(gradient) + (0.0 if outside else eps)
    memory["largest"] = np.maximum(beta2 * memory.get("largest", 0.0), size)
    correction, _ = _corrections(formula, count)
    return first / correction / (memory["largest"] + (eps if outside else 0.0))


def _nadam(formula: Formula, memory: Memory, gradient: Array, count: Array) -> Array:
    r"""PyTorch's, as `numpy_impl.optimizers.nadam.nadam_step`; with a constant momentum it is.

    .. math:: \hat m = \beta_1 m / (1 - \beta_1^{t+1}) + (1 - \beta_1) g / (1 - \beta_1^t)
    """
    first, second = _moments(formula, memory, gradient)
    beta1 = formula.options["beta1"]
    _, correction2 = _corrections(formula, count)
    if formula.growth == "growing":
        psi = formula.options["momentum_decay"]
        now, then = (beta1 * (1 - 0.5 * 0.96 ** (k * psi)) for k in (count, count + 1))
        memory["product"] = now * memory.get("product", 1.0)
        ahead = then / (1 - then * memory["product"])
        own = (1 - now) / (1 - memory["product"])
    else:
        index = count if formula.growth.endswith("one index") else count + 1
        ahead = beta1 / (1 - beta1**index)
        own = (1 - beta1) / (1 - beta1**count)
    return (ahead * first + own * gradient) / _root(formula, second / correction2)


def _radam(formula: Formula, memory: Memory, gradient: Array, count: Array) -> Array:
    """As `numpy_impl.optimizers.radam.radam_step`."""
    first, second = _moments(formula, memory, gradient)
    correction1, correction2 = _corrections(formula, count)
    beta2 = np.asarray(formula.options["beta2"], np.float64)
    found = [rectification(float(value), int(count[0])) for value in beta2.ravel()]
    factor = np.array([np.nan if value is None else value for value in found]).reshape(beta2.shape)
    scaled = factor * np.sqrt(correction2) / _root(formula, second)
    return first / correction1 * np.where(np.isnan(factor), 1.0, scaled)


def _signsgd(formula: Formula, memory: Memory, gradient: Array, count: Array) -> Array:  # noqa: ARG001
    r""":math:`\operatorname{sign} g`."""
    return np.sign(gradient)


def _lion(formula: Formula, memory: Memory, gradient: Array, count: Array) -> Array:  # noqa: ARG001
    r""":math:`\operatorname{sign}(\beta_1 m + (1 - \beta_1) g)`, m with :math:`\beta_2`."""
    beta1 = formula.options["beta1"]
    direction = np.sign(beta1 * memory.get("first", 0.0) + (1 - beta1) * gradient)
    _mean(memory, "first", formula.options["beta2"], gradient)
    return direction


_DIRECTIONS: Mapping[str, Direction] = {
    "sgd": _sgd,
    "momentum": _momentum,
    "nesterov": _nesterov,
    "adagrad": _adagrad,
    "rmsprop": _rmsprop,
    "adadelta": _adadelta,
    "adam": _adam,
    "adamw": _adam,
    "amsgrad": _adam,
    "adamax": _adamax,
    "nadam": _nadam,
    "radam": _radam,
    "signsgd": _signsgd,
    "lion": _lion,
}
