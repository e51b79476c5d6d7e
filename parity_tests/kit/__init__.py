"""The kit: point it at your own network, and it tells you what is wrong.

See ``docs/kit.md``, and `parity_tests.kit.network.Network` for how a network is declared.
"""

from parity_tests.kit.api import (
    ParityError,
    check_gradients,
    check_layer,
    check_loss,
    check_network,
    check_optimizer,
    parametrize_parity,
    parity_checks,
)
from parity_tests.kit.layers.loss_function import LossUnderTest
from parity_tests.kit.layers.subject import LayerUnderTest
from parity_tests.kit.network import Network, Rule
from parity_tests.kit.spec import Spec
from parity_tests.kit.verdicts import Report, Verdict

__all__ = [
    "LayerUnderTest",
    "LossUnderTest",
    "Network",
    "ParityError",
    "Report",
    "Rule",
    "Spec",
    "Verdict",
    "check_gradients",
    "check_layer",
    "check_loss",
    "check_network",
    "check_optimizer",
    "parametrize_parity",
    "parity_checks",
]
