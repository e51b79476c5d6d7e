"""The catalogue of networks that are right, and what the kit says of the faults in them."""

import pytest

from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.catalogue.correct import CORRECT, Correct
from parity_tests.kit.catalogue.faults import FAULTS, Fault
from parity_tests.kit.catalogue.planting import planted
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.causes.aspects import ASPECT_CAUSES
from parity_tests.kit.causes.layers import LAYER_CAUSES
from parity_tests.kit.causes.optimizers import OPTIMIZER_CAUSES
from parity_tests.kit.check import EXAMINATIONS, examine
from parity_tests.kit.verdicts import ASPECTS, CONVENTION, DIFFERS, EQUAL

_NETWORKS = {correct.name: correct for correct in CORRECT}
_TABLES = (CAUSES, ASPECT_CAUSES, OPTIMIZER_CAUSES, LAYER_CAUSES)


def test_the_catalogue_is_as_large_as_it_says() -> None:
    assert len(_NETWORKS) == len(CORRECT) >= 40
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 120


def test_text_to_replace_must_occur_exactly_once() -> None:
    with pytest.raises(ValueError, match="occurs 0 times"):
        planted("lesson", "no such text", "pass")
    with pytest.raises(ValueError, match="occurs 2 times"):
        planted("positional", "axis=1, keepdims=True", "")
    with pytest.raises(ValueError, match="expected once"):
        planted("lesson", "", "pass")


def test_what_is_planted_is_not_shared() -> None:
    changed = planted("positional", "return 1.0 / (1.0 + np.exp(-z))", "return z")
    assert changed.sigmoid(2.0) == 2.0
    assert planted("positional").sigmoid(0.0) == 0.5


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_can_be_planted_and_has_a_known_name(fault: Fault) -> None:
    _NETWORKS[fault.network].planted(fault.old, fault.new)
    assert fault.old != fault.new
    assert fault.aspect in ASPECTS
    named = [fault.cause] if fault.cause is not None else []
    for cause in (*named, *fault.also):
        assert any(cause in table for table in _TABLES)


def test_every_name_is_planted_in_networks_of_two_shapes() -> None:
    files: dict[str | None, set[str]] = {}
    for fault in FAULTS:
        files.setdefault(fault.cause, set()).add(_NETWORKS[fault.network].file)
    alone = {cause for cause, where in files.items() if len(where) < 2}
    # One network has Nesterov's momentum.
    assert alone == {"nesterov-is-momentum"}


@pytest.mark.parametrize("correct", CORRECT, ids=lambda correct: correct.name)
def test_nothing_is_wrong_with_a_correct_network(correct: Correct) -> None:
    report = examine(correct.network, arbiter=pytorch())
    assert report.failures == []
    statuses = {aspect: [v.status for v in report.of(aspect)] for aspect in EXAMINATIONS}
    assert statuses["forward"] == [EQUAL]
    assert statuses["gradient"]
    assert set(statuses["gradient"]) <= {EQUAL, CONVENTION}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_caught_and_named(fault: Fault) -> None:
    report = examine(_NETWORKS[fault.network].planted(fault.old, fault.new), only=fault.aspect)
    assert any(verdict.status == fault.status for verdict in report.verdicts)
    assert bool(report.failures) == (fault.status == DIFFERS)
    # Of the faults or, where none is expected, of the conventions.
    said = [verdict for verdict in report.verdicts if verdict.status in (DIFFERS, fault.status)]
    names = {verdict.cause for verdict in said if verdict.cause is not None}
    assert names <= {fault.cause, *fault.also}
    assert names or fault.cause is None


@pytest.mark.parametrize(
    ("name", "aspect"),
    [
        ("softmax over the samples in the loss: closures", "stability"),
        ("bias over the wrong axis: grows to a matrix", "side effects"),
    ],
)
def test_a_fault_does_not_end_the_questions(name: str, aspect: str) -> None:
    [fault] = [fault for fault in FAULTS if fault.name == name]
    report = examine(_NETWORKS[fault.network].planted(fault.old, fault.new))
    assert fault.aspect in {verdict.aspect for verdict in report.failures}
    assert list(report.of(aspect))
