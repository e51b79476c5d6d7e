"""Faults in what constructors take, and in the list of what they do not."""

from parity_tests.faults.fault import Fault

_LEFT_OUT = "parity_tests.checks.signatures"

FAULTS: tuple[Fault, ...] = (
    Fault(
        "another default than PyTorch's",
        _LEFT_OUT,
        "arguments",
        "name: parameter.default",
        'name: 1e-6 if name == "eps" and function.__module__[:5] == "numpy" else parameter.default',
        ("signature/BatchNorm1d", "signature/Adam"),
    ),
    Fault(
        "a reason for what is not left out",
        _LEFT_OUT,
        "left_out",
        "reasons = {**EVERYWHERE,",
        "reasons = {",
        ("left-out/nothing-stale", "signature/Dropout"),
    ),
)
