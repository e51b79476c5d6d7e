"""Losses, each in the forms that its constructor allows and with all kinds of targets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import numpy_impl as ours
from numpy_impl.losses import binary, focal, likelihood, margin, regression
from numpy_impl.losses.cross_entropy import cross_entropy, cross_entropy_backward
from parity_tests.cases.loss_case import ENTRIES, Array, Draw, LossCase, Shape
from parity_tests.cases.refusal import Refusal
from parity_tests.inputs import BATCH, CLASSES, DRAWS, FEATURES, MANY_CLASSES, huge
from torch_ref.losses import ExactBCEWithLogits, ExactSoftMargin

# Targets


def labels(rng: np.random.Generator, shape: Shape) -> Array:
    """Integer labels for scores of this shape, the first and the last class among them."""
    axis = class_axis(shape)
    drawn = rng.integers(0, shape[axis], (*shape[:axis], *shape[axis + 1 :]))
    drawn.reshape(-1)[:2] = (0, shape[axis] - 1)[: drawn.size]
    return drawn


def class_axis(shape: Shape) -> int:
    """Return which axis of scores the classes are on."""
    return min(1, len(shape) - 1)


def one_hot(rng: np.random.Generator, shape: Shape) -> Array:
    """Labels as rows of zeros and one 1, integers."""
    axis = class_axis(shape)
    return np.moveaxis(np.eye(shape[axis], dtype=np.int64)[labels(rng, shape)], -1, axis)


def ignored(rng: np.random.Generator, shape: Shape) -> Array:
    """Labels, every third of which is that of nothing."""
    drawn = labels(rng, shape)
    drawn.reshape(-1)[2::3] = -100
    return drawn


def all_ignored(rng: np.random.Generator, shape: Shape) -> Array:
    """Labels that are all that of nothing."""
    return np.full_like(labels(rng, shape), -100)


def probabilities(rng: np.random.Generator, shape: Shape) -> Array:
    """Probabilities of the classes; those of the first sample are one-hot, with exact zeros."""
    axis = class_axis(shape)
    drawn = rng.dirichlet(np.ones(shape[axis]), (*shape[:axis], *shape[axis + 1 :]))
    if drawn.size:
        drawn.reshape(-1, shape[axis])[0] = np.eye(shape[axis])[0]
    return np.moveaxis(drawn, -1, axis)


def unnormalized(rng: np.random.Generator, shape: Shape) -> Array:
    """Targets that do not sum to one; the formula is defined for them as well."""
    return rng.uniform(0.01, 0.99, shape)


def chances(rng: np.random.Generator, shape: Shape) -> Array:
    """Numbers from 0 to 1, both of which are among them."""
    return np.clip(rng.uniform(-0.5, 1.5, shape), 0.0, 1.0)


def signs(rng: np.random.Generator, shape: Shape) -> Array:
    """1 and -1."""
    return rng.choice([-1.0, 1.0], shape)


# Inputs with their targets


def _scores(targets: Any) -> Any:
    return lambda rng, draw, shape: (draw(rng, shape), targets(rng, shape))


def _numbers(rng: np.random.Generator, draw: Draw, shape: Shape) -> tuple[Array, ...]:
    return draw(rng, shape), draw(rng, shape)


def _chances(rng: np.random.Generator, draw: Draw, shape: Shape) -> tuple[Array, ...]:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-draw(rng, shape))), chances(rng, shape)


def _within(low: float, high: float, targets: Any) -> Any:
    return lambda rng, draw, shape: (np.clip(draw(rng, shape), low, high), targets(rng, shape))


def _counts(rng: np.random.Generator, shape: Shape) -> Array:
    """Counts, and now and then a number between two of them."""
    return rng.poisson(2.0, shape) + 0.5 * (rng.random(shape) < 0.2)


def _expected_counts(rng: np.random.Generator, draw: Draw, shape: Shape) -> tuple[Array, ...]:
    return np.abs(draw(rng, shape)), _counts(rng, shape)


def _log_chances(log_target: bool) -> Any:
    def inputs(rng: np.random.Generator, draw: Draw, shape: Shape) -> tuple[Array, ...]:
        target = -np.abs(draw(rng, shape)) if log_target else chances(rng, shape)
        return -np.abs(draw(rng, shape)), target

    return inputs


def _with_variance(kind: str) -> Any:
    def inputs(rng: np.random.Generator, draw: Draw, shape: Shape) -> tuple[Array, ...]:
        of = {
            "every": shape,
            "rows": (*shape[:-1], 1),
            "without": shape[:-1],
            "columns": (1, *shape[1:]),
        }[kind]
        return draw(rng, shape), draw(rng, shape), np.asarray(draw(rng, of) ** 2)

    return inputs


# Special values


def _points(*axes: Sequence[float]) -> tuple[Array, ...]:
    """All combinations, in rows of as many entries as there are features."""
    grids = [grid.reshape(-1) for grid in np.meshgrid(*axes, indexing="ij")]
    rows = -(-grids[0].size // FEATURES)
    return tuple(np.resize(grid, (rows, FEATURES)) for grid in grids)


def _with_special(kind: str) -> Any:
    """Special values with fewer variances than entries."""

    def special() -> tuple[Array, ...]:
        x, t = _points((0.0, 1.5, -1e4), (0.0, 1.5))
        some = np.resize([0.0, 1e-7, 1e-6, 1.0, 1e4], (len(x), 1))
        return x, t, {"rows": some, "without": some[:, 0], "columns": 0 * x[:1] + 1e-7}[kind]

    return special


_FAR = (1e4, -1e4, 88.0, -88.0, 710.0, -710.0, 40.0, -40.0)
_TINY = (0.0, -0.0, 1e-30, -1e-30)
_INFINITE = (np.inf, -np.inf)


def _around(*points: float) -> tuple[float, ...]:
    """Points of both signs, and what is next to them."""
    both = [sign * point for point in points for sign in (1.0, -1.0)]
    return tuple(p * (1 + step) for p in both for step in (0.0, 1e-6, -1e-6, 1e-15, -1e-15))


_ROWS = np.array(
    [
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [1e4, 1e4, -1e4, 0.0, -0.0],
        [-1e4, 1e4, 1e4, 0.0, 1e4],
        [0.0, 0.5, 1.0, -0.5, 1.5],
        [1.0, 0.0, 0.5, 2.0, -1.0],
        [88.0, -88.0, 0.0, 1.0, 2.0],
        [710.0, -710.0, 0.0, 1.0, 2.0],
        [40.0, 0.0, 0.0, 0.0, 0.0],
    ]
)
_UNBOUNDED = np.array(
    [
        [0.0, -np.inf, 1.0, 2.0, 3.0],
        [-np.inf, -np.inf, 1.0, 2.0, 3.0],
        [np.inf, 0.0, 1.0, 2.0, 3.0],
        [-np.inf, -np.inf, -np.inf, -np.inf, -np.inf],
    ]
)


def _rows_and_labels(rows: Array = _ROWS) -> tuple[Array, ...]:
    """Every row with every label."""
    return np.repeat(rows, CLASSES, axis=0), np.tile(np.arange(CLASSES), len(rows))


def _rows_with(targets: Any) -> Any:
    def special() -> tuple[Array, ...]:
        rows = np.concatenate([_ROWS, _UNBOUNDED])
        return rows, targets(np.random.default_rng(0), rows.shape)

    return special


# Units of error


def of_classes(loss: Any, logits: Array, targets: Array) -> Array:
    """Return what cross-entropy multiplies -log p by, of the shape of the logits."""
    axis = class_axis(logits.shape)
    classes = logits.shape[axis]
    weight = np.ones(classes) if loss.weight is None else loss.weight.astype(np.float64)
    share = loss.label_smoothing
    if targets.dtype.kind == "f":
        rows = np.moveaxis(targets.astype(np.float64), axis, -1)
        rows = ((1 - share) * rows + share / classes) * weight
    else:
        if targets.ndim == logits.ndim:
            targets = targets.argmax(axis=axis)
        counted = targets != loss.ignore_index
        rows = np.eye(classes)[np.where(counted, targets, 0)]
        rows = ((1 - share) * rows + share / classes) * weight * counted[..., np.newaxis]
    return np.moveaxis(rows, -1, axis)


def _cross_entropy_conditions(loss: Any, logits: Array, targets: Array) -> tuple[Array, Array]:
    """Magnitudes of the terms of cross-entropy and of its gradient.

    exp turns the rounding of its argument, |z - max z| eps, into a relative error of its value.
    """
    axis = class_axis(logits.shape)
    t = np.abs(of_classes(loss, logits, targets))
    largest = logits.max(axis=axis, keepdims=True)
    with np.errstate(invalid="ignore"):
        exponentials = np.exp(logits - largest)
        p = exponentials / exponentials.sum(axis=axis, keepdims=True)
        per_term = np.abs(logits) + np.abs(largest) + np.log(logits.shape[axis])
        grad = p * (1 + np.abs(logits - largest)) * t.sum(axis=axis, keepdims=True) + t
        return (t * per_term).sum(axis=axis), grad


def _multi_margin_conditions(loss: Any, scores: Array, target: Array) -> tuple[Array, Array]:
    """Magnitudes of the terms of the multi-class hinge loss and of its gradient."""
    axis, right = class_axis(scores.shape), np.expand_dims(target, -1)
    classes = scores.shape[axis]
    weight = np.ones(classes) if loss.weight is None else np.abs(loss.weight.astype(np.float64))
    own = np.take_along_axis(scores, right, axis=axis)
    size = abs(loss.margin) + np.abs(own) + np.abs(scores)
    steep = np.maximum(loss.margin - own + scores, 0) if loss.p == 2 else 1.0
    value = (loss.p * size * steep).sum(axis=axis) * weight[target] / classes
    slope = size if loss.p == 2 else np.ones_like(size)
    grad = loss.p * slope * weight[right] / classes
    np.put_along_axis(grad, right, grad.sum(axis=axis, keepdims=True), axis=axis)
    return value, grad


def _logit_floor(loss: Any, x: Array, t: Array) -> tuple[Array, Array]:
    """Terms that cancel: (1 - t) x against log sigmoid(x), and a sigmoid against t."""
    weight = 1.0 if loss.weight is None else loss.weight
    yes = 1.0 if loss.pos_weight is None else loss.pos_weight
    terms = weight * (np.abs(1 - t) + np.abs(yes * t))
    return terms * np.abs(x), terms


def _focal_floor(loss: Any, x: Array, t: Array) -> tuple[Array, Array]:
    """The two terms of the cross-entropy's slope, which cancel where t is expected."""
    with np.errstate(over="ignore"):
        p = 1 / (1 + np.exp(-x))
    q = t * (1 - p) + (1 - t) * p
    share = 1.0 if loss.alpha < 0 else loss.alpha * t + (1 - loss.alpha) * (1 - t)
    return np.zeros_like(x), share * q ** (loss.gamma + 1)


