"""Optimizers: right ones in several styles, and each fault by its name."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from numpy_impl import InputError
from parity_tests.kit.causes.optimizers import OPTIMIZER_CAUSES
from parity_tests.kit.check import examine as examine_network
from parity_tests.kit.network import Network, Rule
from parity_tests.kit.optimizers.displacements import displacements
from parity_tests.kit.optimizers.formulas import OPTIMIZERS, Asked, Formula, read
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.optimizers.rules import examine_rule
from parity_tests.kit.tests.faulty_rules import (
    accumulated,
    adadelta_outside,
    adagrad_inside,
    adagrad_of_means,
    adam_begun_whole,
    adam_begun_whole_and_corrected,
    adam_folded,
    adam_inside,
    adam_made_anew,
    adam_made_anew_but_counted,
    adam_of_other_betas,
    adam_of_whole_squares,
    adam_swapped,
    adam_with_penalty,
    adamax_counted_constantly,
    adamax_outside,
    adamax_uncorrected,
    adamw_after_the_step,
    adamw_and_penalty,
    adamw_folded_unscaled,
    adamw_grown,
    adamw_unscaled,
    amsgrad_of_corrected,
    by_the_first,
    clipped,
    clipped_by_norm,
    corrected_after_the_root,
    corrected_by_usual_betas,
    corrected_in_place,
    corrections_exchanged,
    corrections_exchanged_beside_eps,
    counted,
    counted_together,
    decay_of_matrices,
    eps_under_the_uncorrected_root,
    falling_beside,
    falling_inside,
    falling_upwards,
    first_by_beta2,
    first_corrected,
    first_corrected_by_product,
    first_corrected_in_place,
    first_corrected_without_power,
    first_summed,
    first_undecayed,
    grown,
    grown_matrices,
    infinite_mean,
    keeping,
    last_gradient,
    late,
    magnitudes,
    mean_of_magnitudes,
    means_corrected_by_beta2,
    momentum_against,
    momentum_average,
    momentum_average_of_85,
    momentum_by_shape,
    momentum_corrected,
    momentum_dampened,
    momentum_shared,
    momentum_shrunk,
    momentum_taken_away,
    momentum_times_rate,
    momentum_unscaled,
    nadam_of_constant_momentum,
    norm_for_squares,
    normalized,
    of_first,
    of_matrix,
    one_number,
    over_the_root,
    overwritten,
    plainly,
    rate_that_falls,
    rate_twice,
    rebound,
    rmsprop_anew_and_whole,
    rmsprop_begun_whole,
    rmsprop_corrected,
    rmsprop_exchanged,
    rmsprop_from_one,
    rmsprop_inside,
    rmsprop_made_anew,
    root_of_zero,
    scaled_by_chance,
    second_by_beta1,
    second_corrected,
    second_corrected_without_power,
    second_summed,
    second_summed_and_centered,
    second_undecayed,
    sgd_penalty_twice,
    sgd_unscaled,
    shrunk_after,
    squares_by_beta1,
    squares_corrected_by_beta1,
    squares_of_means,
    strange,
    strange_filter,
    three_at_once,
    thrice,
    uncorrected,
    uncorrected_by_another_share,
    uncorrected_with_eps_inside,
    upwards,
    velocity_turned,
    velocity_twice,
    velocity_whole,
    without_eps,
    without_root,
)
from parity_tests.kit.tests.learners import Learner
from parity_tests.kit.tests.update_rules import (
    Array,
    State,
    Step,
    Update,
    adadelta,
    adadelta_of_one_root,
    adagrad,
    adagrad_of_list,
    adam,
    adam_with_powers,
    adamax,
    adamax_by_differences,
    adamw,
    adamw_in_one_line,
    amsgrad,
    amsgrad_folded,
    corrected,
    each,
    lion,
    lion_by_differences,
    momentum,
    momentum_with_rate_inside,
    nadam,
    nadam_of_products,
    nesterov,
    nesterov_expanded,
    nesterov_of_two_velocities,
    radam,
    radam_with_a_rate,
    returned,
    rmsprop,
    rmsprop_by_differences,
    rmsprop_centered,
    rule,
    sgd,
    sgd_decayed,
    sgd_penalty,
    signs,
    signs_by_sizes,
)
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict

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


DECAY = {"weight_decay": 0.01}


OTHERWISE: dict[str, tuple[str, str, Step, str | None, dict[str, Any]]] = {
    "average": ("momentum-average", CONVENTION, each(momentum_average), "momentum", {}),
    "average, momentum not known": (
        "momentum-average",
        CONVENTION,
        each(momentum_average_of_85),
        "momentum",
        {"momentum": None},
    ),
    "velocity times the rate": (
        "momentum-times-rate",
        DIFFERS,
        each(momentum_times_rate),
        "momentum",
        {"momentum": 0.9},
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
    "velocity whole": ("nesterov-velocity-whole", DIFFERS, each(velocity_whole), "nesterov", {}),
    "velocity turned": (
        "nesterov-velocity-turned",
        DIFFERS,
        each(velocity_turned),
        "nesterov",
        {},
    ),
    "velocity turned, no kind declared": (
        "nesterov-velocity-turned",
        DIFFERS,
        each(velocity_turned),
        None,
        {},
    ),
    "uncorrected": ("adam-no-bias-correction", DIFFERS, each(uncorrected), "adam", {}),
    **{
        f"adamax uncorrected, {kind} declared": (
            "adam-no-bias-correction",
            DIFFERS,
            each(adamax_uncorrected),
            kind,
            {},
        )
        for kind in ("adamax", None)
    },
    "first corrected": ("adam-first-correction-only", DIFFERS, each(first_corrected), "adam", {}),
    "second corrected": (
        "adam-second-correction-only",
        DIFFERS,
        each(second_corrected),
        "adam",
        {},
    ),
    "first corrected by a product": (
        "adam-correction-of-product",
        DIFFERS,
        each(first_corrected_by_product),
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
    "first undecayed": ("moment-not-decayed", DIFFERS, each(first_undecayed), "adam", {}),
    "first undecayed, no kind declared": (
        "moment-not-decayed",
        DIFFERS,
        each(first_undecayed),
        None,
        {},
    ),
    "second undecayed": ("moment-not-decayed", DIFFERS, each(second_undecayed), "rmsprop", {}),
    "second summed, centered, no kind declared": (
        "second-moment-summed",
        DIFFERS,
        each(second_summed_and_centered),
        None,
        {},
    ),
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
    "shared where shapes are the same": (
        "state-shared",
        DIFFERS,
        momentum_by_shape,
        "momentum",
        {},
    ),
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
    "weights exchanged": (
        "another-hyperparameter",
        DIFFERS,
        each(rmsprop_exchanged),
        "rmsprop",
        {"alpha": 0.99},
    ),
    "weights exchanged, undeclared": (
        "mean-weights-exchanged",
        DIFFERS,
        each(rmsprop_exchanged),
        "rmsprop",
        {},
    ),
    "weights exchanged, of no kind": (
        "mean-weights-exchanged",
        DIFFERS,
        each(rmsprop_exchanged),
        None,
        {},
    ),
    "momentum against": ("momentum-sign", DIFFERS, each(momentum_against), "momentum", {}),
    "momentum taken away": ("momentum-sign", DIFFERS, each(momentum_taken_away), None, {}),
    "velocity unscaled": (
        "velocity-without-rate",
        DIFFERS,
        each(momentum_unscaled),
        "momentum",
        {"momentum": 0.9},
    ),
    "first by beta2": ("first-moment-by-beta2", DIFFERS, each(first_by_beta2), "adam", {}),
    "squares by beta1": ("squares-by-beta1", DIFFERS, each(squares_by_beta1), None, {}),
    **{
        name: ("adam-correction-of-other-moment", DIFFERS, each(rule), None, {})
        for name, rule in (
            ("corrections exchanged", corrections_exchanged),
            ("squares corrected by beta1", squares_corrected_by_beta1),
            ("corrections exchanged beside eps", corrections_exchanged_beside_eps),
            ("means corrected by beta2", means_corrected_by_beta2),
        )
    },
    "squares of means": ("second-moment-of-first", DIFFERS, each(squares_of_means), None, {}),
    "magnitudes": ("second-moment-of-magnitudes", DIFFERS, each(magnitudes), None, {}),
    "mean of magnitudes": (
        "second-moment-of-magnitudes",
        DIFFERS,
        each(mean_of_magnitudes),
        "rmsprop",
        {},
    ),
    "corrected by usual betas": (
        "adam-correction-of-other-betas",
        DIFFERS,
        each(corrected_by_usual_betas),
        "adam",
        {"betas": (0.9, 0.99)},
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
    "not scaled beside another eps": (
        "decay-not-scaled",
        DIFFERS,
        each(adamw_folded_unscaled),
        "adamw",
        {},
    ),
    "sgd not scaled": ("decay-not-scaled", DIFFERS, each(sgd_unscaled), "sgd", DECAY),
    "twice": ("decay-twice", DIFFERS, each(sgd_penalty_twice), "sgd", DECAY),
    "both": ("decay-twice", DIFFERS, each(adamw_and_penalty), "adamw", DECAY),
    "grown": ("decay-sign", DIFFERS, each(grown), "sgd", DECAY),
    "grown, nothing declared": ("decay-sign", DIFFERS, each(grown), None, {}),
    "grown, matrices": ("decay-sign", DIFFERS, each(grown_matrices), "sgd", {}),
    "grown beside the gradient": ("decay-sign", DIFFERS, each(adamw_grown), None, {}),
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
    "first kept corrected": (
        "moments-kept-corrected",
        DIFFERS,
        each(first_corrected_in_place),
        "adam",
        {},
    ),
    **{
        f"from one, {kind} declared": (
            "second-moment-from-one",
            CONVENTION,
            each(rmsprop_from_one),
            kind,
            {},
        )
        for kind in ("rmsprop", None)
    },
    "kept corrected": (
        "moments-kept-corrected",
        DIFFERS,
        each(corrected_in_place),
        "adam",
        {},
    ),
    "falling as a root": ("lr-decay", CONVENTION, each(over_the_root), None, {}),
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
    "shrunk beside momentum": (
        "decay-not-scaled",
        CONVENTION,
        each(momentum_shrunk),
        None,
        {},
    ),
    "shrunk after": ("decay-not-scaled", DIFFERS, each(shrunk_after), "sgd", DECAY),
    "falling per layer": ("lr-decay-per-layer", DIFFERS, rate_that_falls(2), "sgd", {}),
    "falling per tensor": ("lr-decay-per-tensor", DIFFERS, rate_that_falls(1), "sgd", {}),
    "clipped": ("step-clipped", CONVENTION, each(clipped), "sgd", {}),
    "clipped by norm": ("step-clipped", CONVENTION, clipped_by_norm, "sgd", {}),
    "normalized": ("gradient-normalized", CONVENTION, each(normalized(adam)), None, {}),
    "normalized, sgd": ("gradient-normalized", CONVENTION, each(normalized(sgd)), None, {}),
    "late": ("gradient-late", DIFFERS, each(late), "sgd", {}),
    "of the first": ("gradient-of-first-step", DIFFERS, each(by_the_first), "sgd", {}),
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
    # Of networks, and not of rules, it is asked what their steps keep.
    beside |= {"state-without-effect"}
    beside |= {"second-moment-by-beta1"}
    # Those show in the steps of a network alone: see `test_steps`.
    beside |= {"nesterov-gradient-ahead", "nesterov-ahead-kept", "step-without-rate"}
    beside |= {"nesterov-look-behind", "rate-without-effect", "parameter-reshaped"}
    beside |= {"parameters-of-integers", "norm-limited", "momentum-begins-elsewhere"}
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


def test_three_parts_at_once_are_told_apart() -> None:
    verdicts = examine_rule(rule(each(three_at_once), "rmsprop"), 0)
    assert {v.cause for v in verdicts} == {"state-recreated", "second-moment-scalar"}
    assert "eps = inside" in verdicts[0].message


def test_a_decay_of_one_parameter_makes_no_other_formula() -> None:
    def step(state: State, params: list[Array], grads: list[Array]) -> None:
        each(sgd_penalty)(state, params[:1], grads[:1])
        each(sgd)(state, params[1:], grads[1:])

    (verdict,) = examine_rule(rule(step, "sgd"), 0)
    assert (verdict.status, verdict.cause) == (DIFFERS, None)


def test_a_penalty_of_the_size_of_adamws_decay_is_adams() -> None:
    def step(s: State, p: Array, g: Array, lr: float) -> None:
        (adam if p.ndim == 1 else adam_with_penalty)(s, p, g, lr)

    [verdict] = examine_rule(rule(each(step), None), 1)
    assert (verdict.status, verdict.cause) == (CONVENTION, None)
    assert "adamw" not in verdict.message


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


def test_a_shared_state_does_no_harm_where_no_two_shapes_are_the_same() -> None:
    shapes = ((6, 5), (5,), (5, 4), (4,))
    (verdict,) = examine_rule(rule(momentum_by_shape, None), 0, shapes)
    assert (verdict.status, verdict.cause) == (CONVENTION, "state-shared")


_SHARED_GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize(
    "draw",
    [
        lambda _, shape: np.random.normal(size=shape),  # noqa: NPY002
        lambda _, shape: _SHARED_GENERATOR.normal(size=shape),
        lambda _, shape: np.random.default_rng().normal(size=shape),
    ],
)
@pytest.mark.parametrize("kind", [None, "sgd"])
def test_random_steps_could_not_be_checked(draw: Callable[..., Any], kind: str | None) -> None:
    def update(s: State, p: Array, g: Array, lr: float) -> None:
        p -= lr * (g + 1e-3 * draw(s, g.shape))

    (verdict,) = examine_rule(rule(each(update), kind), 0)
    assert (verdict.status, verdict.cause) == (UNCHECKED, None)
    assert "steps are random" in verdict.message


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
    seen = Observed(asked, steps, np.zeros(15, int), 1e-9, 0.0)
    coefficients, decays, misfit = seen.responses
    np.testing.assert_allclose(coefficients[2], [0.125, 0.25, 1.5], atol=1e-9)
    np.testing.assert_allclose(decays, 0, atol=1e-9)
    assert misfit < 1e-9
