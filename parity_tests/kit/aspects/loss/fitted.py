r"""Losses that have something besides: a penalty on the parameters, or labels that are smoothed.

Neither shows in one number. The loss is asked with multiples of the parameters, and is found as

.. math:: s \big( (1 - \epsilon) \ell(y) + \epsilon \, \ell(u) \big) + \sum_k c_k P_k(\theta)

where u has the same label for all classes and P are sums of squares or of absolute values, or
norms. Labels smoothed by :math:`\epsilon` are :math:`(1 - \epsilon) y + \epsilon u`, as in PyTorch.
Whether all matrices have the same c, and all biases, shows at multiples of single ones; whether P
is a sum of absolute values or a norm, where entries are multiplied apart from one another.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.loss.values import Row, is_single, values
from parity_tests.kit.forward import run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.losses import even_targets
from parity_tests.kit.penalties import PENALTIES, SUMS, Penalized, arrays_of
from parity_tests.kit.scales import Scale, scale_of
from parity_tests.kit.subject.subject import Batch, Layer, Layers, by_name

Array = NDArray[Any]
# The name of a penalty, and what it is on: weights or biases.
_Group = tuple[str, str]

# Multiples of the matrices and of the biases at which a loss is asked.
_STRETCHES = (
    *((1.0, 1.0), (0.9, 1.2), (1.1, 0.8), (0.75, 0.9), (1.25, 1.1), (0.95, 0.6)),
    *((1.05, 1.4), (0.8, 0.5), (1.15, 1.3), (0.85, 0.7)),
)
# How much entries are multiplied apart from one another: of multiples of whole arrays, a norm is as
# good as a sum of absolute values.
_UNEVEN = (0.4, 0.7)
# What is a norm where it is no sum, and how closely coefficients are known.
_OF_NORM = {"absolute values": "norm"}
_SHOWN = 1e-4
# Multiples of each matrix and bias, alone.
_MULTIPLES = (0.8, 1.25)
# How closely the values are met, relative to the largest: in float64 and in float32.
_EXACT, _SINGLE = 1e-9, 1e-6
# The losses whose labels are smoothed.
_ENTROPIES = ("cross_entropy", "binary_cross_entropy")
# Least part of a loss that is taken for a penalty: a number inside a logarithm makes as much.
_LEAST = 1e-6
# Least part of the labels that is taken for smoothing.
_SMOOTHED = 1e-5


@dataclass(frozen=True)
class Fitted:
    """A loss that has the values reported.

    Attributes
    ----------
    name : str
        As in a `Spec`.
    epsilon : float
        What is beside its probabilities.
    scale : Scale
        Its factor.
    penalty : Penalized or None
        What it has added.
    smoothing : float
        How much of the labels is spread over the classes.
    """

    name: str
    epsilon: float
    scale: Scale
    penalty: Penalized | None
    smoothing: float


@dataclass(frozen=True)
class _Asked:
    """Values of one batch at all places: reported, recomputed, of even labels, of penalties."""

    observed: Array
    tables: list[list[Row]]
    even: list[list[Row]]
    penalties: dict[_Group, list[float]]
    places: list[Layers]


@dataclass(frozen=True)
class _Fit:
    """Factors of the value, of that of even labels and of penalties, and how exact they are."""

    factors: tuple[float, float]
    shares: dict[_Group, float]
    exact: float
    unseen: dict[_Group, float]

    @property
    def scale(self) -> float:
        """The factor of the loss as a whole."""
        return sum(self.factors)


def fitted(inquiry: Inquiry) -> Fitted | None:
    """Find a loss of the output plus penalties, of the labels or of smoothed ones."""
    subject = inquiry.subject
    if subject.network.loss is None:
        return None
    stretched = [_stretched(inquiry.layers, *stretch) for stretch in _STRETCHES]
    first, second = (_asked(inquiry, batch, stretched) for batch in inquiry.batches)
    is_rounded = inquiry.is_float32 or is_single([*first.observed, *second.observed])
    tolerance = _SINGLE if is_rounded else _EXACT
    largest = float(np.abs(first.observed).max())
    ways: list[_Way] = []
    for is_smooth in (False, True):
        fits = (_fitting(asked, is_smooth, tolerance) for asked in (first, second))
        own = _ways(inquiry, *fits, is_smooth=is_smooth, tolerance=tolerance)
        found = _first_of(inquiry, own, largest)
        if found is not None:
            return found
        ways += own
    # What is taken off comes last: of a small number in a logarithm, it may be what is left.
    return _first_of(inquiry, ways, largest, is_subtracted=True)


def _first_of(
    inquiry: Inquiry, ways: Iterable["_Way"], largest: float, *, is_subtracted: bool = False
) -> Fitted | None:
    """Return what the first way is that both batches have in common.

    Parameters
    ----------
    ways : iterable of _Way
        The likeliest first.
    largest : float
        The largest value reported.
    is_subtracted : bool, default False
        Whether the loss has a penalty taken off, and not added.
    """
    for way in ways:
        found = _common(inquiry, way, is_subtracted=is_subtracted)
        if found is None:
            continue
        if found.penalty is None:
            return found
        if _is_rounding(inquiry, found.penalty, largest):
            if is_subtracted:
                continue
            return replace(found, penalty=None)
        if _is_any_rounding(inquiry, way.fit.shares, largest):
            continue  # another number beside the probabilities needs none of it
        penalty = _settled(inquiry, way, found.penalty)
        if penalty is not None and penalty.is_subtracted == is_subtracted:
            return replace(found, penalty=penalty)
    return None


def _ways(
    inquiry: Inquiry,
    one: Mapping["_Key", "_Fit"],
    other: Mapping["_Key", "_Fit"],
    *,
    is_smooth: bool,
    tolerance: float,
) -> list["_Way"]:
    """Return how both batches are met.

    What needs the smallest number beside the probabilities explains the most; two losses are one
    where outputs are near to their targets, and then the usual one comes first.
    """
    meant = inquiry.spec.loss
    keys = sorted(one.keys() & other.keys(), key=lambda k: (k.name != meant, k.epsilon, k.place))
    return [_Way(key, one[key], other[key], is_smooth, tolerance) for key in keys]


def _is_rounding(inquiry: Inquiry, penalty: Penalized, largest: float) -> bool:
    """Whether a penalty is so small a part of a loss that it may stand for anything beside it."""
    return abs(penalty.value(inquiry.layers)) < _LEAST * largest


def _is_any_rounding(inquiry: Inquiry, shares: Mapping[_Group, float], largest: float) -> bool:
    """Whether one of several penalties is so small a part of a loss."""
    values = _penalties(inquiry.layers)
    return any(abs(share * values[group]) < _LEAST * largest for group, share in shares.items())


def _asked(inquiry: Inquiry, batch: Batch, places: Sequence[Layers]) -> _Asked:
    """Ask with several parameters, and give the network its own back."""
    try:
        return _asked_at(inquiry, batch, places)
    finally:
        inquiry.restore()


def _asked_at(inquiry: Inquiry, batch: Batch, places: Sequence[Layers]) -> _Asked:
    subject, form = inquiry.subject, inquiry.form
    assert form is not None
    even = {name: replace(batch, targets=even_targets(batch.targets, name)) for name in _ENTROPIES}
    asked = _Asked(np.empty(len(places)), [], [], {}, [])
    for number, place in enumerate(places):
        layers = subject.set(place)
        asked.observed[number] = subject.loss_of_pass(batch)
        passed = run(form, layers, batch.inputs)
        asked.tables.append(list(values(inquiry, passed, batch)))
        tables = {name: _entropies(values(inquiry, passed, even[name])) for name in _ENTROPIES}
        asked.even.append(
            [tables[name][k] for k, (name, *_) in enumerate(_entropies(asked.tables[-1]))]
        )
        for group, value in _penalties(layers).items():
            asked.penalties.setdefault(group, []).append(value)
        asked.places.append(layers)
    return asked


def _penalties(layers: Layers) -> dict[_Group, float]:
    return {
        (name, of): sum(map(PENALTIES[name].value, arrays))
        for name in SUMS
        for of, arrays in zip(("weights", "biases"), arrays_of(layers), strict=True)
        if arrays
    }


def _stretched(layers: Layers, matrices: float, biases: float) -> Layers:
    return [
        Layer(matrices * layer.weight, None if layer.bias is None else biases * layer.bias)
        for layer in layers
    ]


def _uneven(layers: Layers, spread: float) -> Layers:
    """Return parameters of which every entry is multiplied with another number."""

    def uneven(array: Array) -> Array:
        waves = np.cos(np.arange(array.size, dtype=np.float64) ** 2).reshape(array.shape)
        return array * (1 + spread * waves)

    return [
        Layer(uneven(layer.weight), None if layer.bias is None else uneven(layer.bias))
        for layer in layers
    ]


@dataclass(frozen=True)
class _Key:
    """A loss by its name, epsilon and place in the table."""

    name: str
    epsilon: float
    place: int


@dataclass(frozen=True)
class _Way:
    """How a loss was found: whether of smoothed labels, and how closely it is met.

    `fit` is that of the first batch, `other` that of the second.
    """

    key: _Key
    fit: _Fit
    other: _Fit
    is_smooth: bool
    tolerance: float


def _fitting(asked: _Asked, is_smooth: bool, tolerance: float) -> dict[_Key, _Fit]:
    """Return the losses and penalties that fit."""
    rows = [_entropies(table) if is_smooth else table for table in asked.tables]
    found = {}
    for place, row in enumerate(zip(*rows, strict=True)):
        name, cause, epsilon, _ = row[0]
        if cause is not None:
            continue
        columns = [[value for *_, value in row]]
        if is_smooth:
            columns.append([table[place][-1] for table in asked.even])
        fit = _fit(asked.observed, columns, asked.penalties, tolerance)
        if fit is not None:
            found[_Key(name, epsilon, place)] = fit
    return found


def _entropies(table: Iterable[Row]) -> list[Row]:
    """Return the values of the losses whose labels are smoothed."""
    return [row for row in table if row[0] in _ENTROPIES and row[1] is None]


def _fit(
    observed: Array,
    columns: list[list[float]],
    penalties: Mapping[_Group, list[float]],
    tolerance: float,
) -> _Fit | None:
    """Return the factors with the fewest penalties that fit."""
    count, groups = len(columns), list(penalties)
    whole = np.stack([*columns, *penalties.values()], axis=1)
    allowed = tolerance * float(np.abs(observed).max())
    if not np.isfinite(whole).all() or _solved(observed, whole, allowed) is None:
        return None
    for number in range(len(groups) + 1):
        for chosen in combinations(range(len(groups)), number):
            kept = [*range(count), *(count + place for place in chosen)]
            solution = _solved(observed, whole[:, kept], allowed)
            if solution is None:
                continue
            factors = tuple(map(float, solution[:count]))
            part = np.abs(whole[:, :count] @ solution[:count]).max()
            # A part that is no more than what may be left is no loss of the output.
            if min(factors) < 0 or part <= allowed:
                return None
            # What an error as large as is allowed may put into each number.
            exact = allowed * np.abs(np.linalg.pinv(whole)).sum(axis=1)
            shares = dict(zip((groups[k] for k in chosen), solution[count:], strict=True))
            return _Fit(
                (factors[0], factors[1] if count > 1 else 0.0),
                {group: float(share) for group, share in shares.items()},
                float(exact[:count].sum()) / sum(factors),
                dict(zip(groups, map(float, exact[count:]), strict=True)),
            )
    return None


def _settled(inquiry: Inquiry, way: _Way, penalty: Penalized) -> Penalized | None:
    """Return a penalty with the coefficients of single tensors, if it is the same of other entries.

    Where it is not, what grows with the parameters may be a norm.
    """
    uneven = [_uneven(inquiry.layers, spread) for spread in _UNEVEN]
    rest, asked, allowed = _rest(inquiry, way, uneven)

    def is_met(found: Penalized) -> bool:
        own = np.array([found.value(layers) for layers in asked.places])
        return bool((np.abs(rest - own) <= allowed + _SHOWN * np.abs(own)).all())

    own = _apart(inquiry, way, penalty)
    if is_met(own):
        return own
    shares = {(_OF_NORM.get(kind, kind), of): own for (kind, of), own in way.fit.shares.items()}
    if shares == way.fit.shares:
        return None
    own = _apart(inquiry, replace(way, fit=replace(way.fit, shares=shares)), penalty)
    return own if is_met(own) else None


def _rest(inquiry: Inquiry, way: _Way, places: Sequence[Layers]) -> tuple[Array, _Asked, float]:
    """Return what is reported beside the loss of the output, and by how much it may be off."""
    place = way.key.place
    asked = _asked(inquiry, inquiry.batches[0], places)
    tables = [_entropies(table) if way.is_smooth else table for table in asked.tables]
    first, second = way.fit.factors
    rest = asked.observed - first * np.array([table[place][-1] for table in tables])
    if way.is_smooth:
        rest = rest - second * np.array([table[place][-1] for table in asked.even])
    # What is left is off by what the factors of the loss are, too.
    return rest, asked, 10 * way.tolerance * float(np.abs(asked.observed).max())


def _apart(inquiry: Inquiry, way: _Way, penalty: Penalized) -> Penalized:
    """Return a penalty with the coefficients of single tensors, if these are not all the same."""
    names = list(by_name(inquiry.layers))
    single = [_multiplied(inquiry.layers, name, by) for name in names for by in _MULTIPLES]
    rest, asked, allowed = _rest(inquiry, way, [inquiry.layers, *single])
    members = [
        (kind, of, name)
        for kind, of in way.fit.shares
        for name in names
        if name.startswith("b") == (of == "biases")
    ]
    basis = np.array(
        [
            [PENALTIES[kind].value(by_name(layers)[name]) for kind, _, name in members]
            for layers in asked.places
        ]
    )
    solution = _solved(rest, basis, allowed)
    if solution is None:
        return penalty
    exact = allowed * np.abs(np.linalg.pinv(basis)).sum(axis=1)
    own: dict[str, dict[str, float]] = {}
    unseen: dict[str, dict[str, float]] = {}
    are_alike = True
    for (kind, of, name), share, error in zip(members, solution, exact, strict=True):
        common = way.fit.shares[kind, of]
        are_alike &= abs(share - common) <= 1e-5 * abs(common) + 2 * error
        unseen.setdefault(name, {})[kind] = float(error)
        if abs(share) > 1e-6 * abs(common) + error:
            own.setdefault(name, {})[kind] = float(share)
    return penalty if are_alike else replace(penalty, own=own, unseen_own=unseen)


def _multiplied(layers: Layers, tensor: str, by: float) -> Layers:
    """Return parameters of which one tensor is multiplied."""
    kind, number = tensor[0], int(tensor[1:]) - 1
    own = layers[number]
    if kind == "W":
        changed = replace(own, weight=by * own.weight)
    else:
        assert own.bias is not None
        changed = replace(own, bias=by * own.bias)
    return [*layers[:number], changed, *layers[number + 1 :]]


def _solved(observed: Array, basis: Array, allowed: float) -> Array | None:
    solution: Array
    solution, *_ = np.linalg.lstsq(basis, observed, rcond=None)
    return solution if np.abs(observed - basis @ solution).max() <= allowed else None


def _common(inquiry: Inquiry, way: _Way, *, is_subtracted: bool) -> Fitted | None:
    """Return what two batches have in common, None if that is nothing that is meant."""
    key, one, other = way.key, way.fit, way.other
    samples = [len(batch) for batch in inquiry.batches]
    # A share is met as closely as it is known, and some more for rounding.
    close = 1e-7 + max(one.exact, other.exact)
    scale = scale_of((one.scale, other.scale), samples, close)
    if scale is None or one.shares.keys() != other.shares.keys():
        return None
    if inquiry.subject.single:
        # Of single samples the mean has been taken.
        if scale.power != 1:
            return None
        scale = Scale(scale.constant, 0)
    for group, share in one.shares.items():
        pair = share, other.shares[group]
        loose = 1e-5 + max(fit.unseen[group] / abs(fit.shares[group]) for fit in (one, other))
        if (share < 0) != is_subtracted or scale_of(pair, samples, loose) is None:
            return None
    smoothings = [fit.factors[1] / fit.scale for fit in (one, other)]
    if abs(smoothings[0] - smoothings[1]) > 1e-7 + close:
        return None
    smoothing = _shortest(smoothings[0], 1e-9 + close) if smoothings[0] > _SMOOTHED else 0.0
    if any(fit.factors[1] for fit in (one, other)) and not 0 < smoothing < 1:
        return None
    parts = (
        {
            name: _shortest(share, one.unseen[name, of])
            for (name, of), share in one.shares.items()
            if of == which
        }
        for which in ("weights", "biases")
    )
    unseen = (
        {name: share for (name, of), share in one.unseen.items() if of == which}
        for which in ("weights", "biases")
    )
    penalty = Penalized(*parts, *unseen) if one.shares else None
    return Fitted(key.name, key.epsilon, scale, penalty, smoothing)


def _shortest(value: float, within: float) -> float:
    """Return the shortest number that is as near as a value is known."""
    texts = (float(f"{value:.{digits}g}") for digits in range(1, 17))
    return next((text for text in texts if abs(text - value) <= within), value)
