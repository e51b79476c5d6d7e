"""JAX with optax: a jitted step per batch, or the whole epoch in one jitted scan."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from benchmarks.work import LR, SCALE, Work

State = tuple[Any, Any]  # parameters, and what the optimizer remembers


def make(work: Work, *, scan: bool) -> Callable[[NDArray[Any]], float]:
    """Return the epoch; see `benchmarks.contenders`.

    Parameters
    ----------
    work : Work
        What to do.
    scan : bool
        Whether an epoch is one compiled loop, to which Python hands nothing but the order.
    """
    # Copies: what is donated is overwritten.
    parameters = [(jnp.array(w.T), jnp.array(b)) for w, b in work.layers]
    optimizer = optax.adam(LR)
    state: State = (parameters, optimizer.init(parameters))
    # 32 bits are as wide as JAX's integers are, unless it is told otherwise.
    pixels, labels = jnp.array(work.pixels), jnp.array(work.labels.astype(np.int32))

    def loss_of(parameters: Any, x: Any, y: Any) -> Any:
        for weights, bias in parameters[:-1]:
            x = jax.nn.relu(x @ weights + bias)
        logits = x @ parameters[-1][0] + parameters[-1][1]
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    def step(state: State, pixels: Any, labels: Any, rows: Any) -> tuple[State, Any]:
        parameters, moments = state
        x = pixels[rows].astype(jnp.float32) * SCALE
        loss, grads = jax.value_and_grad(loss_of)(parameters, x, labels[rows])
        updates, moments = optimizer.update(grads, moments, parameters)
        return (optax.apply_updates(parameters, updates), moments), loss

    jitted_step = jax.jit(step, donate_argnums=0)

    @partial(jax.jit, donate_argnums=0)
    def whole_batches(state: State, pixels: Any, labels: Any, rows: Any) -> tuple[State, Any]:
        return jax.lax.scan(lambda s, r: step(s, pixels, labels, r), state, rows)

    def stepwise(order: NDArray[Any]) -> list[Any]:
        nonlocal state
        losses = []
        for start in range(0, len(order), work.batch_size):
            state, loss = jitted_step(state, pixels, labels, order[start : start + work.batch_size])
            losses.append(loss)
        return losses

    def scanned(order: NDArray[Any]) -> list[Any]:
        nonlocal state
        whole = len(order) // work.batch_size * work.batch_size
        state, losses = whole_batches(
            state, pixels, labels, order[:whole].reshape(-1, work.batch_size)
        )
        return [losses, *stepwise(order[whole:])]

    def epoch(order: NDArray[Any]) -> float:
        # Nothing waits for a result before the end, where all losses are fetched.
        fetched = jax.device_get((scanned if scan else stepwise)(order.astype(np.int32)))
        losses = np.hstack(fetched)
        samples = np.full(len(losses), work.batch_size)
        samples[-1] = len(order) - samples[:-1].sum()
        return float(np.average(losses, weights=samples))

    return epoch
