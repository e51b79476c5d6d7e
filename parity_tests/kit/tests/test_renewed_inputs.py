"""Updates from the first layer on, whose gradients take the forward pass anew."""

from parity_tests.kit.check import examine
from parity_tests.kit.tests.asked import Array, Classifier, network, variant
from parity_tests.kit.verdicts import DIFFERS, Report


class _Upwards(variant(sizes=(8, 6, 5, 4))):  # type: ignore[misc]
    """The errors are carried back first, and the layers are updated from below."""

    is_renewed = True

    def step(self, x: Array, y: Array, lr: float) -> None:
        errors = [self.delta(x, y)]
        kept = list(self.a)
        for number in reversed(range(1, len(self.w))):
            slope = (kept[number] > 0).astype(float)
            errors.insert(0, errors[0] @ self.w[number].T * slope)
        for number, error in enumerate(errors):
            if self.is_renewed:
                self.forward(x)
            below = self.a[number] if self.is_renewed else kept[number]
            self.w[number] -= lr * below.T @ error
            self.b[number] -= lr * error.sum(axis=0, keepdims=True)


def _asked(made: type[Classifier]) -> Report:
    return examine(network(made, gradients=None), only="gradient")


def test_a_forward_pass_after_updates_is_named() -> None:
    [verdict] = _asked(_Upwards).failures
    assert (verdict.status, verdict.tensor, verdict.cause) == (
        DIFFERS,
        "W3",
        "forward-after-update",
    )
    assert "likewise on W2" in verdict.message


def test_values_that_are_kept_are_right_in_any_order() -> None:
    assert not _asked(type("Kept", (_Upwards,), {"is_renewed": False})).failures
