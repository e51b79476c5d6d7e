"""Optimizers: right ones in several styles, and each fault by its name."""
# They are written as learners write them.
# ruff: noqa: D102

import operator
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.aspects.optimizer import examine as examine_inquiry
from parity_tests.kit.aspects.walks import right_gradient, trajectory
from parity_tests.kit.causes.optimizers import OPTIMIZER_CAUSES
from parity_tests.kit.check import examine as examine_network
from parity_tests.kit.forward import Form
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.network import Network, Rule
from parity_tests.kit.optimizers.displacements import displacements
from parity_tests.kit.optimizers.formulas import OPTIMIZERS, Asked, Formula, read
from parity_tests.kit.optimizers.kept import Kept, kept
from parity_tests.kit.optimizers.observed import Observed, responses
from parity_tests.kit.optimizers.rules import RATES, examine_rule
from parity_tests.kit.scales import Scale
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject import Subject
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict

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


# Right


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


RIGHT: dict[str, tuple[Step, str, dict[str, Any]]] = {
    "sgd": (each(sgd), "sgd", {}),
    "sgd returned": (returned, "sgd", {}),
    "sgd with decay": (each(sgd_decayed), "sgd", {"weight_decay": 0.01}),
    "sgd with penalty": (each(sgd_penalty), "sgd", {"weight_decay": 0.01}),
    "momentum": (each(momentum), "momentum", {}),
    "momentum with the rate inside": (each(momentum_with_rate_inside), "sgd", {"momentum": 0.9}),
    "nesterov": (each(nesterov), "nesterov", {}),
    "nesterov of two velocities": (each(nesterov_of_two_velocities), "nesterov", {}),
    "nesterov expanded": (each(nesterov_expanded), "sgd", {"momentum": 0.9, "nesterov": True}),
    "adagrad": (each(adagrad), "adagrad", {}),
    "adagrad of lists": (adagrad_of_list, "adagrad", {}),
    "rmsprop": (each(rmsprop), "rmsprop", {}),
    "rmsprop by differences": (each(rmsprop_by_differences), "rmsprop", {"alpha": 0.99}),
    "rmsprop centered": (each(rmsprop_centered), "rmsprop", {"centered": True, "momentum": 0.9}),
    "adadelta": (each(adadelta), "adadelta", {}),
    "adadelta of one root": (each(adadelta_of_one_root), "adadelta", {}),
    "adam": (each(adam), "adam", {}),
    "adam with powers": (adam_with_powers, "adam", {"betas": (0.9, 0.999)}),
    "adamw": (each(adamw), "adamw", {}),
    "adamw in one line": (each(adamw_in_one_line), "adamw", {"weight_decay": 0.01}),
    "amsgrad": (each(amsgrad), "amsgrad", {}),
    "amsgrad folded": (each(amsgrad_folded), "adam", {"amsgrad": True}),
    "adamax": (each(adamax), "adamax", {}),
    "adamax by differences": (each(adamax_by_differences), "adamax", {}),
    "nadam": (each(nadam), "nadam", {}),
    "nadam of products": (each(nadam_of_products), "nadam", {}),
    "radam": (each(radam), "radam", {}),
    "radam with a rate": (each(radam_with_a_rate), "radam", {}),
    "signs": (each(signs), "signsgd", {}),
    "signs by sizes": (each(signs_by_sizes), "signsgd", {"weight_decay": 0.01}),
    "lion": (each(lion), "lion", {}),
    "lion by differences": (each(lion_by_differences), "lion", {}),
}


# Written otherwise, or wrong