def _poisson_floor(loss: Any, x: Array, t: Array) -> tuple[Array, Array]:
    """Stirling's terms, and the two of the slope, which cancel where the count is expected."""
    values = t * np.abs(x if loss.log_input else np.log(x + loss.eps))
    if loss.full:
        values = values + t * np.abs(np.log(np.maximum(t, 1.0))) + t
    return values, t + np.exp(x) if loss.log_input else 1 + t / (x + loss.eps)


def _gaussian_floor(loss: Any, x: Array, t: Array, var: Array) -> tuple[Array, Array, Array]:
    """The two terms of the variance's slope, which cancel where the variance is right."""
    v = np.maximum(var, loss.eps)
    return np.zeros_like(x), np.zeros_like(x), 0.5 / v + 0.5 * (x - t) ** 2 / v**2


def _divergence_floor(loss: Any, x: Array, t: Array) -> tuple[Array, Array]:
    """The target's part, t log t."""
    if loss.log_target:
        return np.abs(np.exp(t) * t), np.zeros_like(x)
    return t * np.abs(np.log(np.where(t > 0, t, 1.0))), np.zeros_like(x)


# Refusals


_X = np.ones((BATCH, FEATURES), np.float32)
_Z, _Y = np.ones((BATCH, CLASSES), np.float32), np.arange(BATCH) % CLASSES
_UNFIT = np.ones(CLASSES + 1, np.float32)
_BROADCASTS = "it broadcasts, with a warning"

