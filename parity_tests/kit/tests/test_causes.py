"""Every cause that the aspects name is planted in one of their tests."""

from pathlib import Path

from parity_tests.kit.causes.aspects import ASPECT_CAUSES

_TESTS = (
    "initialization",
    "initialization_by_widths",
    "stability",
    "extreme_gradients",
    "side_effects",
    "gradient",
    "data",
)


def test_every_cause_is_planted() -> None:
    files = [Path(__file__).with_name(f"test_{name}.py") for name in _TESTS]
    source = "".join(file.read_text(encoding="utf-8") for file in files)
    missing = [cause for cause in ASPECT_CAUSES if f'"{cause}"' not in source]
    assert not missing
