"""What gets imported, seen from a process of its own."""

import subprocess
import sys

PROGRAM = """
import sys
import numpy, numpy.random
with_numpy = set(sys.modules)
import numpy_impl, numpy_impl.cli, numpy_impl.data, numpy_impl.checkpoint
new = {name.partition(".")[0] for name in set(sys.modules) - with_numpy}
foreign = sorted(new - set(sys.stdlib_module_names) - {"numpy", "numpy_impl"})
print(foreign)
"""


def test_the_library_needs_numpy_alone() -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.strip() == "[]"


def test_the_check_would_notice() -> None:
    program = PROGRAM.replace("import numpy_impl,", "import pytest, numpy_impl,")
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert "pytest" in result.stdout


def test_training_needs_numpy_alone() -> None:
    program = """
import sys
for name in ("torch", "scipy", "sklearn", "matplotlib", "rich", "PIL"):
    sys.modules[name] = None  # importing it raises ImportError
import numpy as np
from numpy_impl import *
rng = np.random.default_rng(0)
model = mlp([2, 16, 2], rng=rng)
from numpy_impl.data import make_xor
x, y = make_xor(400, noise=0.1, rng=rng)
loader = DataLoader(x, y, batch_size=20, shuffle=True, rng=rng)
trainer = Trainer(model, CrossEntropyLoss(), Adam(model.parameters(), lr=1e-2))
print(trainer.fit(loader, loader, epochs=10).test_accuracy[-1])
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert float(result.stdout) == 1.0
