"""Rules of optimizers that are wrong, or written otherwise than PyTorch has them."""
# ruff: noqa: D103

from collections.abc import Callable

import numpy as np

from parity_tests.kit.optimizers.asking import RATES
from parity_tests.kit.tests.update_rules import (
    Array,
    State,
    Step,
    Update,
    adam,
    corrected,
    each,
    moments,
    momentum,
    rmsprop,
    sgd,
)


def momentum_average(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    p -= lr * s.m


def momentum_times_rate(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = lr * (0.9 * s.m + g)
    p -= s.m


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


def rmsprop_exchanged(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.01 * s.v + 0.99 * g**2
    p -= lr * g / (np.sqrt(s.v) + 1e-8)


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


def velocity_turned(s: State, p: Array, g: Array, lr: float) -> None:
    """The velocity before is added, where Nesterov's step takes it back."""
    before, s.m = s.m, 0.9 * s.m - lr * g
    p += 0.9 * before + 1.9 * s.m


def velocity_whole(s: State, p: Array, g: Array, lr: float) -> None:
    """The velocity is beside the gradient without its momentum."""
    s.m = 0.9 * s.m + g
    p -= lr * (g + s.m)


def adamax_uncorrected(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    s.u = np.maximum(0.999 * s.u, np.abs(g) + 1e-8)
    p -= lr * s.m / s.u


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


def first_corrected_by_product(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = moments(s, g)
    p -= lr * m / (1 - 0.9 * s.t) / (np.sqrt(v / (1 - 0.999**s.t)) + 1e-8)


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


def counted_together(
    per: int, backwards: bool = False, start: int = 0, order: tuple[int, ...] | None = None
) -> Step:
    """Adam whose count goes up after every so many parameters, or in an order of its own."""

    def step(state: State, params: list[Array], grads: list[Array]) -> None:
        pairs = list(enumerate(zip(params, grads, strict=True)))
        if order is not None:
            pairs = [pairs[k] for k in order]
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


def first_undecayed(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = s.m + 0.1 * g
    s.v = 0.999 * s.v + (1 - 0.999) * g**2
    p -= lr * s.m / (1 - 0.9**s.t) / (np.sqrt(s.v / (1 - 0.999**s.t)) + 1e-8)


def second_undecayed(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = s.v + 0.01 * g**2
    p -= lr * g / (np.sqrt(s.v) + 1e-8)


def second_summed(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.99 * s.v + g**2
    p -= lr * g / (np.sqrt(s.v) + 1e-8)


def second_summed_and_centered(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.95 * s.v + g**2
    s.m = 0.95 * s.m + 0.05 * g
    p -= lr * g / (np.sqrt(s.v - s.m**2) + 1e-8)


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


def adamw_folded_unscaled(s: State, p: Array, g: Array, lr: float) -> None:
    p *= 1 - 0.01
    adam_folded(s, p, g, lr)


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


def momentum_by_shape(state: State, params: list[Array], grads: list[Array]) -> None:
    kept = state.__dict__.setdefault("by_shape", {})
    for p, g in zip(params, grads, strict=True):
        kept[p.shape] = 0.9 * kept.get(p.shape, 0.0) + g
        p -= state.lr * kept[p.shape]


def adam_swapped(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = corrected(s, g, s.t, 0.999, 0.9)
    p -= lr * m / (np.sqrt(v) + 1e-8)


def squares_by_beta1(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    s.v = 0.999 * s.v + 0.1 * g**2
    p -= lr * s.m / (1 - 0.9**s.t) / (np.sqrt(s.v / (1 - 0.999**s.t)) + 1e-8)


def first_by_beta2(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.999 * s.m + 0.001 * g
    s.v = 0.999 * s.v + 0.001 * g**2
    p -= lr * s.m / (1 - 0.9**s.t) / (np.sqrt(s.v / (1 - 0.999**s.t)) + 1e-8)


def corrections_exchanged(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    s.v = 0.999 * s.v + 0.001 * g**2
    p -= lr * s.m / (1 - 0.999**s.t) / (np.sqrt(s.v / (1 - 0.9**s.t)) + 1e-8)


def corrections_exchanged_beside_eps(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    s.v = 0.999 * s.v + 0.001 * g**2
    rate = lr * np.sqrt(1 - 0.9**s.t) / (1 - 0.999**s.t)
    p -= rate * s.m / (np.sqrt(s.v) + 1e-8)


def first_corrected_in_place(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = (0.9 * s.m + 0.1 * g) / (1 - 0.9**s.t)
    s.v = 0.999 * s.v + 0.001 * g**2
    p -= lr * s.m / (np.sqrt(s.v / (1 - 0.999**s.t)) + 1e-8)


def rmsprop_from_one(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.9 * (s.v if s.t > 1 else 1.0) + 0.1 * g**2
    p -= lr * g / (np.sqrt(s.v) + 1e-8)


def squares_corrected_by_beta1(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    s.v = 0.999 * s.v + 0.001 * g**2
    p -= lr * s.m / (1 - 0.9**s.t) / (np.sqrt(s.v / (1 - 0.9**s.t)) + 1e-8)


def means_corrected_by_beta2(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    s.v = 0.999 * s.v + 0.001 * g**2
    p -= lr * s.m / (1 - 0.999**s.t) / (np.sqrt(s.v / (1 - 0.999**s.t)) + 1e-8)


def squares_of_means(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    s.v = 0.999 * s.v + 0.001 * s.m**2
    p -= lr * s.m / (1 - 0.9**s.t) / (np.sqrt(s.v / (1 - 0.999**s.t)) + 1e-8)


def magnitudes(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    s.v = 0.999 * s.v + 0.001 * np.abs(g)
    p -= lr * s.m / (1 - 0.9**s.t) / (np.sqrt(s.v / (1 - 0.999**s.t)) + 1e-8)


def mean_of_magnitudes(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.9 * s.v + 0.1 * np.abs(g)
    p -= lr * g / (np.sqrt(s.v) + 1e-8)


def corrected_by_usual_betas(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    s.v = 0.99 * s.v + 0.01 * g**2
    p -= lr * s.m / (1 - 0.9**s.t) / (np.sqrt(s.v / (1 - 0.999**s.t)) + 1e-8)


def adam_of_other_betas(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = corrected(s, g, s.t, 0.87, 0.997)
    p -= lr * m / (np.sqrt(v) + 1e-8)


def adamw_unscaled(s: State, p: Array, g: Array, lr: float) -> None:
    p *= 1 - 0.01
    adam(s, p, g, lr)


def momentum_shrunk(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.9 * s.v + g
    p -= lr * s.v + 0.01 * p


def sgd_unscaled(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * g + 0.01 * p


def sgd_penalty_twice(_: State, p: Array, g: Array, lr: float) -> None:
    g = g + 0.01 * p
    p -= lr * (g + 0.01 * p)


def grown(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * (g - 0.01 * p)


def grown_matrices(s: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * (g - 0.01 * p if s.matrix else g)


def adamw_grown(s: State, p: Array, g: Array, lr: float) -> None:
    p *= 1 + lr * 0.01
    adam(s, p, g, lr)


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


def normalized(update: Update) -> Update:
    def change(s: State, p: Array, g: Array, lr: float) -> None:
        update(s, p, g / (np.linalg.norm(g) + 1e-8), lr)

    return change


def late(s: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * s.m
    s.m = g.copy()


def momentum_against(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = g - 0.9 * s.m
    p -= lr * s.m


def momentum_taken_away(s: State, p: Array, g: Array, lr: float) -> None:
    p += 0.9 * s.m - lr * g
    s.m = lr * g + 0.9 * s.m


def momentum_unscaled(s: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * g + 0.9 * s.m
    s.m = g + 0.9 * s.m


def over_the_root(s: State, p: Array, g: Array, lr: float) -> None:
    p -= lr / np.sqrt(s.t) * g


def by_the_first(s: State, p: Array, g: Array, lr: float) -> None:
    if s.t == 1:
        s.m = g.copy()
    p -= lr * s.m


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


def scaled_by_chance(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + g
    p -= RATES["momentum"] * lr * s.m


def three_at_once(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * g / np.sqrt(0.01 * np.sum(g**2) + 1e-6)


def strange(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + np.tanh(g)
    p -= lr * s.m * np.abs(p)


def strange_filter(s: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * (g - 0.3 * s.m + 0.2 * s.v)
    s.v, s.m = s.m, g.copy()


def of_matrix(state: State, params: list[Array], grads: list[Array]) -> None:
    """Biases are divided by the root of what their matrices have kept."""
    for p, g in zip(params, grads, strict=True):
        state.v = (0.01 * g**2) if p.ndim == 2 else state.v.mean(axis=0)
        p -= state.lr * g / (np.sqrt(state.v) + 1e-8)


def infinite_mean(s: State, p: Array, g: Array, lr: float) -> None:
    # It divides by a mean that begins at zero.
    m, v = corrected(s, g, s.t)
    p -= lr * (m + np.float64(np.inf) * (s.t == 1)) / (np.sqrt(v) + 1e-8)


def root_of_zero(s: State, p: Array, g: Array, lr: float) -> None:
    m, v = corrected(s, g, s.t)
    with np.errstate(all="ignore"):
        p -= lr * m / np.sqrt(0 * v)


def keeping(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = g if s.t == 1 else 0.9 * s.m + g
    p -= lr * s.m


def decayed(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * (g + 0.01 * p)


def softened(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * g * np.sqrt(g**2 + 1e-3)


def unscaled(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * g + 0.01 * p