def momentum_average(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    p -= lr * s.m


def momentum_average_of_85(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.83 * s.m + 0.17 * g
    p -= lr * s.m


def adam_begun_whole(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = (g, g**2) if s.t == 1 else moments(s, g)
    s.m, s.v = m, v
    p -= lr * m / (np.sqrt(v) + 1e-10)


def adam_begun_whole_and_corrected(s: State, p: Array, g: Array, lr: float) -> None:
    s.m, s.v = (g, g**2) if s.t == 1 else moments(s, g)
    p -= lr * s.m / (1 - 0.9**s.t) / (np.sqrt(s.v / (1 - 0.999**s.t)) + 1e-8)


def adam_of_whole_squares(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = moments(s, g)
    s.v = g**2 if s.t == 1 else v
    p -= lr * m / (1 - 0.9**s.t) / (np.sqrt(s.v) + 1e-8)


def rmsprop_begun_whole(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = g**2 if s.t == 1 else 0.9 * s.v + 0.1 * g**2
    p -= lr * g / (np.sqrt(s.v) + 1e-8)


def momentum_corrected(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    p -= lr * s.m / (1 - 0.9**s.t)


def rmsprop_corrected(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.99 * s.v + 0.01 * g**2
    p -= lr * g / (np.sqrt(s.v / (1 - 0.99**s.t)) + 1e-8)


def rmsprop_anew_and_whole(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * g / (np.sqrt(g**2) + 1e-8)


def adamax_counted_constantly(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    s.u = np.maximum(0.999 * s.u, np.abs(g) + 1e-8)
    p -= lr / (1 - 0.9**17) * s.m / s.u


def momentum_dampened(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = g if s.t == 1 else 0.9 * s.m + 0.1 * g
    p -= lr * s.m


def velocity_twice(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + g
    p -= lr * 1.9 * s.m


def uncorrected(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = moments(s, g)
    p -= lr * m / (np.sqrt(v) + 1e-8)


def uncorrected_by_another_share(s: State, p: Array, g: Array, lr: float) -> None:
    """The first moment has that of the second one."""
    s.m, s.v = 0.9 * s.m + 0.001 * g, 0.999 * s.v + 0.001 * g**2
    p -= lr * s.m / (np.sqrt(s.v) + 1e-8)


def uncorrected_with_eps_inside(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = moments(s, g)
    p -= lr * m / np.sqrt(v + 1e-7)


def first_corrected(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = moments(s, g)
    p -= lr * m / (1 - 0.9**s.t) / (np.sqrt(v) + 1e-8)


def second_corrected(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = moments(s, g)
    p -= lr * m / (np.sqrt(v / (1 - 0.999**s.t)) + 1e-8)


def first_corrected_without_power(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = moments(s, g)
    p -= lr * m / (1 - 0.9) / (np.sqrt(v / (1 - 0.999**s.t)) + 1e-8)


def second_corrected_without_power(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = moments(s, g)
    p -= lr * m / (1 - 0.9**s.t) / (np.sqrt(v / (1 - 0.999)) + 1e-8)


def corrected_after_the_root(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = moments(s, g)
    p -= lr * m / (1 - 0.9**s.t) / (np.sqrt(v) / (1 - 0.999**s.t) + 1e-8)


def last_gradient(s: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * (g + 0.9 * s.v)
    s.v = g.copy()


def corrected_in_place(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = (0.9 * s.m + 0.1 * g) / (1 - 0.9**s.t)
    s.v = (0.999 * s.v + 0.001 * g**2) / (1 - 0.999**s.t)
    p -= lr * s.m / (np.sqrt(s.v) + 1e-8)


def second_by_beta1(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    s.v = 0.9 * s.v + 0.001 * g**2
    p -= lr * s.m / (1 - 0.9**s.t) / np.sqrt(s.v / (1 - 0.999**s.t) + 1e-8)


def rebound(_: State, p: Array, g: Array, lr: float) -> None:
    p = p - lr * g


def falling_inside(momentum: float) -> Update:
    def update(s: State, p: Array, g: Array, lr: float) -> None:
        s.v = momentum * s.v - lr / (1 + 0.1 * (s.t - 1)) * g
        p += s.v

    return update


def falling_beside(eps: float = 1e-8, sign: float = 1.0) -> Update:
    def update(s: State, p: Array, g: Array, lr: float) -> None:
        m, v = corrected(s, g, s.t)
        p -= sign * lr / (1 + 1e-3 * (s.t - 1)) * m / (np.sqrt(v) + eps)

    return update


def falling_upwards(s: State, p: Array, g: Array, lr: float) -> None:
    p += lr / (1 + 0.1 * (s.t - 1)) * g


def shrunk_after(s: State, p: Array, g: Array, lr: float) -> None:  # noqa: ARG001
    p -= lr * g
    p *= 1 - 0.01


def counted(count: Callable[[int], int]) -> Step:
    def update(s: State, p: Array, g: Array, lr: float) -> None:
        m, v = corrected(s, g, count(s.t))
        p -= lr * m / (np.sqrt(v) + 1e-8)

    return each(update)


def counted_together(per: int, backwards: bool = False, start: int = 0) -> Step:
    """Adam whose count goes up after every so many parameters."""

    def step(state: State, params: list[Array], grads: list[Array]) -> None:
        pairs = list(enumerate(zip(params, grads, strict=True)))
        state.t = getattr(state, "t", start)
        for place, (k, (p, g)) in enumerate(pairs[::-1] if backwards else pairs):
            state.t += place % per == 0
            own = state.__dict__.setdefault(f"of_{k}", State(m=0.0, v=0.0))
            m, v = corrected(own, g, state.t)
            p -= state.lr * m / (np.sqrt(v) + 1e-8)

    return step


def first_summed(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + g
    s.v = 0.999 * s.v + (1 - 0.999) * g**2
    p -= lr * s.m / (1 - 0.9**s.t) / (np.sqrt(s.v / (1 - 0.999**s.t)) + 1e-8)


def second_summed(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.99 * s.v + g**2
    p -= lr * g / (np.sqrt(s.v) + 1e-8)


def one_number(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.99 * s.v + 0.01 * np.sum(g**2)
    p -= lr * g / (np.sqrt(s.v) + 1e-8)


def norm_for_squares(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.99 * s.v + 0.01 * np.linalg.norm(g)
    p -= lr * g / (np.sqrt(s.v) + 1e-8)


def adagrad_of_means(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = s.v + np.mean(g**2)
    p -= lr * g / (np.sqrt(s.v) + 1e-10)


def without_root(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = corrected(s, g, s.t)
    p -= lr * m / (v + 1e-8)


def amsgrad_without_maximum(s: State, p: Array, g: Array, lr: float) -> None:
    adam(s, p, g, lr)


def amsgrad_of_corrected(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = corrected(s, g, s.t)
    s.u = np.maximum(s.u, v)
    p -= lr * m / (np.sqrt(s.u) + 1e-8)


def nadam_of_constant_momentum(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = corrected(s, g, s.t)
    step = 0.9 * m + 0.1 * g / (1 - 0.9**s.t)
    p -= lr * step / (np.sqrt(v) + 1e-8)


def adam_inside(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = corrected(s, g, s.t)
    p -= lr * m / np.sqrt(v + 1e-8)


def rmsprop_inside(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.99 * s.v + 0.01 * g**2
    p -= lr * g / np.sqrt(s.v + 1e-6)


def adagrad_inside(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = s.v + g**2
    p -= lr * g / np.sqrt(s.v + 1e-8)


def adam_folded(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = moments(s, g)
    p -= lr * np.sqrt(1 - 0.999**s.t) / (1 - 0.9**s.t) * m / (np.sqrt(v) + 1e-7)


def eps_under_the_uncorrected_root(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = moments(s, g)
    p -= lr * np.sqrt(1 - 0.999**s.t) / (1 - 0.9**s.t) * m / np.sqrt(v + 1e-7)


def adamax_outside(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    s.u = np.maximum(0.999 * s.u, np.abs(g))
    p -= lr / (1 - 0.9**s.t) * s.m / (s.u + 1e-8)


def adadelta_outside(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.9 * s.v + 0.1 * g**2
    step = (np.sqrt(s.u) + 1e-6) / (np.sqrt(s.v) + 1e-6) * g
    s.u = 0.9 * s.u + 0.1 * step**2
    p -= lr * step


def without_eps(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = s.v + g**2
    p -= lr * g / np.sqrt(s.v)


def adam_made_anew(_: State, p: Array, g: Array, lr: float) -> None:
    adam(State(m=0.0, v=0.0, t=1), p, g, lr)


def adam_made_anew_but_counted(s: State, p: Array, g: Array, lr: float) -> None:
    adam(State(m=0.0, v=0.0, t=s.t), p, g, lr)


def rmsprop_made_anew(_: State, p: Array, g: Array, lr: float) -> None:
    rmsprop(State(v=0.0), p, g, lr)


def overwritten(*, with_rate: bool = True) -> Update:
    def update(s: State, p: Array, g: Array, lr: float) -> None:
        s.v = s.v + g**2
        direction = g / (np.sqrt(s.v) + 1e-10)
        s.v = lr * direction if with_rate else direction
        p -= lr * direction

    return update


def momentum_shared(state: State, params: list[Array], grads: list[Array]) -> None:
    for p, g in zip(params, grads, strict=True):
        kind = "weights" if p.ndim == 2 else "biases"
        velocity = 0.9 * getattr(state, kind, 0.0) + g
        setattr(state, kind, velocity)
        p -= state.lr * velocity


def adam_swapped(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = corrected(s, g, s.t, 0.999, 0.9)
    p -= lr * m / (np.sqrt(v) + 1e-8)


def adam_of_other_betas(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = corrected(s, g, s.t, 0.87, 0.997)
    p -= lr * m / (np.sqrt(v) + 1e-8)


def adamw_unscaled(s: State, p: Array, g: Array, lr: float) -> None:
    p *= 1 - 0.01
    adam(s, p, g, lr)


def sgd_unscaled(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * g + 0.01 * p


def sgd_penalty_twice(_: State, p: Array, g: Array, lr: float) -> None:
    g = g + 0.01 * p
    p -= lr * (g + 0.01 * p)


def adamw_and_penalty(s: State, p: Array, g: Array, lr: float) -> None:
    g = g + 0.01 * p
    p *= 1 - lr * 0.01
    adam(s, p, g, lr)


def adam_with_penalty(s: State, p: Array, g: Array, lr: float) -> None:
    adam(s, p, g + 0.01 * p, lr)


def adamw_after_the_step(s: State, p: Array, g: Array, lr: float) -> None:
    adam(s, p, g, lr)
    p -= lr * 0.01 * p


def decay_of_matrices(s: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * (g + (0.01 * p if s.matrix else 0.0))


def rate_that_falls(per: int) -> Step:
    """SGD whose learning rate falls after every so many parameters."""

    def step(state: State, params: list[Array], grads: list[Array]) -> None:
        for k, (p, g) in enumerate(zip(params, grads, strict=True)):
            state.ticks = getattr(state, "ticks", -1) + (k % per == 0)
            p -= state.lr / (1 + 0.1 * state.ticks) * g

    return step


def clipped(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * np.clip(g, -1, 1)


def clipped_by_norm(state: State, params: list[Array], grads: list[Array]) -> None:
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    for p, g in zip(params, grads, strict=True):
        p -= state.lr * g * min(1.0, 5.0 / norm)


def late(s: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * s.m
    s.m = g.copy()


def accumulated(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = s.m + g
    p -= lr * s.m


def upwards(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = corrected(s, g, s.t)
    p += lr * m / (np.sqrt(v) + 1e-8)


def thrice(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + g
    p -= 3 * lr * s.m


def rate_twice(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m - lr * g
    p += lr * s.m


DECAY = {"weight_decay": 0.01}


def plainly(update: Update, which: str, also: bool = False) -> Step:
    def step(s: State, p: Array, g: Array, lr: float) -> None:
        is_plain = ("W" if s.matrix else "b") in which
        if also or not is_plain:
            update(s, p, g, lr)
        if is_plain:
            p -= lr * g

    return each(step)


def of_first(state: State, params: list[Array], grads: list[Array]) -> None:
    """Only the first parameter has momentum."""
    each(momentum)(state, params[:1], grads[:1])
    each(sgd)(state, params[1:], grads[1:])


OTHERWISE: dict[str, tuple[str, str, Step, str, dict[str, Any]]] = {
    "average": ("momentum-average", CONVENTION, each(momentum_average), "momentum", {}),
    "average, momentum not known": (
        "momentum-average",
        CONVENTION,
        each(momentum_average_of_85),
        "momentum",
        {"momentum": None},
    ),
    "average after a whole step": (
        "momentum-dampened",
        CONVENTION,
        each(momentum_dampened),
        "momentum",
        {},
    ),
    "no velocity": ("momentum-without-effect", DIFFERS, each(sgd), "momentum", {"momentum": 0.9}),
    "nesterov without": ("nesterov-is-momentum", DIFFERS, each(momentum), "nesterov", {}),
    "velocity twice": ("nesterov-velocity-twice", DIFFERS, each(velocity_twice), "nesterov", {}),
    "uncorrected": ("adam-no-bias-correction", DIFFERS, each(uncorrected), "adam", {}),
    "first corrected": ("adam-first-correction-only", DIFFERS, each(first_corrected), "adam", {}),
    "second corrected": (
        "adam-second-correction-only",
        DIFFERS,
        each(second_corrected),
        "adam",
        {},
    ),
    "first corrected without power": (
        "adam-correction-without-power",
        DIFFERS,
        each(first_corrected_without_power),
        "adam",
        {},
    ),
    "second corrected without power": (
        "adam-correction-without-power",
        DIFFERS,
        each(second_corrected_without_power),
        "adam",
        {},
    ),
    "corrected after the root": (
        "adam-correction-unrooted",
        DIFFERS,
        each(corrected_after_the_root),
        "adam",
        {},
    ),
    "from two": ("adam-step-from-two", DIFFERS, counted(lambda t: t + 1), "adam", {}),
    "from zero": ("adam-step-from-zero", DIFFERS, counted(lambda t: t - 1), "adam", {}),
    "lagging": ("adam-step-lagging", DIFFERS, counted(lambda t: max(t - 1, 1)), "adam", {}),
    "constant": ("adam-step-constant", DIFFERS, counted(lambda _: 1), "adam", {}),
    "constant ten": ("adam-step-constant", DIFFERS, counted(lambda _: 10), "adam", {}),
    "constant batch": ("adam-step-constant", DIFFERS, counted(lambda _: 37), "adam", {}),
    "constant samples": ("adam-step-constant", DIFFERS, counted(lambda _: 5000), "adam", {}),
    "constant of another kind": (
        "adam-step-constant",
        DIFFERS,
        each(adamax_counted_constantly),
        "adamax",
        {},
    ),
    "per tensor": ("adam-step-per-tensor", DIFFERS, counted_together(1), "adam", {}),
    "per tensor from 2": (
        "adam-step-per-tensor",
        DIFFERS,
        counted_together(1, start=1),
        "adam",
        {},
    ),
    "one by momentum": ("rules-apart", DIFFERS, of_first, "momentum", {}),
    "one by momentum, declared is none": ("rules-apart", DIFFERS, of_first, "sgd", {}),
    "biases plain": ("biases-by-plain-descent", DIFFERS, plainly(adam, "b"), "adam", {}),
    "biases plain, momentum": (
        "biases-by-plain-descent",
        DIFFERS,
        plainly(momentum, "b"),
        "momentum",
        {},
    ),
    "matrices plain": ("matrices-by-plain-descent", DIFFERS, plainly(rmsprop, "W"), "rmsprop", {}),
    "plain too": ("plain-step-added", DIFFERS, plainly(adam, "bW", True), "adam", {}),
    "plain too, biases": ("plain-step-added", DIFFERS, plainly(rmsprop, "b", True), "rmsprop", {}),
    "per tensor back": (
        "adam-step-per-tensor",
        DIFFERS,
        counted_together(1, True),
        "adam",
        {},
    ),
    "per layer": ("adam-step-per-layer", DIFFERS, counted_together(2), "adam", {}),
    "first summed": ("first-moment-summed", DIFFERS, each(first_summed), "adam", {}),
    "second summed": ("second-moment-summed", DIFFERS, each(second_summed), "rmsprop", {}),
    "begun whole": ("moments-begin-whole", DIFFERS, each(adam_begun_whole), "adam", {}),
    "begun whole and corrected": (
        "moments-begin-whole",
        DIFFERS,
        each(adam_begun_whole_and_corrected),
        "adam",
        {},
    ),
    "squares begun whole": (
        "moments-begin-whole",
        DIFFERS,
        each(adam_of_whole_squares),
        "adam",
        {},
    ),
    "rmsprop begun whole": (
        "moments-begin-whole",
        CONVENTION,
        each(rmsprop_begun_whole),
        "rmsprop",
        {},
    ),
    "one number": ("second-moment-scalar", DIFFERS, each(one_number), "rmsprop", {}),
    "norm": ("second-moment-scalar", DIFFERS, each(norm_for_squares), "rmsprop", {}),
    "mean": ("second-moment-scalar", DIFFERS, each(adagrad_of_means), "adagrad", {}),
    "no root": ("root-left-out", DIFFERS, each(without_root), "adam", {}),
    "no maximum": ("amsgrad-without-maximum", DIFFERS, each(adam), "amsgrad", {}),
    "maximum of corrected": (
        "amsgrad-of-corrected",
        CONVENTION,
        each(amsgrad_of_corrected),
        "amsgrad",
        {},
    ),
    "constant momentum": (
        "nadam-constant-momentum",
        CONVENTION,
        each(nadam_of_constant_momentum),
        "nadam",
        {},
    ),
    "adam inside": ("epsilon-inside-root", CONVENTION, each(adam_inside), "adam", {}),
    "rmsprop inside": ("epsilon-inside-root", CONVENTION, each(rmsprop_inside), "rmsprop", {}),
    "adagrad inside": ("epsilon-inside-root", CONVENTION, each(adagrad_inside), "adagrad", {}),
    "adam folded": ("epsilon-uncorrected", CONVENTION, each(adam_folded), "adam", {}),
    "adam folded inside": (
        "epsilon-inside-uncorrected",
        CONVENTION,
        each(eps_under_the_uncorrected_root),
        "adam",
        {},
    ),
    "adamax outside": ("epsilon-of-ratio", CONVENTION, each(adamax_outside), "adamax", {}),
    "adadelta outside": ("epsilon-of-ratio", CONVENTION, each(adadelta_outside), "adadelta", {}),
    "no eps": ("epsilon-missing", DIFFERS, each(without_eps), "adagrad", {}),
    "anew": ("state-recreated", DIFFERS, each(adam_made_anew), "adam", {}),
    "anew but counted": ("state-recreated", DIFFERS, each(adam_made_anew_but_counted), "adam", {}),
    "rmsprop anew": ("state-recreated", DIFFERS, each(rmsprop_made_anew), "rmsprop", {}),
    "overwritten": ("state-overwritten", DIFFERS, each(overwritten()), "adagrad", {}),
    "overwritten without the rate": (
        "state-overwritten",
        DIFFERS,
        each(overwritten(with_rate=False)),
        "adagrad",
        {},
    ),
    "shared": ("state-shared", DIFFERS, momentum_shared, "momentum", {}),
    "swapped": ("betas-swapped", DIFFERS, each(adam_swapped), "adam", {}),
    "swapped, declared": (
        "betas-swapped",
        DIFFERS,
        each(adam_swapped),
        "adam",
        {"betas": (0.9, 0.999)},
    ),
    "other betas": (
        "another-hyperparameter",
        DIFFERS,
        each(adam_of_other_betas),
        "adam",
        {"betas": (0.9, 0.999)},
    ),
    "other momentum": (
        "another-hyperparameter",
        DIFFERS,
        each(momentum),
        "momentum",
        {"momentum": 0.8},
    ),
    "no step": ("step-without-effect", DIFFERS, each(rebound), "adam", {}),
    "another": ("another-optimizer", DIFFERS, each(rmsprop), "adam", {}),
    "not scaled": ("decay-not-scaled", DIFFERS, each(adamw_unscaled), "adamw", {}),
    "sgd not scaled": ("decay-not-scaled", DIFFERS, each(sgd_unscaled), "sgd", DECAY),
    "twice": ("decay-twice", DIFFERS, each(sgd_penalty_twice), "sgd", DECAY),
    "both": ("decay-twice", DIFFERS, each(adamw_and_penalty), "adamw", DECAY),
    "coupled": ("decay-coupled", DIFFERS, each(adam_with_penalty), "adamw", DECAY),
    "decoupled": ("decay-decoupled", DIFFERS, each(adamw), "adam", DECAY),
    "after": ("decay-after-step", CONVENTION, each(adamw_after_the_step), "adamw", DECAY),
    "no decay": ("decay-missing", DIFFERS, each(sgd), "sgd", DECAY),
    "matrices": ("decay-matrices-only", CONVENTION, each(decay_of_matrices), "sgd", DECAY),
    "falling": ("lr-decay", CONVENTION, rate_that_falls(4), "sgd", {}),
    "last gradient": (
        "momentum-of-last-gradient",
        DIFFERS,
        each(last_gradient),
        "momentum",
        {"momentum": 0.9},
    ),
    "kept corrected": (
        "moments-kept-corrected",
        DIFFERS,
        each(corrected_in_place),
        "adam",
        {},
    ),
    "falling inside": (
        "lr-decay-in-velocity",
        CONVENTION,
        each(falling_inside(0.9)),
        "momentum",
        {"momentum": 0.9},
    ),
    "falling inside, momentum not known": (
        "lr-decay-in-velocity",
        CONVENTION,
        each(falling_inside(0.85)),
        "momentum",
        {"momentum": None},
    ),
    "falling beside another eps": (
        "lr-decay",
        CONVENTION,
        each(falling_beside(1e-7)),
        "adam",
        {},
    ),
    "shrunk after": ("decay-not-scaled", DIFFERS, each(shrunk_after), "sgd", DECAY),
    "falling per layer": ("lr-decay-per-layer", DIFFERS, rate_that_falls(2), "sgd", {}),
    "falling per tensor": ("lr-decay-per-tensor", DIFFERS, rate_that_falls(1), "sgd", {}),
    "clipped": ("step-clipped", CONVENTION, each(clipped), "sgd", {}),
    "clipped by norm": ("step-clipped", CONVENTION, clipped_by_norm, "sgd", {}),
    "late": ("gradient-late", DIFFERS, each(late), "sgd", {}),
    "accumulated": ("step-of-accumulated", DIFFERS, each(accumulated), "sgd", {}),
    "upwards": ("step-sign", DIFFERS, each(upwards), "adam", {}),
    "average corrected": (
        "momentum-corrected",
        CONVENTION,
        each(momentum_corrected),
        "momentum",
        {},
    ),
    "rmsprop corrected": (
        "second-moment-corrected",
        CONVENTION,
        each(rmsprop_corrected),
        "rmsprop",
        {},
    ),
    "rmsprop anew and whole": (
        "state-recreated",
        DIFFERS,
        each(rmsprop_anew_and_whole),
        "rmsprop",
        {},
    ),
    "rate twice": ("rate-twice", DIFFERS, each(rate_twice), "momentum", {}),
    "thrice": ("step-scaled", DIFFERS, each(thrice), "momentum", {}),
}


def of_optimizer(verdicts: list[Verdict]) -> list[tuple[str, str | None]]:
    return [(v.status, v.cause) for v in verdicts if v.aspect == "optimizer"]


@pytest.mark.parametrize("name", RIGHT)
def test_right_ones_are_equal(name: str) -> None:
    step, kind, options = RIGHT[name]
    verdicts = examine_rule(rule(step, kind, **options), 1)
    assert [(v.aspect, v.status) for v in verdicts] == [("optimizer", EQUAL)], verdicts


@pytest.mark.parametrize("name", RIGHT)
def test_right_ones_are_recognized_where_nothing_is_declared(name: str) -> None:
    step, kind, options = RIGHT[name]
    (verdict,) = examine_rule(rule(step, None), 2)
    assert verdict.status in (EQUAL, CONVENTION), verdict
    kind, _ = read(kind, options)
    assert f"steps are those of {kind}" in verdict.message


@pytest.mark.parametrize("name", OTHERWISE)
def test_others_get_their_name(name: str) -> None:
    cause, status, step, kind, options = OTHERWISE[name]
    verdicts = examine_rule(rule(step, kind, **options), 1)
    assert of_optimizer(verdicts) == [(status, cause)], verdicts


def test_every_optimizer_is_written_right_in_two_ways() -> None:
    kinds = [read(kind, options)[0] for _, kind, options in RIGHT.values()]
    assert all(kinds.count(kind) >= 2 for kind in OPTIMIZERS)


def test_every_cause_is_planted() -> None:
    beside = {"gradient-written-to", "gradient-kept", "optimizer-state-kept"}
    beside |= {"second-moment-by-beta1"}
    # Those show in the steps of a network alone: see `test_steps`.
    beside |= {"nesterov-gradient-ahead", "nesterov-ahead-kept", "step-without-rate"}
    beside |= {"nesterov-look-behind", "rate-without-effect", "parameter-reshaped"}
    beside |= {"parameters-of-integers"}
    assert {cause for cause, *_ in OTHERWISE.values()} | beside == set(OPTIMIZER_CAUSES)


@pytest.mark.parametrize(
    ("step", "kind", "causes"),
    [
        (each(second_by_beta1), "adam", [(DIFFERS, "second-moment-by-beta1")]),
        (
            each(uncorrected_by_another_share),
            "adam",
            [(DIFFERS, "adam-no-bias-correction"), (DIFFERS, "step-scaled")],
        ),
        (each(falling_beside(sign=-1.0)), "adam", [(DIFFERS, "step-sign")]),
        (each(falling_upwards), "sgd", [(DIFFERS, "step-sign")]),
    ],
)
def test_faults_beside_what_may_be_meant(
    step: Step, kind: str, causes: list[tuple[str, str | None]]
) -> None:
    assert of_optimizer(examine_rule(rule(step, kind), 1)) == causes


def test_eps_of_another_size_is_a_convention() -> None:
    (verdict,) = examine_rule(rule(each(adam_folded), "adam"), 0)
    assert "eps is 1e-07" in verdict.message


def test_corrected_squares_are_those_of_rmsprop_where_nothing_is_declared() -> None:
    (verdict,) = examine_rule(rule(each(rmsprop_corrected), None), 0)
    assert (verdict.status, verdict.cause) == (CONVENTION, "second-moment-corrected")


def scaled_by_chance(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + g
    p -= RATES["momentum"] * lr * s.m


def test_factor_that_is_the_rate_by_chance_is_not_taken_for_it() -> None:
    verdicts = examine_rule(rule(each(scaled_by_chance), "momentum"), 0)
    assert of_optimizer(verdicts) == [(DIFFERS, "step-scaled")]


def test_average_says_the_equivalent_rate() -> None:
    (verdict,) = examine_rule(rule(each(momentum_average), "momentum"), 0)
    assert "lr x 0.1" in verdict.message


def test_two_parts_at_once_are_told_apart() -> None:
    verdicts = examine_rule(rule(each(uncorrected_with_eps_inside), "adam"), 0)
    assert of_optimizer(verdicts) == [(DIFFERS, "adam-no-bias-correction")]
    assert "eps = inside" in verdicts[0].message


def three_at_once(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * g / np.sqrt(0.01 * np.sum(g**2) + 1e-6)


def test_three_parts_at_once_are_told_apart() -> None:
    verdicts = examine_rule(rule(each(three_at_once), "rmsprop"), 0)
    assert {v.cause for v in verdicts} == {"state-recreated", "second-moment-scalar"}
    assert "eps = inside" in verdicts[0].message


def strange(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + np.tanh(g)
    p -= lr * s.m * np.abs(p)


def strange_filter(s: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * (g - 0.3 * s.m + 0.2 * s.v)
    s.v, s.m = s.m, g.copy()


def test_a_decay_of_one_parameter_makes_no_other_formula() -> None:
    def step(state: State, params: list[Array], grads: list[Array]) -> None:
        each(sgd_penalty)(state, params[:1], grads[:1])
        each(sgd)(state, params[1:], grads[1:])

    (verdict,) = examine_rule(rule(step, "sgd"), 0)
    assert (verdict.status, verdict.cause) == (DIFFERS, None)


def of_matrix(state: State, params: list[Array], grads: list[Array]) -> None:
    """Biases are divided by the root of what their matrices have kept."""
    for p, g in zip(params, grads, strict=True):
        state.v = (0.01 * g**2) if p.ndim == 2 else state.v.mean(axis=0)
        p -= state.lr * g / (np.sqrt(state.v) + 1e-8)


def test_a_nearest_multiple_is_not_of_one_entry() -> None:
    (verdict,) = examine_rule(rule(of_matrix, "rmsprop"), 0, ((12, 9), (9,), (9, 5), (5,)))
    assert verdict.cause is None
    assert "of all its entries the nearest multiple" in verdict.message
    assert verdict.residual is not None
    assert verdict.residual > 0.1


@pytest.mark.parametrize("kind", ["sgd", "momentum", "adam", "rmsprop"])
def test_what_is_not_known_gets_no_name(kind: str) -> None:
    (verdict,) = examine_rule(rule(each(strange), kind), 0)
    assert (verdict.status, verdict.cause) == (DIFFERS, None)
    assert verdict.tensor == "parameter 1"
    assert "The cause is unknown" in verdict.message


def infinite_mean(s: State, p: Array, g: Array, lr: float) -> None:
    # It divides by a mean that begins at zero.
    m, v = corrected(s, g, s.t)
    p -= lr * (m + np.float64(np.inf) * (s.t == 1)) / (np.sqrt(v) + 1e-8)


def root_of_zero(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = corrected(s, g, s.t)
    with np.errstate(all="ignore"):
        p -= lr * m / np.sqrt(0 * v)


@pytest.mark.parametrize("update", [infinite_mean, root_of_zero])
def test_steps_that_are_not_finite_are_not_all_counted_from_zero(update: Update) -> None:
    (verdict,) = examine_rule(rule(each(update), "adam"), 0)
    assert (verdict.status, verdict.cause) == (DIFFERS, None)
    assert "it is not finite" in verdict.message


def test_linear_steps_that_are_not_known_are_described() -> None:
    (verdict,) = examine_rule(rule(each(strange_filter), "momentum"), 0)
    assert verdict.cause is None
    assert "-lr (0.2 g1 + -0.3 g2 + 1 g3)" in verdict.message


def test_rule_that_raises_could_not_be_checked() -> None:
    def step(*_: Any) -> None:
        raise RuntimeError("no")

    (verdict,) = examine_rule(rule(step, "sgd"), 0)
    assert verdict.status == UNCHECKED
    assert "RuntimeError: no" in verdict.message


def test_rule_that_returns_fewer_arrays_could_not_be_checked() -> None:
    def step(state: State, params: list[Array], grads: list[Array]) -> list[Array]:
        return returned(state, params, grads)[:-1]

    (verdict,) = examine_rule(rule(step, "sgd"), 0)
    assert verdict.status == UNCHECKED
    assert "returned 3 of 4 arrays" in verdict.message


def test_rule_may_return_what_is_no_parameter() -> None:
    def step(state: State, params: list[Array], grads: list[Array]) -> Array:
        each(sgd)(state, params, grads)
        return np.zeros(3)

    (verdict,) = examine_rule(rule(step, "sgd"), 0)
    assert verdict.status == EQUAL


def test_step_that_is_told_is_the_first_that_clearly_differs() -> None:
    def update(s: State, p: Array, g: Array, lr: float) -> None:
        m, v = corrected(s, g, s.t)
        p -= lr * (m if s.t < 4 else np.abs(p) * m) / (np.sqrt(v) + 1e-10)

    (verdict,) = examine_rule(rule(each(update), "adam", eps=1e-8), 0)
    assert (verdict.status, verdict.cause) == (DIFFERS, None)
    # Before that eps is another one, which shows with the smallest gradients, or hardly.
    assert verdict.message.startswith("step 4 of parameter 1")
    assert "the first that is clearly not adam's" in verdict.message


def test_a_parameter_without_any_change_is_told() -> None:
    def step(state: State, params: list[Array], grads: list[Array]) -> None:
        for p, g in list(zip(params, grads, strict=True))[1:]:
            p -= state.lr * g

    (verdict,) = examine_rule(rule(step, "sgd"), 0)
    assert verdict.status == DIFFERS
    assert verdict.cause == "step-without-effect"
    assert "parameter 1: never changed; all others" in verdict.message


def test_rule_for_fixed_shapes_is_asked_with_them() -> None:
    def step(state: State, params: list[Array], grads: list[Array]) -> None:
        assert params[0].shape == (30, 12)
        each(adam)(state, params, grads)

    (verdict,) = examine_rule(rule(step, "adam"), 0, [(30, 12), (12,), (12, 9), (9,)])
    assert verdict.status == EQUAL


def test_float32_parameters_are_judged_by_their_rounding() -> None:
    def step(state: State, params: list[Array], grads: list[Array]) -> list[Array]:
        inner = [p.astype(np.float32) for p in params]
        each(adam)(state, inner, [g.astype(np.float32) for g in grads])
        return inner

    (verdict,) = examine_rule(rule(step, "adam"), 0)
    assert verdict.status == EQUAL


def test_moments_in_float32_are_no_fault() -> None:
    def update(s: State, p: Array, g: Array, lr: float) -> None:
        adam(s, p, g, lr)
        s.m, s.v = np.float32(s.m), np.float32(s.v)

    (verdict,) = examine_rule(rule(each(update), "adam"), 0)
    assert verdict.status == EQUAL


def test_writing_to_the_gradients_is_seen() -> None:
    def update(_: State, p: Array, g: Array, lr: float) -> None:
        g += 0.01 * p
        p -= lr * g

    verdicts = examine_rule(rule(each(update), "sgd", weight_decay=0.01), 0)
    assert [(v.aspect, v.cause) for v in verdicts] == [
        ("optimizer", None),
        ("side effects", "gradient-written-to"),
    ]


def keeping(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = g if s.t == 1 else 0.9 * s.m + g
    p -= lr * s.m


def test_keeping_the_gradients_is_seen() -> None:
    verdicts = examine_rule(rule(each(keeping), "momentum"), 0)
    assert [(v.status, v.cause) for v in verdicts] == [(EQUAL, None), (DIFFERS, "gradient-kept")]


@pytest.mark.parametrize(("is_new", "status"), [(True, CONVENTION), (False, DIFFERS)])
def test_keeping_gradients_that_nothing_writes_to_does_no_harm(is_new: bool, status: str) -> None:
    class Handing(Learner):
        def gradients(self, x: Array, y: Array) -> list[Array]:
            found = super().gradients(x, y)
            self.kept = found if is_new or not hasattr(self, "kept") else self.kept
            for own, new in zip(self.kept, found, strict=True):
                own[...] = new
            return self.kept

    network = Network(
        Handing,
        parameters="w1 b1 w2 b2",
        forward="forward",
        gradients="gradients",
        optimizer=rule(each(keeping), "momentum"),
    )
    told = [(v.status, v.cause) for v in examine_network(network, only="optimizer").verdicts]
    assert (status, "gradient-kept") in told


def test_state_of_another_optimizer_is_seen() -> None:
    kept = State(lr=0.1)
    shared = Rule(lambda *_: kept, each(momentum), "momentum")
    verdicts = examine_rule(shared, 0)
    assert "optimizer-state-kept" in [verdict.cause for verdict in verdicts]


@pytest.mark.parametrize(
    ("kind", "options", "argument"),
    [("adum", {}, "kind"), ("adam", {"beta": 1}, "options"), ("sgd", {"momentum": np.inf}, "opt")],
)
def test_unknown_kinds_and_options_are_refused(
    kind: str, options: dict[str, Any], argument: str
) -> None:
    with pytest.raises(InputError, match=argument):
        examine_rule(rule(each(sgd), kind, **options), 0)


def test_response_of_nesterov() -> None:
    rng = np.random.default_rng(0)
    asked = Asked(0.1, ((4, 3), (3,)), rng.standard_normal((3, 15)), rng.standard_normal((3, 15)))
    steps = displacements(
        Formula("nesterov", {"momentum": 0.5, "dampening": 0.0, "weight_decay": 0.0}), asked
    )
    coefficients, decays, misfit = responses(Observed(asked, steps, np.zeros(15, int), 1e-9, 0.0))
    np.testing.assert_allclose(coefficients[2], [0.125, 0.25, 1.5], atol=1e-9)
    np.testing.assert_allclose(decays, 0, atol=1e-9)
    assert misfit < 1e-9


# Networks that update themselves


class Learner:
    """A network of two layers with sigmoids, for the squared error."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        self.w1, self.b1 = rng.standard_normal((6, 5)), np.zeros(5)
        self.w2, self.b2 = rng.standard_normal((5, 4)), np.zeros(4)
        self.state = State(lr=0.0)

    def forward(self, x: Array) -> Array:
        self.a = 1 / (1 + np.exp(-(x @ self.w1 + self.b1)))
        output: Array = 1 / (1 + np.exp(-(self.a @ self.w2 + self.b2)))
        return output

    def gradients(self, x: Array, y: Array) -> list[Array]:
        p = self.forward(x)
        d2 = (p - y) * p * (1 - p) / len(x)
        d1 = d2 @ self.w2.T * self.a * (1 - self.a)
        return [x.T @ d1, d1.sum(axis=0), self.a.T @ d2, d2.sum(axis=0)]


def learner(step: Step, spec: Spec) -> Inquiry:
    def taken(net: Learner, x: Array, y: Array, lr: float) -> None:
        net.state.lr = lr
        step(net.state, [net.w1, net.b1, net.w2, net.b2], net.gradients(x, y))

    network = Network(
        Learner,
        parameters="w1 b1 w2 b2",
        forward="forward",
        step=taken,
        spec=spec,
    )
    return asked(network)


def asked(network: Network) -> Inquiry:
    inquiry = Inquiry.begin(Subject(network), network.spec, 5)
    inquiry.form = Form(("sigmoid",), "sigmoid")
    inquiry.gradient_loss, inquiry.gradient_scale = "squared_error", Scale(1.0, 1)
    inquiry.is_gradient_known = True
    return inquiry


HALF = {"loss": "squared_error", "scale": "half mean"}


@pytest.mark.parametrize(
    ("step", "kind", "status", "cause"),
    [
        (each(sgd), None, EQUAL, None),
        (each(momentum), None, EQUAL, None),
        (each(momentum), "nesterov", DIFFERS, "nesterov-is-momentum"),
        (each(sgd), "momentum", DIFFERS, "momentum-without-effect"),
        (each(accumulated), "sgd", DIFFERS, "step-of-accumulated"),
        # The first five steps of RAdam are those of corrected momentum.
        (each(momentum_corrected), "radam", DIFFERS, "another-optimizer"),
        (each(momentum_corrected), None, CONVENTION, "momentum-corrected"),
        (each(radam), None, EQUAL, None),
        (each(rmsprop_corrected), "adam", DIFFERS, "another-optimizer"),
        (each(sgd_penalty), None, EQUAL, None),
        (each(strange), "sgd", UNCHECKED, None),
    ],
)
def test_networks_that_update_themselves(
    step: Step, kind: str | None, status: str, cause: str | None
) -> None:
    inquiry = learner(step, Spec(**HALF, optimizer=kind))
    assert [(v.status, v.cause) for v in examine_inquiry(inquiry)] == [(status, cause)]


@pytest.mark.parametrize("kind", [None, "nesterov"])
def test_nesterov_inside_a_network_explains_its_factor(kind: str | None) -> None:
    inquiry = learner(each(nesterov), Spec(**HALF, optimizer=kind))
    inquiry.gradient_scale = Scale(1.9, 1)
    assert [(v.status, v.cause) for v in examine_inquiry(inquiry)] == [(EQUAL, None)]
    inquiry.gradient_scale = Scale(3.8, 1)
    assert [(v.aspect, v.cause) for v in examine_inquiry(inquiry)] == [
        ("gradient", "factor-two"),
        ("optimizer", None),
    ]


def test_average_inside_a_network_explains_its_factor() -> None:
    inquiry = learner(each(momentum_average), Spec(**HALF))
    inquiry.gradient_scale = Scale(0.1, 1)
    (verdict,) = examine_inquiry(inquiry)
    assert (verdict.status, verdict.cause) == (CONVENTION, "momentum-average")


@pytest.mark.parametrize(
    ("step", "status", "cause"),
    [
        (each(adam), EQUAL, None),
        (each(uncorrected), DIFFERS, "adam-no-bias-correction"),
        (counted(lambda _: 1), DIFFERS, "adam-step-constant"),
    ],
)
def test_adam_inside_a_network(step: Step, status: str, cause: str | None) -> None:
    inquiry = learner(step, Spec(**HALF, optimizer="adam"))
    inquiry.gradient_scale = None
    assert [(v.status, v.cause) for v in examine_inquiry(inquiry)] == [(status, cause)]


def updating(step: Step, gradients: Callable[[Learner, Array, Array], list[Array]]) -> Network:
    def taken(net: Learner, x: Array, y: Array, lr: float) -> None:
        net.state.lr = lr
        step(net.state, [net.w1, net.b1, net.w2, net.b2], gradients(net, x, y))

    return Network(Learner, parameters="w1 b1 w2 b2", forward="forward", step=taken)


def summed(net: Learner, x: Array, y: Array) -> list[Array]:
    return [len(x) * gradient for gradient in net.gradients(x, y)]


def without_derivative(net: Learner, x: Array, y: Array) -> list[Array]:
    p = net.forward(x)
    d2 = (p - y) * p * (1 - p) / len(x)
    d1 = d2 @ net.w2.T
    return [x.T @ d1, d1.sum(axis=0), net.a.T @ d2, d2.sum(axis=0)]


def told(network: Network, aspect: str) -> list[tuple[str, str | None, float | None]]:
    report = examine_network(network)
    factors = [v.factor and round(v.factor, 6) for v in report.of(aspect)]
    return [
        (v.status, v.cause, factor) for v, factor in zip(report.of(aspect), factors, strict=True)
    ]


def test_average_of_a_sum_is_not_taken_for_a_batch_size_that_is_fixed() -> None:
    network = updating(each(momentum_average), summed)
    assert told(network, "gradient") == [(CONVENTION, "factor-batch", 7.0)]
    assert told(network, "optimizer") == [(CONVENTION, "momentum-average", 0.1)]
    declared = replace(network, spec=Spec(**HALF))
    assert told(declared, "gradient") == [(DIFFERS, "factor-batch", 7.0)]
    assert told(declared, "optimizer") == [(CONVENTION, "momentum-average", 0.1)]


def test_corrected_momentum_by_faulty_gradients_is_not_taken_for_radam() -> None:
    network = updating(each(momentum_corrected), without_derivative)
    handed = replace(network, gradients=without_derivative, spec=Spec(**HALF))
    assert told(handed, "optimizer") == [(CONVENTION, "momentum-corrected", None)]


def test_momentum_of_a_sum_is_no_average() -> None:
    network = updating(each(momentum), summed)
    assert told(network, "gradient") == [(CONVENTION, "factor-batch", 7.0)]
    assert told(network, "optimizer") == [(EQUAL, None, None)]


def test_factor_of_the_gradient_shows_beside_eps() -> None:
    network = replace(updating(each(adam), summed), spec=Spec(**HALF))
    assert told(network, "gradient") == [(DIFFERS, "factor-batch", 7.0)]
    assert told(network, "optimizer") == [(EQUAL, None, None)]


def decayed(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * (g + 0.01 * p)


def test_decay_of_all_parameters_is_a_convention() -> None:
    network = replace(updating(each(decayed), Learner.gradients), spec=Spec(**HALF))
    [(status, cause, _)] = told(network, "gradient")
    assert (status, cause) == (CONVENTION, "weight-decay")
    assert told(network, "optimizer") == [(EQUAL, None, None)]
    report = examine_network(network, arbiter=pytorch())
    assert report.failures == []
    assert "matrices and biases" in str(report)


def test_decay_of_biases_that_the_loss_does_not_have_is_a_fault() -> None:
    def loss(net: Learner, x: Array, y: Array) -> float:
        squares = float((net.w1**2).sum() + (net.w2**2).sum())
        return float(((net.forward(x) - y) ** 2).sum() / (2 * len(x)) + 0.005 * squares)

    network = replace(updating(each(decayed), Learner.gradients), loss=loss)
    [verdict] = examine_network(network, only="gradient").failures
    assert (verdict.cause, verdict.tensor) == ("weight-decay", "b1")


def softened(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * g * np.sqrt(g**2 + 1e-3)


def test_gradient_is_not_blamed_for_an_optimizer_that_is_not_known() -> None:
    network = replace(updating(each(softened), Learner.gradients), spec=Spec(**HALF))
    assert told(network, "gradient") == [(UNCHECKED, None, None)]
    assert told(network, "optimizer") == [(UNCHECKED, None, None)]
    declared = replace(network, spec=Spec(**HALF, optimizer="rmsprop"))
    assert told(declared, "optimizer") == [(DIFFERS, None, None)]


def test_optimizer_that_is_not_known_does_not_hide_a_fault_of_the_gradient() -> None:
    network = replace(updating(each(softened), without_derivative), spec=Spec(**HALF))
    assert [status for status, _, _ in told(network, "gradient")] == [DIFFERS]


# Networks that update themselves by a gradient with a fault


class Updating(Learner):
    """The second matrix is updated before the error is carried back through it."""

    outputs = 10
    change: Callable[..., Array]

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(4)
        self.w2, self.b2 = rng.standard_normal((5, self.outputs)), np.zeros(self.outputs)

    def taken(self, x: Array, y: Array, lr: float, change: Callable[..., Array]) -> None:
        p = self.forward(x)
        d2 = (p - y) * p * (1 - p) / len(x)
        for name, gradient in (("w2", self.a.T @ d2), ("b2", d2.sum(axis=0))):
            setattr(self, name, getattr(self, name) - lr * change(self, name, gradient))
        d1 = d2 @ self.w2.T * self.a * (1 - self.a)
        for name, gradient in (("w1", x.T @ d1), ("b1", d1.sum(axis=0))):
            setattr(self, name, getattr(self, name) - lr * change(self, name, gradient))


def kept_as(own: float, share: float, ahead: bool = False) -> Callable[..., Array]:
    def change(net: Updating, name: str, gradient: Array) -> Array:
        kept = net.state.__dict__
        kept[name] = own * kept.get(name, 0.0) + share * gradient
        velocity: Array = share * gradient + own * kept[name] if ahead else kept[name]
        return velocity

    return change


def falling(net: Updating, name: str, gradient: Array) -> Array:
    ticks = net.state.__dict__[f"t{name}"] = net.state.__dict__.get(f"t{name}", 0) + 1
    return gradient * 0.1 / ticks


def plain(_: Updating, __: str, gradient: Array) -> Array:
    return gradient


def updated_early(change: Callable[..., Array], optimizer: str | None = None) -> Network:
    return Network(
        Updating,
        parameters="w1 b1 w2 b2",
        forward="forward",
        step=lambda net, x, y, lr: net.taken(x, y, lr, change),
        spec=Spec(**HALF, optimizer=optimizer),
    )


EARLY = (DIFFERS, "update-order", None)


@pytest.mark.parametrize(
    ("change", "kind", "status", "cause"),
    [
        (plain, None, EQUAL, None),
        (plain, "momentum", DIFFERS, "momentum-without-effect"),
        (plain, "adam", DIFFERS, "another-optimizer"),
        (kept_as(0.9, 1.0), None, EQUAL, None),
        (kept_as(0.9, 1.0), "momentum", EQUAL, None),
        (kept_as(0.9, 1.0), "nesterov", DIFFERS, "nesterov-is-momentum"),
        (kept_as(0.9, 1.0), "sgd", DIFFERS, "another-optimizer"),
        (kept_as(0.8, 1.0), "momentum", EQUAL, None),
        (kept_as(0.9, 1.0, True), "nesterov", EQUAL, None),
        (kept_as(0.9, 1.0, True), None, EQUAL, None),
        (kept_as(0.9, 0.1), None, CONVENTION, "momentum-average"),
        (kept_as(0.9, 0.1), "momentum", CONVENTION, "momentum-average"),
        (kept_as(0.9, 0.1, True), "nesterov", CONVENTION, "momentum-average"),
        (kept_as(1.0, 1.0), "sgd", DIFFERS, "step-of-accumulated"),
    ],
)
def test_what_steps_keep_shows_beside_a_fault_of_the_gradient(
    change: Callable[..., Array], kind: str | None, status: str, cause: str | None
) -> None:
    network = updated_early(change, kind)
    # A factor of 1 - momentum is the optimizer's, though there are ten outputs.
    assert told(network, "gradient") == [EARLY]
    [(*found, _)] = told(network, "optimizer")
    assert found == [status, cause]


def test_factor_of_the_gradient_shows_beside_momentum_and_another_fault() -> None:
    network = updated_early(kept_as(0.9, 0.5), "momentum")
    assert told(network, "gradient") == [EARLY, (DIFFERS, "factor-two", 0.5)]
    assert told(network, "optimizer") == [(EQUAL, None, None)]
    network = updated_early(kept_as(0.9, 0.2), "momentum")
    assert told(network, "gradient") == [EARLY, (DIFFERS, "factor-two", 2.0)]
    assert told(network, "optimizer") == [(CONVENTION, "momentum-average", 0.1)]


def test_factor_is_not_judged_where_steps_keep_what_is_not_known() -> None:
    network = updated_early(falling)
    assert told(network, "gradient") == [EARLY, (UNCHECKED, None, None)]
    assert told(network, "optimizer") == [(UNCHECKED, None, None)]


def test_what_networks_share_is_not_taken_for_no_state() -> None:
    shared = State()

    def change(_: Updating, name: str, gradient: Array) -> Array:
        before: Array = shared.__dict__.get(name, 0.0 * gradient)
        shared.__dict__[name] = gradient
        return gradient + 1e-9 * before

    assert told(updated_early(change), "optimizer") == [(UNCHECKED, None, None)]


@pytest.mark.parametrize(
    ("momenta", "expected"),
    [
        ((0.0, 0.0), Kept("nothing")),
        ((0.875, 0.875), Kept("momentum", 0.875)),
        ((0.9, 0.5), Kept("other")),
        ((0.9, 0.0), Kept("other")),
    ],
)
def test_kept_is_of_all_tensors(momenta: tuple[float, float], expected: Kept) -> None:
    rng = np.random.default_rng(0)
    gradients = [[rng.standard_normal((4, 3)), rng.standard_normal(6)] for _ in range(3)]
    steps: list[list[Array]] = [gradients[0]]
    for gradient in gradients[1:]:
        velocities = zip(momenta, steps[-1], gradient, strict=True)
        steps.append([momentum * before + g for momentum, before, g in velocities])
    assert kept(steps, gradients[1:]) == expected


def unscaled(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * g + 0.01 * p


@pytest.mark.parametrize("kind", ["sgd", None])
def test_decay_that_nobody_declares_is_asked_at_a_second_rate(kind: str | None) -> None:
    (verdict,) = examine_rule(rule(each(unscaled), kind), 1)
    assert (verdict.status, verdict.cause) == (CONVENTION, "decay-not-scaled")
    assert verdict.factor == pytest.approx(0.01)
    scaled = each(lambda _, p, g, lr: operator.isub(p, lr * (g + 0.01 * p)))
    (verdict,) = examine_rule(rule(scaled, kind), 1)
    assert "weight_decay 0.01" in verdict.message


def test_decay_that_does_not_move_with_the_rate_shows_in_steps() -> None:
    network = replace(updating(each(unscaled), Learner.gradients), spec=Spec(**HALF))
    [(*found, taken)] = told(network, "optimizer")
    assert found == [CONVENTION, "decay-not-scaled"]
    assert taken == 0.01
    declared = replace(network, spec=Spec(**HALF, weight_decay=0.01))
    assert told(declared, "optimizer") == [(DIFFERS, "decay-not-scaled", None)]


@pytest.mark.parametrize("lr", [None, 0.07])
def test_decay_is_not_said_to_stay_where_the_rate_does(lr: float | None) -> None:
    def step(net: Learner, x: Array, y: Array, _: float) -> None:
        net.state.lr = 0.07
        each(decayed)(net.state, [net.w1, net.b1, net.w2, net.b2], net.gradients(x, y))

    network = Network(
        Learner, parameters="w1 b1 w2 b2", forward="forward", step=step, lr=lr, spec=Spec(**HALF)
    )
    assert "decay-not-scaled" not in [cause for _, cause, _ in told(network, "optimizer")]


class Rectified(Learner):
    """A hidden layer of rectified units, whose derivative the gradient leaves out."""

    def forward(self, x: Array) -> Array:
        self.a = np.maximum(x @ self.w1 + self.b1, 0)
        output: Array = 1 / (1 + np.exp(-(self.a @ self.w2 + self.b2)))
        return output


def test_fault_of_a_gradient_that_is_not_seen_is_not_the_optimizers() -> None:
    def step(net: Rectified, x: Array, y: Array, lr: float) -> None:
        net.state.lr = lr
        params = [net.w1, net.b1, net.w2, net.b2]
        each(momentum)(net.state, params, without_derivative(net, x, y))

    network = Network(
        Rectified,
        parameters="w1 b1 w2 b2",
        forward="forward",
        step=step,
        batch="row",
        spec=Spec(**HALF, optimizer="momentum"),
    )
    inquiry = asked(network)
    inquiry.form = Form(("relu",), "sigmoid")
    inquiry.gradient_scale = None
    assert [verdict.status for verdict in examine_inquiry(inquiry)] == [UNCHECKED]


def test_count_of_samples_inside_a_network_is_no_count_of_steps() -> None:
    def taken(net: Learner, x: Array, y: Array, lr: float) -> None:
        net.state.lr = lr
        step = counted(lambda _: len(x))
        step(net.state, [net.w1, net.b1, net.w2, net.b2], net.gradients(x, y))

    spec = Spec(**HALF, optimizer="adam")
    network = Network(Learner, parameters="w1 b1 w2 b2", forward="forward", step=taken, spec=spec)
    inquiry = asked(network)
    inquiry.gradient_scale = None
    (verdict,) = examine_inquiry(inquiry)
    assert (verdict.status, verdict.cause) == (DIFFERS, "adam-step-constant")
    assert "count = samples" in verdict.message


def test_trajectory_alternates() -> None:
    inquiry = learner(each(sgd), Spec(**HALF))
    same, turns = trajectory(inquiry, 3, 0.1)
    first, second, third = map(len, turns.batches)
    assert first == third != second
    np.testing.assert_array_equal(same.layers[1][0].weight, turns.layers[1][0].weight)
    assert not np.array_equal(same.layers[2][0].weight, turns.layers[2][0].weight)
    with pytest.raises(InputError, match="steps"):
        trajectory(inquiry, 0, 0.1)


def test_right_gradient_is_the_slope() -> None:
    inquiry = learner(each(sgd), Spec(**HALF))
    batch = inquiry.batches[0]
    found = right_gradient(inquiry, "squared_error", inquiry.layers, batch)
    inquiry.restore()
    expected = inquiry.subject.net.gradients(batch.inputs, batch.targets)
    np.testing.assert_allclose(found[0].weight.T / len(batch), expected[0], rtol=1e-12)
    np.testing.assert_allclose(found[1].bias / len(batch), expected[3], rtol=1e-12)


def test_optimizer_of_a_network_is_examined() -> None:
    network = Network(
        Learner,
        parameters="w1 b1 w2 b2",
        forward="forward",
        gradients="gradients",
        optimizer=rule(each(uncorrected), "adam"),
    )
    verdicts = examine_inquiry(asked(network))
    assert of_optimizer(verdicts) == [(DIFFERS, "adam-no-bias-correction")]