_REDUCTIONS = (
    Refusal("reduction", {"reduction": "avg"}),
    Refusal("reduction", {"reduction": None}),
)


def _numeric(takes_shapes: str = _BROADCASTS, takes_integers: str = "") -> tuple[Refusal, ...]:
    """What every loss of entries refuses."""
    return (
        *_REDUCTIONS,
        Refusal("input", inputs=(_X.astype(int), _X), torch_takes=takes_integers),
        Refusal("target", inputs=(_X, _X[:1]), torch_takes=takes_shapes),
        Refusal("target", inputs=(_X, _X[:, :-1])),
    )


def _of_classes(
    first: str = "input", target: str = "target", *, takes_one: str = "", takes_weight: str = ""
) -> tuple[Refusal, ...]:
    """What every loss of classes refuses."""
    return (
        *_REDUCTIONS,
        Refusal(target, inputs=(_Z, _Y[:-1])),
        Refusal(target, inputs=(_Z, np.full(BATCH, CLASSES))),
        Refusal(target, inputs=(_Z, np.full(BATCH, -1))),
        Refusal(target, inputs=(_Z, _Y.astype(np.float32))),
        Refusal(first, inputs=(_Z[0, 0], _Y[0]), torch_takes=takes_one),
        Refusal("weight", {"weight": _UNFIT}, torch_takes=takes_weight),
    )


