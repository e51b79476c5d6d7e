"""Rules of optimizers in the styles that learners write them in, all of them right."""
# ruff: noqa: D103

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.network import Rule

Array = NDArray[Any]
State = SimpleNamespace
Step = Callable[[State, list[Array], list[Array]], Any]
Update = Callable[[State, Array, Array, float], Any]


def each(update: Update) -> Step:
    """A step that updates one parameter after the other, each with a state of its own."""

    def step(state: State, params: list[Array], grads: list[Array]) -> None:
        for k, (p, g) in enumerate(zip(params, grads, strict=True)):
            own = state.__dict__.setdefault(f"of_{k}", State(m=0.0, v=0.0, u=0.0, t=0))
            own.matrix = p.ndim == 2
            own.t += 1
            update(own, p, g, state.lr)

    return step


def rule(step: Step, kind: str | None, **options: Any) -> Rule:
    return Rule(lambda params, lr: State(lr=lr, params=params), step, kind, options)


def sgd(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * g


def sgd_decayed(_: State, p: Array, g: Array, lr: float) -> None:
    p *= 1 - lr * 0.01
    p -= lr * g


def sgd_penalty(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * (g + 0.01 * p)


def returned(state: State, params: list[Array], grads: list[Array]) -> list[Array]:
    return [p - state.lr * g for p, g in zip(params, grads, strict=True)]


def momentum(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + g
    p -= lr * s.m


def momentum_with_rate_inside(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m - lr * g
    p += s.m


def nesterov(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + g
    p -= lr * (g + 0.9 * s.m)


def nesterov_of_two_velocities(s: State, p: Array, g: Array, lr: float) -> None:
    before = s.m
    s.m = 0.9 * s.m - lr * g
    p += -0.9 * before + 1.9 * s.m


def nesterov_expanded(s: State, p: Array, g: Array, lr: float) -> None:
    p += 0.9 * 0.9 * s.m - 1.9 * lr * g
    s.m = 0.9 * s.m - lr * g


def adagrad(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = s.v + g * g
    p -= lr * g / (np.sqrt(s.v) + 1e-10)


def adagrad_of_list(state: State, params: list[Array], grads: list[Array]) -> list[Array]:
    if not hasattr(state, "h"):
        state.h = [np.zeros_like(p) for p in params]
    state.h = [h + g**2 for h, g in zip(state.h, grads, strict=True)]
    rates = [state.lr / (h**0.5 + 1e-10) for h in state.h]
    return [p - rate * g for p, g, rate in zip(params, grads, rates, strict=True)]


def rmsprop(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.99 * s.v + 0.01 * g**2
    p -= lr * g / (np.sqrt(s.v) + 1e-8)


def rmsprop_by_differences(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = s.v + (1 - 0.99) * (g * g - s.v)
    p += -(lr / (s.v**0.5 + 1e-8)) * g


def rmsprop_centered(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.99 * s.v + 0.01 * g**2
    s.m = 0.99 * s.m + 0.01 * g
    s.u = 0.9 * s.u + g / (np.sqrt(s.v - s.m**2) + 1e-8)
    p -= lr * s.u


def adadelta(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.9 * s.v + 0.1 * g**2
    step = np.sqrt(s.u + 1e-6) / np.sqrt(s.v + 1e-6) * g
    s.u = 0.9 * s.u + 0.1 * step**2
    p -= lr * step


def adadelta_of_one_root(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = s.v + 0.1 * (g**2 - s.v)
    step = -np.sqrt((s.u + 1e-6) / (s.v + 1e-6)) * g
    s.u = s.u + 0.1 * (step**2 - s.u)
    p += lr * step


def moments(s: State, g: Array, beta1: float = 0.9, beta2: float = 0.999) -> tuple[Any, Any]:
    s.m = beta1 * s.m + (1 - beta1) * g
    s.v = beta2 * s.v + (1 - beta2) * g**2
    return s.m, s.v


def corrected(s: State, g: Array, t: int, beta1: float = 0.9, beta2: float = 0.999) -> Any:
    m, v = moments(s, g, beta1, beta2)
    return m / (1 - beta1**t), v / (1 - beta2**t)


def adam(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = corrected(s, g, s.t)
    p -= lr * m / (np.sqrt(v) + 1e-8)


def adam_with_powers(state: State, params: list[Array], grads: list[Array]) -> None:
    if not hasattr(state, "m"):
        state.m = [np.zeros_like(p) for p in params]
        state.v = [np.zeros_like(p) for p in params]
        state.power1 = state.power2 = 1.0
    state.power1 *= 0.9
    state.power2 *= 0.999
    for p, g, m, v in zip(params, grads, state.m, state.v, strict=True):
        m += 0.1 * (g - m)
        v += (1 - 0.999) * (g * g - v)
        root = np.sqrt(v / (1 - state.power2)) + 1e-8
        p += -state.lr / (1 - state.power1) * m / root


def adamw(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = corrected(s, g, s.t)
    p *= 1 - lr * 0.01
    p -= lr * m / (np.sqrt(v) + 1e-8)


def adamw_in_one_line(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = corrected(s, g, s.t)
    p -= lr * (m / (np.sqrt(v) + 1e-8) + 0.01 * p)


def amsgrad(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = moments(s, g)
    s.u = np.maximum(s.u, v)
    p -= lr * m / (1 - 0.9**s.t) / (np.sqrt(s.u / (1 - 0.999**s.t)) + 1e-8)


def amsgrad_folded(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = moments(s, g)
    s.u = np.where(v > s.u, v, s.u)
    root = np.sqrt(1 - 0.999**s.t)
    p -= lr * root / (1 - 0.9**s.t) * m / (np.sqrt(s.u) + 1e-8 * root)


def adamax(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    s.u = np.maximum(0.999 * s.u, np.abs(g) + 1e-8)
    p -= lr / (1 - 0.9**s.t) * s.m / s.u


def adamax_by_differences(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = s.m + (1 - 0.9) * (g - s.m)
    size = np.sqrt(g**2) + 1e-8
    s.u = np.where(size > 0.999 * s.u, size, 0.999 * s.u)
    p -= lr * (s.m / (1 - 0.9**s.t)) / s.u


def nadam(s: State, p: Array, g: Array, lr: float) -> None:
    mu = 0.9 * (1 - 0.5 * 0.96 ** (s.t * 0.004))
    ahead = 0.9 * (1 - 0.5 * 0.96 ** ((s.t + 1) * 0.004))
    s.product = getattr(s, "product", 1.0) * mu
    m, v = moments(s, g)
    step = ahead * m / (1 - s.product * ahead) + (1 - mu) * g / (1 - s.product)
    p -= lr * step / (np.sqrt(v / (1 - 0.999**s.t)) + 1e-8)


def nadam_of_products(s: State, p: Array, g: Array, lr: float) -> None:
    mus = [0.9 * (1 - 0.5 * 0.96 ** (k * 0.004)) for k in range(1, s.t + 2)]
    m, v = moments(s, g)
    own = (1 - mus[-2]) / (1 - np.prod(mus[:-1]))
    p -= (
        lr
        * (mus[-1] / (1 - np.prod(mus)) * m + own * g)
        / (np.sqrt(v) / np.sqrt(1 - 0.999**s.t) + 1e-8)
    )


def radam(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = moments(s, g)
    longest = 2 / (1 - 0.999) - 1
    length = longest - 2 * s.t * 0.999**s.t / (1 - 0.999**s.t)
    step = m / (1 - 0.9**s.t)
    if length > 5:
        above = (length - 4) * (length - 2) * longest
        factor = np.sqrt(above / ((longest - 4) * (longest - 2) * length))
        step = step * factor * np.sqrt(1 - 0.999**s.t) / (np.sqrt(v) + 1e-8)
    p -= lr * step


def radam_with_a_rate(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = moments(s, g)
    power, n = 0.999**s.t, 1999.0
    length = n - 2 * s.t * power / (1 - power)
    rate = lr / (1 - 0.9**s.t)
    if length <= 5:
        p -= rate * m
        return
    r = ((length - 4) / (n - 4) * (length - 2) / (n - 2) * n / length) ** 0.5
    p -= rate * r * (1 - power) ** 0.5 * m / (v**0.5 + 1e-8)


def signs(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * np.sign(g)


def signs_by_sizes(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * (g / np.where(g == 0, 1, np.abs(g)) + 0.01 * p)


def lion(s: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * np.sign(0.9 * s.m + 0.1 * g)
    s.m = 0.99 * s.m + 0.01 * g


def lion_by_differences(s: State, p: Array, g: Array, lr: float) -> None:
    step = np.sign(s.m + (1 - 0.9) * (g - s.m))
    s.m = s.m + (1 - 0.99) * (g - s.m)
    p += -lr * step
