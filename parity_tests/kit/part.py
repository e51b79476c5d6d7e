"""What is checked by itself: an optimizer, a layer or a loss."""

from parity_tests.kit.layers.examine import examine_layer
from parity_tests.kit.layers.loss_function import LossUnderTest, examine_loss
from parity_tests.kit.layers.subject import LayerUnderTest
from parity_tests.kit.network import Rule
from parity_tests.kit.optimizers.rules import examine_rule
from parity_tests.kit.verdicts import Verdict

Part = Rule | LayerUnderTest | LossUnderTest

# What each is called, and the aspect that it is asked for first.
KINDS: dict[type, tuple[str, str]] = {
    Rule: ("optimizer", "optimizer"),
    LayerUnderTest: ("layer", "forward"),
    LossUnderTest: ("loss", "loss"),
}


def examine_part(part: Part, seed: int) -> list[Verdict]:
    """Return what is found about an optimizer, a layer or a loss."""
    if isinstance(part, Rule):
        return examine_rule(part, seed)
    if isinstance(part, LayerUnderTest):
        return examine_layer(part, seed)
    return examine_loss(part, seed)