_WITH_ZERO = {"weight": np.array([0.3, 1.7, 0.0, 2.3, 0.9])}
_POSITIVE = {"weight": np.array([0.3, 1.7, 0.6, 2.3, 0.9])}
_ALONG = {"weight": np.linspace(0.3, 2.1, FEATURES)}
_UPON = {"pos_weight": np.linspace(2.7, 0.2, FEATURES)}

SCORES: tuple[Shape, ...] = ((BATCH, CLASSES), (3, CLASSES, 2), (CLASSES,), (0, CLASSES))
"""Shapes for a loss of classes."""

_HUGE: Mapping[str, Draw] = {**DRAWS, "huge": huge}

_CROSS_ENTROPY: dict[str, Any] = {
    "operation": ours.CrossEntropyLoss,
    "formula": cross_entropy,
    "derivative": cross_entropy_backward,
    "draws": _HUGE,
    "classes": True,
    "conditions": _cross_entropy_conditions,
    "terms": 2 * CLASSES + BATCH,
    "reason": "sums over the classes, in softmax and, with probabilities, over the targets",
}
_NLL: dict[str, Any] = {
    "operation": ours.NLLLoss,
    "formula": likelihood.negative_log_likelihood,
    "derivative": likelihood.negative_log_likelihood_derivative,
    "draws": DRAWS,
    "classes": True,
}
_GAUSSIAN: dict[str, Any] = {
    "operation": ours.GaussianNLLLoss,
    "special": lambda: _points((0.0, 1.5, -1e4, np.inf), (0.0, 1.5), (0.0, 1e-7, 1e-6, 1.0, 1e4)),
    "formula": likelihood.gaussian_nll,
    "derivative": likelihood.gaussian_nll_derivative,
    "draws": DRAWS,
    "wanted": (0, 2),
    "floor": _gaussian_floor,
    "reason": "the floor stands for the terms of the variance's slope",
}
_DISTANCES = (*_TINY, *_around(0.25, 0.5, 1.0, 2.5, 3.0), 1e4, -1e4, *_INFINITE)

