"""JAX with optax: a compiled step called for every batch, or a whole epoch compiled."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from benchmarks.work import LR, SCALE, Work

Parameters = list[tuple[jax.Array, jax.Array]]


def _loss(parameters: Parameters, pixels: jax.Array, labels: jax.Array) -> jax.Array:
    x = pixels.astype(jnp.float32) * SCALE
    for weight, bias in parameters[:-1]:
        x = jnp.maximum(x @ weight + bias, 0)
    weight, bias = parameters[-1]
    losses = optax.softmax_cross_entropy_with_integer_labels(x @ weight + bias, labels)
    return losses.mean()


def make(work: Work, *, mode: str) -> Callable[[NDArray[Any]], float]:
    """Return the epoch; see `benchmarks.contenders`."""
    parameters = [(jnp.array(w.T), jnp.zeros(len(w))) for w in work.weights]
    optimizer = optax.adam(LR)
    state = optimizer.init(parameters)
    carry = (parameters, state)

    def step(carry: Any, x: Any, y: Any) -> Any:
        parameters, state = carry
        loss, grads = jax.value_and_grad(_loss)(parameters, x, y)
        updates, state = optimizer.update(grads, state, parameters)
        return (optax.apply_updates(parameters, updates), state), loss

    one_step = jax.jit(step, donate_argnums=0)

    def by_steps(order: NDArray[Any]) -> float:
        nonlocal carry
        losses, sizes = [], []
        for start in range(0, len(order), work.batch_size):
            rows = order[start : start + work.batch_size]
            carry, loss = one_step(carry, work.pixels[rows], work.labels[rows])
            losses.append(loss)
            sizes.append(len(rows))
        # Fetching the losses waits for all that was dispatched.
        return float(np.average(jax.device_get(losses), weights=sizes))

    if mode == "jit":
        return by_steps

    pixels, labels = jnp.array(work.pixels), jnp.array(work.labels)
    whole_epoch = jax.jit(
        lambda carry, order: jax.lax.scan(
            lambda carry, rows: step(carry, pixels[rows], labels[rows]), carry, order
        ),
        donate_argnums=0,
    )

    def by_scan(order: NDArray[Any]) -> float:
        nonlocal carry
        steps, rest = divmod(len(order), work.batch_size)
        whole = len(order) - rest
        total = 0.0
        if steps:
            carry, losses = whole_epoch(carry, order[:whole].reshape(steps, -1))
            total = float(losses.sum()) * work.batch_size
        return (total + (by_steps(order[whole:]) * rest if rest else 0.0)) / len(order)

    return by_scan
