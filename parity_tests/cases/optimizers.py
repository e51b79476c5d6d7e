"""Optimizers, each in the forms that its constructor allows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy_impl as ours
from numpy_impl.optimizers.adadelta import adadelta_step
from numpy_impl.optimizers.adagrad import adagrad_step
from numpy_impl.optimizers.adam import adam_step
from numpy_impl.optimizers.adamax import adamax_step
from numpy_impl.optimizers.lion import lion_step
from numpy_impl.optimizers.muon import muon_step
from numpy_impl.optimizers.nadam import nadam_step
from numpy_impl.optimizers.radam import radam_step
from numpy_impl.optimizers.rmsprop import rmsprop_step
from numpy_impl.optimizers.sgd import sgd_step
from parity_tests.cases.refusal import Refusal

Groups = Callable[[list[ours.Parameter]], list[dict[str, Any]]]


@dataclass(frozen=True)
class OptimizerCase:
    """An optimizer of the catalogue.

    Attributes
    ----------
    operation : type
        The class under test; its twin is PyTorch's class of the same name.
    variants : mapping of str to mapping
        Arguments of the constructor, under a name for the form they make. ``params`` is a function
        from the model's parameters to groups; without it there is one group of all.
    changes : mapping of str to mapping
        For a variant, hyperparameters changed before the step of that number, as by a schedule.
    formula : callable, optional
        The plain formula of a step. It takes ``value``, ``grad``, the state under PyTorch's names
        and hyperparameters, as far as it has such arguments, and returns a named tuple of the
        value and the state. None for a rule that asks for the loss again.
    start : mapping of str to float or None
        The formula's state before the first step, where it is not zeros.
    accuracy : tuple of str
        Variants whose float32 errors are counted over many draws.
    matrices_only : bool
        Whether only parameters of two axes are handed to it.
    conditioned : float
        How much larger a rounding in the middle of a step is in its result.
    unfused : float
        How many times as large as PyTorch's our float32 error is at the median of draws, where
        PyTorch multiplies and adds in one rounding; NumPy has no such operation.
    reason : str
        Why `conditioned` is not 1.
    refusals : tuple of Refusal
        What must be refused.
    """

    operation: type[ours.Optimizer]
    variants: Mapping[str, Mapping[str, Any]]
    formula: Callable[..., Any] | None = None
    changes: Mapping[str, Mapping[int, Mapping[str, Any]]] = field(default_factory=dict)
    start: Mapping[str, float | None] = field(default_factory=dict)
    accuracy: tuple[str, ...] = ("default",)
    matrices_only: bool = False
    conditioned: float = 1.0
    unfused: float = 1.0
    reason: str = ""
    refusals: tuple[Refusal, ...] = ()


def _split(first: Mapping[str, Any], second: Mapping[str, Any]) -> Groups:
    """Return a function that makes two groups: every other parameter in the first."""

    def groups(parameters: list[ours.Parameter]) -> list[dict[str, Any]]:
        return [{"params": parameters[::2], **first}, {"params": parameters[1::2], **second}]

    return groups


def _decay(parameters: list[ours.Parameter]) -> list[dict[str, Any]]:
    return ours.decay_groups(parameters, 0.1)


def _below_zero(*names: str) -> tuple[Refusal, ...]:
    return tuple(Refusal(name, {name: -1e-3}) for name in names)


_BETAS = (
    Refusal("betas[0]", {"betas": (1.0, 0.9)}),
    Refusal("betas[0]", {"betas": (-0.1, 0.9)}),
    Refusal("betas[1]", {"betas": (0.9, 1.0)}),
    Refusal("betas[1]", {"betas": (0.9, -0.1)}),
    Refusal("betas", {"betas": (0.9,)}),
    Refusal("betas", {"betas": 0.9}),
)
_COUNTED_AS_TRUE = "PyTorch takes any object for true or false"
_MAXIMIZE = (Refusal("maximize", {"maximize": "no"}, torch_takes=_COUNTED_AS_TRUE),)
_DECOUPLED = (
    Refusal(
        "decoupled_weight_decay", {"decoupled_weight_decay": None}, torch_takes=_COUNTED_AS_TRUE
    ),
)
_NOT_FINITE = (
    Refusal("lr", {"lr": float("nan")}),
    Refusal("lr", {"lr": float("inf")}, torch_takes="PyTorch checks only the lower bound"),
    Refusal("lr", {"lr": "fast"}),
)
_UPPER = "PyTorch checks only the lower bound"
_RATES = {3: {"lr": 0.5e-2}, 50: {"lr": 1e-3}}

OPTIMIZERS: tuple[OptimizerCase, ...] = (
    OptimizerCase(
        ours.SGD,
        variants={
            "default": {},
            "weight-decay": {"lr": 1e-2, "weight_decay": 0.1},
            "momentum": {"lr": 1e-2, "momentum": 0.9},
            "dampening": {"lr": 1e-2, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
            "nesterov": {"lr": 1e-2, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
            "maximize": {"lr": 1e-2, "maximize": True},
            "maximize-all": {
                "lr": 1e-2,
                "momentum": 0.8,
                "nesterov": True,
                "weight_decay": 0.1,
                "maximize": True,
            },
            "groups": {"params": _decay, "lr": 1e-2, "momentum": 0.9},
            "groups-momentum": {
                "params": _split({"lr": 3e-2}, {"momentum": 0.5, "maximize": True}),
                "weight_decay": 0.01,
            },
            "momentum-later": {"lr": 1e-2, "dampening": 0.5},
        },
        changes={
            "nesterov": _RATES,
            "groups": _RATES,
            "momentum-later": {2: {"momentum": 0.9}, 7: {"momentum": 0.5, "lr": 2e-2}},
        },
        unfused=1.01,
        formula=sgd_step,
        accuracy=("default", "dampening", "nesterov"),
        start={"momentum_buffer": None},
        refusals=(
            *_below_zero("lr", "momentum", "weight_decay"),
            Refusal("lr", {"lr": float("nan")}, torch_takes="PyTorch compares with zero only"),
            *_NOT_FINITE[1:],
            *_MAXIMIZE,
            Refusal("dampening", {"dampening": "a bit"}, torch_takes="PyTorch does not check it"),
            Refusal("nesterov", {"nesterov": True}),
            Refusal("nesterov", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
        ),
    ),
    OptimizerCase(
        ours.Adam,
        variants={
            "default": {},
            "lr": {"lr": 1e-2},
            "betas": {"betas": (0.5, 0.9)},
            "no-betas": {"betas": (0.0, 0.0)},
            "eps": {"eps": 1e-3},
            "weight-decay": {"weight_decay": 0.1},
            "amsgrad": {"lr": 1e-2, "betas": (0.8, 0.9), "amsgrad": True},
            "maximize": {"lr": 1e-2, "maximize": True},
            "decoupled": {"lr": 1e-2, "weight_decay": 0.3, "decoupled_weight_decay": True},
            "all": {
                "lr": 1e-2,
                "betas": (0.7, 0.95),
                "eps": 1e-6,
                "weight_decay": 0.1,
                "amsgrad": True,
                "maximize": True,
            },
            "groups": {
                "params": _split({"amsgrad": True}, {"lr": 1e-2, "weight_decay": 0.2}),
                "betas": (0.8, 0.99),
            },
        },
        changes={"lr": _RATES, "betas": {4: {"betas": (0.9, 0.95)}, 20: {"betas": (0.8, 0.99)}}},
        formula=adam_step,
        accuracy=("default", "betas", "amsgrad", "weight-decay"),
        refusals=(
            *_below_zero("lr", "eps", "weight_decay"),
            *_NOT_FINITE,
            *_BETAS,
            *_MAXIMIZE,
            *_DECOUPLED,
            Refusal("amsgrad", {"amsgrad": 2}, torch_takes=_COUNTED_AS_TRUE),
        ),
    ),
    OptimizerCase(
        ours.AdamW,
        variants={
            "default": {},
            "weight-decay": {"lr": 1e-2, "weight_decay": 0.3},
            "no-weight-decay": {"weight_decay": 0.0},
            "eps": {"betas": (0.5, 0.9), "eps": 1e-3},
            "amsgrad": {"lr": 1e-2, "betas": (0.8, 0.9), "amsgrad": True},
            "maximize": {"lr": 1e-2, "maximize": True, "weight_decay": 0.1},
            "groups": {"params": _decay, "lr": 1e-2},
        },
        changes={"groups": _RATES},
        formula=adam_step,
        accuracy=("default", "amsgrad"),
        refusals=(
            *_below_zero("lr", "eps", "weight_decay"),
            *_NOT_FINITE,
            *_BETAS,
            *_MAXIMIZE,
            Refusal("amsgrad", {"amsgrad": 2}, torch_takes=_COUNTED_AS_TRUE),
        ),
    ),
    OptimizerCase(
        ours.Adamax,
        variants={
            "default": {},
            "betas": {"lr": 1e-2, "betas": (0.5, 0.8)},
            "eps": {"eps": 1e-3},
            "weight-decay": {"lr": 1e-2, "weight_decay": 0.1},
            "maximize": {"lr": 1e-2, "weight_decay": 0.1, "maximize": True},
            "groups": {"params": _split({"eps": 1e-2}, {"weight_decay": 0.2, "lr": 1e-2})},
        },
        changes={"betas": _RATES},
        unfused=1.025,
        formula=adamax_step,
        accuracy=("default", "weight-decay"),
        refusals=(
            *_below_zero("lr", "eps", "weight_decay"),
            *_NOT_FINITE,
            *_BETAS,
            *_MAXIMIZE,
        ),
    ),
    OptimizerCase(
        ours.NAdam,
        variants={
            "default": {},
            "betas": {"lr": 1e-2, "betas": (0.5, 0.9)},
            "eps": {"eps": 1e-3},
            "momentum-decay": {"lr": 1e-2, "momentum_decay": 0.5},
            "no-momentum-decay": {"momentum_decay": 0.0},
            "weight-decay": {"lr": 1e-2, "weight_decay": 0.1},
            "decoupled": {"lr": 1e-2, "weight_decay": 0.3, "decoupled_weight_decay": True},
            "maximize": {"lr": 1e-2, "weight_decay": 0.1, "maximize": True},
            "groups": {"params": _split({"momentum_decay": 0.1}, {"weight_decay": 0.2})},
        },
        changes={"betas": {**_RATES, 6: {"betas": (0.9, 0.99)}}},
        formula=nadam_step,
        accuracy=("default", "decoupled"),
        start={"mu_product": 1.0},
        refusals=(
            *_below_zero("lr", "eps", "weight_decay", "momentum_decay"),
            *_NOT_FINITE,
            *_BETAS,
            *_MAXIMIZE,
            *_DECOUPLED,
        ),
    ),
    OptimizerCase(
        ours.RAdam,
        variants={
            "default": {},
            "betas": {"lr": 1e-2, "betas": (0.5, 0.9)},
            "never-rectified": {"lr": 1e-2, "betas": (0.9, 0.5)},
            "eps": {"eps": 1e-3},
            "weight-decay": {"lr": 1e-2, "weight_decay": 0.1},
            "decoupled": {"lr": 1e-2, "weight_decay": 0.3, "decoupled_weight_decay": True},
            "maximize": {"lr": 1e-2, "weight_decay": 0.1, "maximize": True},
            "groups": {"params": _split({"betas": (0.8, 0.99)}, {"weight_decay": 0.2})},
        },
        changes={"betas": _RATES},
        formula=radam_step,
        accuracy=("default", "decoupled"),
        refusals=(
            *_below_zero("lr", "eps", "weight_decay"),
            *_NOT_FINITE,
            *_BETAS,
            *_MAXIMIZE,
            *_DECOUPLED,
        ),
    ),
    OptimizerCase(
        ours.RMSprop,
        variants={
            "default": {},
            "alpha": {"alpha": 0.8},
            "eps": {"eps": 1e-3},
            "weight-decay": {"weight_decay": 0.1},
            "momentum": {"lr": 1e-3, "momentum": 0.9},
            "centered": {"centered": True},
            "maximize": {"maximize": True, "weight_decay": 0.1},
            "all": {
                "lr": 1e-3,
                "alpha": 0.9,
                "eps": 1e-6,
                # So little that gradients vary: the variance of a constant is rounding alone.
                "weight_decay": 1e-7,
                "momentum": 0.5,
                "centered": True,
                "maximize": True,
            },
            "groups": {"params": _split({"momentum": 0.9, "lr": 1e-3}, {"centered": True})},
        },
        changes={"alpha": _RATES},
        formula=rmsprop_step,
        accuracy=("default", "momentum", "centered"),
        refusals=(
            *_below_zero("lr", "alpha", "eps", "weight_decay", "momentum"),
            *_NOT_FINITE,
            *_MAXIMIZE,
            Refusal("alpha", {"alpha": 1.5}, torch_takes=_UPPER),
            Refusal("centered", {"centered": 1}, torch_takes=_COUNTED_AS_TRUE),
        ),
    ),
    OptimizerCase(
        ours.Adagrad,
        variants={
            "default": {},
            "lr-decay": {"lr": 0.1, "lr_decay": 0.1},
            "eps": {"eps": 1e-3},
            "weight-decay": {"weight_decay": 0.1},
            "initial": {"initial_accumulator_value": 0.1},
            "maximize": {"maximize": True, "weight_decay": 0.1},
            "groups": {
                "params": _split({"lr_decay": 0.3}, {"lr": 0.1, "weight_decay": 0.2}),
                "initial_accumulator_value": 1e-6,
            },
        },
        changes={"weight-decay": _RATES},
        formula=adagrad_step,
        accuracy=("default", "lr-decay"),
        start={"sum": None},
        refusals=(
            *_below_zero("lr", "lr_decay", "eps", "weight_decay", "initial_accumulator_value"),
            *_NOT_FINITE,
            *_MAXIMIZE,
        ),
    ),
    OptimizerCase(
        ours.Adadelta,
        variants={
            "default": {},
            "lr": {"lr": 0.1},
            "rho": {"rho": 0.5},
            "eps": {"eps": 1e-3},
            "weight-decay": {"weight_decay": 0.1},
            "maximize": {"maximize": True, "weight_decay": 0.1},
            "groups": {"params": _split({"rho": 0.99}, {"lr": 0.1, "weight_decay": 0.2})},
        },
        changes={"lr": {5: {"lr": 0.5}, 50: {"lr": 1.0}}},
        formula=adadelta_step,
        accuracy=("default", "weight-decay"),
        refusals=(
            *_below_zero("lr", "rho", "eps", "weight_decay"),
            *_NOT_FINITE,
            *_MAXIMIZE,
            Refusal("rho", {"rho": 1.5}),
        ),
    ),
    OptimizerCase(
        ours.Lion,
        variants={
            "default": {},
            "lr": {"lr": 1e-3},
            "betas": {"lr": 1e-3, "betas": (0.95, 0.8)},
            "no-betas": {"lr": 1e-3, "betas": (0.0, 0.0)},
            "weight-decay": {"lr": 1e-3, "weight_decay": 0.3},
            "maximize": {"lr": 1e-3, "weight_decay": 0.3, "maximize": True},
            "groups": {"params": _split({"betas": (0.5, 0.9)}, {"lr": 1e-3, "weight_decay": 0.2})},
        },
        changes={"lr": {5: {"lr": 5e-4}, 50: {"lr": 1e-4}}},
        formula=lion_step,
        accuracy=("default", "weight-decay"),
        refusals=(
            *_below_zero("lr", "weight_decay"),
            *_NOT_FINITE,
            *_BETAS,
            *_MAXIMIZE,
        ),
    ),
    OptimizerCase(
        ours.Muon,
        variants={
            "default": {},
            "weight-decay": {"lr": 1e-2, "weight_decay": 0.5},
            "momentum": {"lr": 1e-2, "momentum": 0.5},
            "plain-momentum": {"lr": 1e-2, "nesterov": False},
            "coefficients": {"lr": 1e-2, "ns_coefficients": (2.0, -1.5, 0.5), "ns_steps": 12},
            "eps": {"lr": 1e-2, "eps": 10.0},
            "steps": {"lr": 1e-2, "ns_steps": 1},
            "no-steps": {"lr": 1e-2, "ns_steps": 0},
            "original": {"lr": 1e-2, "adjust_lr_fn": "original"},
            "match-rms": {"lr": 1e-3, "adjust_lr_fn": "match_rms_adamw"},
            "groups": {"params": _split({"momentum": 0.8}, {"lr": 1e-2, "nesterov": False})},
        },
        changes={"momentum": _RATES},
        formula=muon_step,
        accuracy=("default", "plain-momentum"),
        matrices_only=True,
        conditioned=500.0,
        reason="five rounds multiply small singular values, and their roundings, by 3.4445 each",
        refusals=(
            *_below_zero("lr", "weight_decay", "momentum"),
            *_NOT_FINITE,
            Refusal("eps", {"eps": -1e-7}, torch_takes="PyTorch does not check it"),
            Refusal("nesterov", {"nesterov": "no"}, torch_takes=_COUNTED_AS_TRUE),
            Refusal("ns_steps", {"ns_steps": 100}),
            Refusal("ns_steps", {"ns_steps": -1}),
            Refusal("ns_steps", {"ns_steps": 2.5}),
            Refusal("ns_coefficients", {"ns_coefficients": (1.0, 2.0)}),
            Refusal("ns_coefficients[1]", {"ns_coefficients": (1.0, "b", 2.0)}),
            Refusal("adjust_lr_fn", {"adjust_lr_fn": "adamw"}),
        ),
    ),
    OptimizerCase(
        ours.LBFGS,
        variants={
            "default": {"lr": 0.1},
            "one-iteration": {"lr": 0.1, "max_iter": 1},
            "history": {"lr": 0.1, "max_iter": 7, "history_size": 3},
            "strong-wolfe": {"line_search_fn": "strong_wolfe", "history_size": 20},
            "strong-wolfe-far": {"line_search_fn": "strong_wolfe", "lr": 30.0, "history_size": 2},
            "strong-wolfe-near": {"line_search_fn": "strong_wolfe", "lr": 1e-3, "max_iter": 4},
            "few-evaluations": {"line_search_fn": "strong_wolfe", "max_eval": 4, "lr": 1e-3},
            "tolerance-grad": {"line_search_fn": "strong_wolfe", "tolerance_grad": 1e-2},
            "tolerance-change": {"line_search_fn": "strong_wolfe", "tolerance_change": 1e-3},
        },
        changes={"default": {4: {"lr": 0.2}}},
        refusals=(
            *_below_zero("lr"),
            *_NOT_FINITE,
            Refusal("max_iter", {"max_iter": 0}, torch_takes="PyTorch does nothing then"),
            Refusal("max_iter", {"max_iter": 2.5}, torch_takes="PyTorch rounds up"),
            Refusal("max_eval", {"max_eval": 0}, torch_takes="PyTorch evaluates once all the same"),
            Refusal("history_size", {"history_size": 0}),
            Refusal("tolerance_grad", {"tolerance_grad": -1.0}, torch_takes=_UPPER),
            Refusal("tolerance_change", {"tolerance_change": -1.0}, torch_takes=_UPPER),
            Refusal("line_search_fn", {"line_search_fn": "armijo"}),
        ),
    ),
)