LOSSES: tuple[LossCase, ...] = (
    # Cross-entropy
    LossCase(
        **_CROSS_ENTROPY,
        inputs=_scores(labels),
        special=lambda: _rows_and_labels(np.concatenate([_ROWS, _UNBOUNDED])),
        variants={
            "default": {},
            "weight": _POSITIVE,
            "zero-weight": _WITH_ZERO,
            "ignore-index": {"ignore_index": 2},
            "smoothing": {"label_smoothing": 0.3},
            "all": {**_POSITIVE, "ignore_index": 2, "label_smoothing": 0.3},
        },
        shapes=SCORES,
        refusals=(
            *_of_classes("logits", "targets"),
            Refusal("ignore_index", {"ignore_index": 1.5}),
            Refusal("label_smoothing", {"label_smoothing": 1.5}),
            Refusal("label_smoothing", {"label_smoothing": "0.1"}),
            Refusal("label_smoothing", {"label_smoothing": -0.1}, torch_takes="it ignores it"),
            Refusal("ignore_index", {"ignore_index": 0}, inputs=(_Z, _Z)),
            Refusal("targets", inputs=(_Z, _Z[:, :-1])),
            Refusal("targets", inputs=(_Z, _Z.astype(int))),
            Refusal("logits", inputs=(_Z.astype(int), _Y)),
        ),
    ),
    LossCase(
        **_CROSS_ENTROPY,
        inputs=_scores(labels),
        special=_rows_and_labels,
        variants={"all-smoothing": {"label_smoothing": 1.0}},
        shapes=SCORES[:2],
    ),
    LossCase(
        **{**_CROSS_ENTROPY, "terms": 2 * MANY_CLASSES + BATCH},
        inputs=_scores(labels),
        special=_rows_with(labels),
        variants={"many-classes": {}},
        shapes=((BATCH, MANY_CLASSES), (1, MANY_CLASSES)),
    ),
    LossCase(
        **_CROSS_ENTROPY,
        inputs=_scores(ignored),
        special=_rows_with(ignored),
        variants={
            "ignored": {},
            "ignored-weight": _POSITIVE,
            "ignored-smoothing": {**_POSITIVE, "label_smoothing": 0.3},
        },
        shapes=SCORES,
    ),
    LossCase(
        **_CROSS_ENTROPY,
        inputs=_scores(all_ignored),
        special=_rows_with(all_ignored),
        variants={"all-ignored": {}, "all-ignored-smoothing": {"label_smoothing": 0.3}},
        shapes=SCORES[:2],
    ),
    LossCase(
        **_CROSS_ENTROPY,
        inputs=_scores(one_hot),
        special=_rows_with(one_hot),
        variants={"one-hot": {}, "one-hot-weight": _POSITIVE},
        shapes=SCORES,
    ),
    LossCase(
        **_CROSS_ENTROPY,
        inputs=_scores(probabilities),
        special=_rows_with(probabilities),
        variants={
            "probabilities": {},
            "probabilities-weight": _POSITIVE,
            "probabilities-smoothing": {"label_smoothing": 0.3},
            "probabilities-all": {**_POSITIVE, "label_smoothing": 0.3},
        },
        shapes=SCORES,
    ),
    LossCase(
        **_CROSS_ENTROPY,
        inputs=_scores(unnormalized),
        special=_rows_with(unnormalized),
        variants={"unnormalized": {}},
        shapes=SCORES,
    ),
    # Likelihoods
    LossCase(
        **_NLL,
        inputs=_scores(labels),
        special=lambda: _rows_and_labels(np.concatenate([_ROWS, _UNBOUNDED])),
        variants={"default": {}, "weight": _POSITIVE, "ignore-index": {"ignore_index": 2}},
        shapes=SCORES,
        refusals=(
            *_of_classes(),
            Refusal("ignore_index", {"ignore_index": 1.5}),
            Refusal("input", inputs=(_Z.astype(int), _Y)),
        ),
    ),
    LossCase(
        **_NLL,
        inputs=_scores(ignored),
        special=_rows_with(ignored),
        variants={"ignored": {}, "ignored-weight": _POSITIVE},
        shapes=SCORES,
    ),
    LossCase(
        **_NLL,
        inputs=_scores(all_ignored),
        special=_rows_with(all_ignored),
        variants={"all-ignored": {}},
        shapes=SCORES[:2],
    ),
    LossCase(
        ours.PoissonNLLLoss,
        inputs=_within(-50.0, 5.0, _counts),
        special=lambda: _points((*_TINY, *_FAR, *_INFINITE), (0.0, 1.0, 1.000001, 1.5, 1e4)),
        formula=likelihood.poisson_nll,
        derivative=likelihood.poisson_nll_derivative,
        variants={"default": {}, "full": {"full": True}},
        draws=DRAWS,
        floor=_poisson_floor,
        reason="the floor stands for terms of the target, and for those of the slope",
        refusals=(
            *_numeric(takes_integers="it converts them"),
            Refusal("log_input", {"log_input": 1}),
            Refusal("full", {"full": None}),
            Refusal("eps", {"eps": "small"}),
            Refusal("eps", {"eps": -1.0}, torch_takes="it takes logarithms of negative numbers"),
        ),
    ),
    LossCase(
        ours.PoissonNLLLoss,
        inputs=_expected_counts,
        special=lambda: _points((*_TINY[:3], 1.0, 1e4, np.inf), (0.0, 1.0, 1.000001, 1.5, 1e4)),
        formula=likelihood.poisson_nll,
        derivative=likelihood.poisson_nll_derivative,
        variants={
            "counts": {"log_input": False},
            "counts-full": {"log_input": False, "full": True},
            "counts-eps": {"log_input": False, "eps": 0.1},
        },
        draws=DRAWS,
        floor=_poisson_floor,
        reason="the floor stands for what depends on the target alone",
    ),
    LossCase(
        **_GAUSSIAN,
        inputs=_with_variance("every"),
        variants={"default": {}, "full": {"full": True}, "eps": {"eps": 0.1}},
        refusals=(
            *_REDUCTIONS,
            Refusal("input", inputs=(_X.astype(int), _X, _X), torch_takes="it converts them"),
            Refusal("target", inputs=(_X, _X[:1], _X), torch_takes="it broadcasts"),
            Refusal("target", inputs=(_X, _X[:, :-1], _X)),
            Refusal("var", inputs=(_X, _X, -_X)),
            Refusal("var", inputs=(_X, _X, _X[0])),
            Refusal("var", inputs=(_X, _X, _X[:1, :1])),
            Refusal("full", {"full": 1}, torch_takes="what is true"),
            Refusal("eps", {"eps": "small"}),
            Refusal("eps", {"eps": -1.0}, torch_takes="it takes logarithms of negative numbers"),
        ),
    ),
    *(
        LossCase(
            **{**_GAUSSIAN, "special": _with_special(kind)},
            inputs=_with_variance(kind),
            variants={f"variance-of-{kind}": {}},
            shapes=ENTRIES[:2],
        )
        for kind in ("rows", "without", "columns")
    ),
    LossCase(
        ours.KLDivLoss,
        inputs=_log_chances(False),
        special=lambda: _points((*_TINY, -1e4, -1.0, -np.inf), (0.0, 1.0, 0.5, 1e-30)),
        formula=likelihood.kl_divergence,
        derivative=likelihood.kl_divergence_derivative,
        draws=DRAWS,
        reductions=("none", "mean", "sum", "batchmean"),
        floor=_divergence_floor,
        reason="the floor stands for what depends on the target alone",
        refusals=(
            *_numeric(),
            Refusal("log_target", {"log_target": 1}),
        ),
    ),
    LossCase(
        ours.KLDivLoss,
        inputs=_log_chances(True),
        special=lambda: _points((*_TINY, -1e4, -1.0, -np.inf), (0.0, -1.0, -1e4, 1e-30)),
        formula=likelihood.kl_divergence,
        derivative=likelihood.kl_divergence_derivative,
        variants={"log-target": {"log_target": True}},
        draws=DRAWS,
        reductions=("none", "mean", "sum", "batchmean"),
        floor=_divergence_floor,
        reason="the floor stands for what depends on the target alone",
    ),
    # Numbers
    LossCase(
        ours.MSELoss,
        inputs=_numbers,
        special=lambda: _points((*_TINY, 1.5, 1e4, -1e4, *_INFINITE), (0.0, 1.5, -1e4)),
        formula=regression.squared_error,
        derivative=regression.squared_error_derivative,
        shapes=(*ENTRIES, ()),
        draws=DRAWS,
        refusals=_numeric(takes_integers="it converts them"),
    ),
    LossCase(
        ours.L1Loss,
        inputs=_numbers,
        special=lambda: _points(_DISTANCES, (0.0, 0.5)),
        formula=regression.absolute_error,
        derivative=regression.absolute_error_derivative,
        shapes=(*ENTRIES, ()),
        draws=DRAWS,
        refusals=_numeric(takes_integers="it converts them"),
    ),
    LossCase(
        ours.SmoothL1Loss,
        inputs=_numbers,
        special=lambda: _points(_DISTANCES, (0.0, 0.5)),
        formula=regression.smooth_absolute_error,
        derivative=regression.smooth_absolute_error_derivative,
        variants={
            "default": {},
            "beta-0.25": {"beta": 0.25},
            "beta-3": {"beta": 3.0},
            "beta-0": {"beta": 0.0},
        },
        draws=DRAWS,
        refusals=(
            *_numeric(takes_integers="it converts them"),
            Refusal("beta", {"beta": -1.0}),
            Refusal("beta", {"beta": "1"}),
        ),
    ),
    LossCase(
        ours.HuberLoss,
        inputs=_numbers,
        special=lambda: _points(_DISTANCES, (0.0, 0.5)),
        formula=regression.huber,
        derivative=regression.huber_derivative,
        variants={"default": {}, "delta-0.5": {"delta": 0.5}, "delta-2.5": {"delta": 2.5}},
        draws=DRAWS,
        refusals=(
            *_numeric(),
            Refusal("delta", {"delta": 0.0}),
            Refusal("delta", {"delta": -1.0}),
            Refusal("delta", {"delta": "1"}),
        ),
    ),
    # Yes or no
    LossCase(
        ours.BCELoss,
        inputs=_chances,
        special=lambda: _points(
            (0.0, 1.0, 0.5, 1e-30, 1e-13, 1e-12, 1e-11, 1 - 2.0**-24, 2.0**-40),
            (0.0, 1.0, 0.5, 0.25),
        ),
        formula=binary.binary_cross_entropy,
        derivative=binary.binary_cross_entropy_derivative,
        variants={"default": {}, "weight": _ALONG},
        draws=DRAWS,
        refusals=(
            *_REDUCTIONS,
            Refusal("input", inputs=(_X.astype(int), _X)),
            Refusal("input", inputs=(1.5 * _X, _X)),
            Refusal("input", inputs=(-0.5 * _X, _X)),
            Refusal("input", inputs=(np.nan * _X, _X)),
            Refusal("target", inputs=(_X, 1.5 * _X)),
            Refusal("target", inputs=(_X, -0.5 * _X)),
            Refusal("target", inputs=(_X, _X[:1])),
            Refusal("weight", {"weight": np.ones(FEATURES + 1, np.float32)}),
            Refusal("weight", {"weight": np.ones((3, BATCH, FEATURES), np.float32)}),
        ),
    ),
    LossCase(
        ours.BCEWithLogitsLoss,
        inputs=_scores(chances),
        special=lambda: _points((*_TINY, *_FAR, *_INFINITE), (0.0, 1.0, 0.5)),
        formula=binary.binary_cross_entropy_with_logits,
        derivative=binary.binary_cross_entropy_with_logits_derivative,
        variants={
            "default": {},
            "weight": _ALONG,
            "pos-weight": _UPON,
            "both": {**_ALONG, **_UPON},
        },
        draws=_HUGE,
        floor=_logit_floor,
        exact=ExactBCEWithLogits,
        reason="PyTorch's terms cancel where the logit is large, and are inf - inf at -inf",
        refusals=(
            *_REDUCTIONS,
            Refusal("input", inputs=(_X.astype(int), _X)),
            Refusal("target", inputs=(_X, _X[:1])),
            Refusal("weight", {"weight": np.ones(FEATURES + 1, np.float32)}),
            Refusal("pos_weight", {"pos_weight": np.ones(FEATURES + 1, np.float32)}),
        ),
    ),
    LossCase(
        ours.SoftMarginLoss,
        inputs=_within(-80.0, 80.0, signs),
        special=lambda: _points((*_TINY, *_FAR, *_INFINITE), (1.0, -1.0, 0.5)),
        formula=binary.soft_margin,
        derivative=binary.soft_margin_derivative,
        draws=DRAWS,
        exact=ExactSoftMargin,
        reason="PyTorch's exponential overflows beyond 88, and its gradient is then inf / inf",
        refusals=_numeric(),
    ),
    LossCase(
        ours.SigmoidFocalLoss,
        inputs=_scores(chances),
        special=lambda: _points((*_TINY, *_FAR), (0.0, 1.0, 0.5)),
        formula=binary.sigmoid_focal,
        derivative=binary.sigmoid_focal_derivative,
        variants={
            "default": {},
            "gamma-0": {"gamma": 0.0},
            "gamma-1.5": {"gamma": 1.5},
            "alpha-0.9": {"alpha": 0.9, "gamma": 3.0},
            "no-alpha": {"alpha": -1.0},
        },
        draws=_HUGE,
        floor=_focal_floor,
        terms=8,
        reason="a power, of several factors; the floor stands for terms of the slope that cancel",
        refusals=(
            *_numeric("the twin broadcasts"),
            Refusal("alpha", {"alpha": 1.5}, torch_takes="the twin computes with it"),
            Refusal("alpha", {"alpha": -0.5}, torch_takes="the twin computes with it"),
            Refusal("gamma", {"gamma": -1.0}, torch_takes="the twin computes with it"),
            Refusal("gamma", {"gamma": "2"}),
        ),
    ),
    # Margins
    LossCase(
        ours.MultiMarginLoss,
        inputs=_scores(labels),
        special=_rows_and_labels,
        formula=margin.multi_margin,
        derivative=margin.multi_margin_derivative,
        variants={
            "default": {},
            "p-2": {"p": 2},
            "margin": {"margin": 0.5},
            "weight": _POSITIVE,
            "all": {"p": 2, "margin": -0.5, **_POSITIVE},
        },
        shapes=((BATCH, CLASSES), (1, CLASSES), (CLASSES,)),
        draws=_HUGE,
        classes=True,
        conditions=_multi_margin_conditions,
        refusals=(
            *_of_classes(takes_one="it is a single class"),
            Refusal("p", {"p": 3}),
            Refusal("p", {"p": "1"}),
            Refusal("margin", {"margin": "1"}),
            Refusal("input", inputs=(np.ones((3, CLASSES, 2), np.float32), np.zeros((3, 2), int))),
            Refusal("input", inputs=(_Z.astype(int), _Y)),
        ),
    ),
    LossCase(
        ours.HingeEmbeddingLoss,
        inputs=_scores(signs),
        special=lambda: _points(_DISTANCES, (1.0, -1.0, 0.0, 0.5)),
        formula=margin.hinge_embedding,
        derivative=margin.hinge_embedding_derivative,
        variants={
            "default": {},
            "margin-0.5": {"margin": 0.5},
            "margin-minus-0.5": {"margin": -0.5},
        },
        draws=DRAWS,
        refusals=(
            *_numeric("it broadcasts"),
            Refusal("margin", {"margin": "1"}),
        ),
    ),
    # Focal
    LossCase(
        ours.FocalLoss,
        inputs=_scores(labels),
        special=_rows_and_labels,
        formula=focal.focal,
        derivative=focal.focal_derivative,
        variants={
            "default": {},
            "gamma-0": {"gamma": 0.0},
            "gamma-0.5": {"gamma": 0.5},
            "weight": _POSITIVE,
        },
        shapes=SCORES,
        draws=_HUGE,
        classes=True,
        terms=2 * CLASSES + BATCH,
        reason="sums over the classes",
        refusals=(
            *_of_classes(takes_one="the twin does", takes_weight="the twin looks them up"),
            Refusal("gamma", {"gamma": -1.0}, torch_takes="the twin computes with it"),
            Refusal("gamma", {"gamma": "2"}),
        ),
    ),
)
