"""Optimizers that PyTorch lacks or computes otherwise, and optimizer state to PyTorch and back."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

import numpy_impl as ours

__all__ = ["Lion", "Muon", "adagrad", "default_dtype", "state_from_torch", "state_to_torch"]


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Let PyTorch make new tensors of this type, the scalars in an optimizer's state among them."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


class Lion(torch.optim.Optimizer):
    """Lion, by the second algorithm of its paper; arguments as for `numpy_impl.Lion`.

    References
    ----------
    Chen et al. (2023), https://arxiv.org/abs/2302.06675
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        beta1, beta2 = betas
        if not (lr >= 0 and weight_decay >= 0 and 0 <= beta1 < 1 and 0 <= beta2 < 1):
            raise ValueError("out of range")
        defaults = {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                grad = -parameter.grad if group["maximize"] else parameter.grad
                state = self.state[parameter]
                momentum = state.setdefault("exp_avg", torch.zeros_like(parameter))
                update = torch.sign(beta1 * momentum + (1 - beta1) * grad)
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(update, alpha=group["lr"])
                momentum.mul_(beta2).add_(grad, alpha=1 - beta2)


class Muon(torch.optim.Muon):
    """PyTorch's Muon with the iteration in the type of the parameters, not in bfloat16."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            if not 0 <= group["ns_steps"] < 100:
                raise ValueError("ns_steps")
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                momentum = state.setdefault("momentum_buffer", torch.zeros_like(parameter))
                momentum.lerp_(parameter.grad, 1 - group["momentum"])
                update = momentum
                if group["nesterov"]:
                    update = parameter.grad.lerp(momentum, group["momentum"])
                update = _evened_out(
                    update, group["ns_coefficients"], group["ns_steps"], group["eps"]
                )
                rows, columns = parameter.shape
                factor = float(max(1, rows / columns)) ** 0.5
                if group["adjust_lr_fn"] == "match_rms_adamw":
                    factor = 0.2 * float(max(rows, columns)) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(update, alpha=group["lr"] * factor)


def _evened_out(
    matrix: torch.Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> torch.Tensor:
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


def adagrad(params: Iterable[Any], **options: Any) -> torch.optim.Adagrad:
    """Return PyTorch's Adagrad, which reads where its sums start from the constructor only."""
    params = list(params)
    key = "initial_accumulator_value"
    for group in params:
        if isinstance(group, Mapping) and key in group:
            options[key] = group[key]
    return torch.optim.Adagrad(params, **options)


def state_to_torch(optimizer: ours.Optimizer, twin: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the state of an optimizer as a ``state_dict`` that its twin can load.

    Parameters
    ----------
    optimizer : numpy_impl.Optimizer
        The original.
    twin : torch.optim.Optimizer
        Made by `twin_of_optimizer`; its groups have the same parameters in the same order.
    """
    state_dict = optimizer.state_dict()
    names = [name for group in state_dict["param_groups"] for name in group["params"]]
    state = {
        names.index(name): {key: _to_tensors(key, value) for key, value in entries.items()}
        for name, entries in state_dict["state"].items()
    }
    # PyTorch's own switches, such as `foreach`, stay the twin's.
    groups = [
        {**theirs, **group, "params": theirs["params"]}
        for theirs, group in zip(
            twin.state_dict()["param_groups"], state_dict["param_groups"], strict=True
        )
    ]
    return {"state": state, "param_groups": groups}


def state_from_torch(twin: torch.optim.Optimizer, optimizer: ours.Optimizer) -> dict[str, Any]:
    """Return the state of the twin of an optimizer as a ``state_dict`` that this can load."""
    own = optimizer.state_dict()["param_groups"]
    theirs = twin.state_dict()
    names = [name for group in own for name in group["params"]]
    state = {}
    for index, entries in theirs["state"].items():
        kept = {key: _to_arrays(value) for key, value in entries.items() if value is not None}
        kept.pop("al", None)  # what L-BFGS works with, not what it remembers
        if kept:
            state[names[index]] = kept
    groups = [
        {key: group[key] for key in ours_group} | {"params": ours_group["params"]}
        for group, ours_group in zip(theirs["param_groups"], own, strict=True)
    ]
    return {"state": state, "param_groups": groups}


def _to_tensors(key: str, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return torch.tensor(value)
    if isinstance(value, list):
        return [_to_tensors(key, entry) for entry in value]
    # L-BFGS counts in integers; all others keep their numbers as tensors.
    if key in ("step", "mu_product"):
        return torch.tensor(float(value), dtype=torch.float64)
    return value


def _to_arrays(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.item() if value.ndim == 0 else value.detach().numpy().copy()
    if isinstance(value, list):
        return [_to_arrays(entry) for entry in value]
    return value
