"""PyTorch's own samples give here what they give there."""

import pytest
import torch

from parity_tests.torch_samples.databases import SOURCES, kinds
from parity_tests.torch_samples.results import DTYPES, all_results, result, stale_rules, table

WITHOUT_SAMPLES = {
    "modules": {
        "Dropout",
        "Flatten",
        "FocalLoss",
        "Hardsigmoid",
        "Identity",
        "Residual",
        "SigmoidFocalLoss",
    },
    "functions": {"FocalLoss", "Identity", "Residual", "SigmoidFocalLoss"},
    "optimizers": {"Lion"},
}

CASES = [
    pytest.param(kind, source, dtype, id=f"{source}-{kind.__name__}-{str(dtype)[6:]}")
    for source in SOURCES
    for kind in kinds(source)
    if kind.__name__ not in WITHOUT_SAMPLES[source]
    for dtype in DTYPES
]


@pytest.mark.parametrize(("kind", "source", "dtype"), CASES)
def test_samples(kind: type, source: str, dtype: torch.dtype) -> None:
    found = result(kind, source, dtype)
    assert found.total, f"PyTorch has no samples of {kind.__name__} among its {source}"
    count = f"{len(found.failures)} of {found.total} samples"
    assert not found.failures, "\n".join([count, *found.failures])


def test_every_sample_is_counted_once() -> None:
    for kind, source, found in all_results():
        name = f"{kind.__name__}, {source}"
        left_out = sum(found.left_out.values())
        assert found.total == found.passed + left_out + len(found.failures), name
        assert found.passed or not found.total, f"{name}: nothing was run"
        assert (found.total == 0) == (kind.__name__ in WITHOUT_SAMPLES[source]), name
    assert "| all | |" in table()


def test_every_rule_leaves_something_out() -> None:
    assert stale_rules() == []
