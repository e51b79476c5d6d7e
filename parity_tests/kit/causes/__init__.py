"""The names of what may be wrong, each with what to look at."""

from collections.abc import Mapping

from parity_tests.kit.causes.aspects import ASPECT_CAUSES
from parity_tests.kit.causes.cause import Cause
from parity_tests.kit.causes.layers import LAYER_CAUSES
from parity_tests.kit.causes.networks import NETWORK_CAUSES
from parity_tests.kit.causes.optimizers import OPTIMIZER_CAUSES

CAUSES: Mapping[str, Cause] = {
    **NETWORK_CAUSES,
    **LAYER_CAUSES,
    **OPTIMIZER_CAUSES,
    **ASPECT_CAUSES,
}

__all__ = ["CAUSES", "Cause"]
