"""All that is fuzzed. A target is declared in the module of its format."""

from importlib.util import find_spec

from parity_tests.fuzz import idx, models, tensors
from parity_tests.fuzz.target import Target

_ALL = (idx.TARGET, models.TARGET, models.TRAINED, tensors.TARGET)

# What needs a package that is not installed is left out.
TARGETS: dict[str, Target] = {
    target.name: target
    for target in _ALL
    if target is not tensors.TARGET or find_spec("safetensors") is not None
}
