"""Tests of factors and what they leave."""

import numpy as np
import pytest

from parity_tests.kit.fitting import fit, fits

RNG = np.random.default_rng(11)
OBSERVED = RNG.standard_normal((3, 5))
SEVERAL = np.stack(
    [
        OBSERVED / 7,
        RNG.standard_normal((3, 5)),
        np.zeros((3, 5)),
        np.where(OBSERVED > 1, np.inf, OBSERVED),
        np.full((3, 5), np.nan),
        -1e150 * OBSERVED,
    ]
)


@pytest.mark.parametrize(
    "observed",
    [OBSERVED, np.asfortranarray(OBSERVED), np.zeros((3, 5)), np.full((3, 5), np.inf)],
    ids=["rows", "columns", "zero", "infinite"],
)
def test_all_at_once_are_fitted_as_one_by_one(observed: np.ndarray) -> None:
    factors, residuals = fits(observed, SEVERAL)
    expected = np.array([fit(observed, one) for one in SEVERAL])
    np.testing.assert_allclose(factors, expected[:, 0], rtol=1e-12)
    np.testing.assert_allclose(residuals, expected[:, 1], rtol=1e-12, atol=1e-15)


def test_a_multiple_leaves_nothing() -> None:
    factor, residual = fit(OBSERVED, SEVERAL[0])
    assert factor == pytest.approx(7)
    assert residual < 1e-15
    assert fit(OBSERVED, SEVERAL[1])[1] > 0.5
