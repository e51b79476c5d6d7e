"""What the guide shows is what the checks compare."""

import pytest

from parity_tests import guide
from parity_tests.checks import Check
from parity_tests.measures import Comparison

CHECKS = {
    "ELU": [
        Check(
            "layer/ELU/default/float32-7x13-normal",
            lambda: [
                Comparison("output", 0.5, 1.0, 3.0),
                Comparison("grad_input", 1.5, 2.0, 5.0),
            ],
        ),
        Check(
            "layer/ELU/alpha/float32-7x13-normal",
            lambda: [Comparison("output", 0.25, 4.0, 9.0)],
        ),
        Check(
            "layer/ELU/default/float64-7x13-normal",
            lambda: [Comparison("output", 3.0, None, 18.0)],
        ),
        Check("contract/ELU/default/ownership", lambda: None),
    ],
    "zeros_": [Check("init/zeros_/default/equal", lambda: None)],
    "SELU": [
        Check("layer/SELU/default/float32", lambda: [Comparison("output", 4.0, 1.0, 3.0)]),
    ],
}


@pytest.fixture(autouse=True)
def _made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guide, "_checks_by_operation", lambda: CHECKS)


def test_figures_of_all_forms() -> None:
    rows = guide.parity_table(["ELU", "zeros_"]).splitlines()[2:]
    assert rows == [
        "| `ELU` | forward | 0.5 (0.38) | 4 (2.5) | 3 (3) | 3 | 4 |",
        "|  | gradient | 1.5 (1.5) | 2 (2) | – | 1 |  |",
        "| `zeros_` | – | – | – | – | – | 1 |",
    ]


def test_what_compares_no_tensors_shows_its_checks() -> None:
    assert guide.parity_table(["zeros_"]).splitlines()[2:] == ["| `zeros_` | 1 |"]


def test_a_failing_check_makes_no_table() -> None:
    with pytest.raises(AssertionError, match="OVER  output"):
        guide.parity_table(["ELU", "SELU"])


def test_an_operation_without_checks_makes_no_table() -> None:
    with pytest.raises(ValueError, match="no check of 'Elu'"):
        guide.parity_table(["Elu"])


def test_lockstep_figures() -> None:
    rows = [row.strip("| ").split(" | ") for row in guide.lockstep_table(12).splitlines()[2:]]
    assert [row[0] for row in rows] == ["1", "10", "12"]
    for _, loss, *distances in rows:
        assert 0 < float(loss) < 3
        *single, double = map(float, distances)
        assert all(1e-9 < distance < 1e-5 for distance in single)
        assert double < 1e-14
