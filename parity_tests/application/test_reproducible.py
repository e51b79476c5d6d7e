"""The same seed gives the same bits, whatever process computes them."""

import os
import subprocess
import sys

from parity_tests.cases.optimizers import OPTIMIZERS

CODE = """
import hashlib, sys
from parity_tests.application.test_resume import Training, leaves
from parity_tests.cases.optimizers import OPTIMIZERS
for case in OPTIMIZERS:
    if case.formula is not None:
        def optimizer(model):
            params = [p for p in model.parameters() if p.ndim == 2 or not case.matrices_only]
            return case.operation(params, **case.variants[sys.argv[1]])
        if sys.argv[1] in case.variants:
            digest = hashlib.sha256()
            for name, value in leaves("", Training(optimizer).fit().outcome()):
                digest.update(name.encode() + getattr(value, "tobytes", repr(value).encode)())
            print(case.operation.__name__, digest.hexdigest())
"""


def _results(variant: str, hash_seed: int) -> str:
    env = {**os.environ, "PYTHONHASHSEED": f"{hash_seed}"}
    command = [sys.executable, "-W", "error", "-c", CODE, variant]
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout


def test_every_process_gives_the_same_bits_in_the_same_order() -> None:
    # Sets are ordered by hashes, and those of strings differ from process to process.
    for variant in ("default", "amsgrad"):
        first, *others = (_results(variant, seed) for seed in range(3))
        assert len(first.splitlines()) == sum(
            variant in case.variants for case in OPTIMIZERS if case.formula is not None
        )
        assert all(other == first for other in others)
