"""Which parameters are matrices, by their shapes alone."""

import pytest

from parity_tests.kit.optimizers.formulas import matrices_of


@pytest.mark.parametrize(
    "shapes",
    [
        [(12, 9), (9,), (9, 1), (1,)],
        [(12, 9), (1, 9), (9, 1), (1, 1)],
        [(9, 12), (9, 1), (1, 9), (1, 1)],
        [(12, 9), (1, 9), (9, 10), (1, 10)],
    ],
)
def test_a_matrix_may_have_one_row_or_one_column(shapes: list[tuple[int, ...]]) -> None:
    assert matrices_of(shapes) == [True, False, True, False]


def test_matrices_alone_are_no_biases() -> None:
    assert matrices_of([(12, 9), (9, 10)]) == [True, True]
