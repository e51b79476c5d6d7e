"""Networks that update themselves, by a rule that is handed in."""
# ruff: noqa: D102, D103

from collections.abc import Callable

import numpy as np

from parity_tests.kit.forward import Form
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.network import Network
from parity_tests.kit.scales import Scale
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.subject import Subject
from parity_tests.kit.tests.update_rules import Array, State, Step


class Learner:
    """A network of two layers with sigmoids, for the squared error."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        self.w1, self.b1 = rng.standard_normal((6, 5)), np.zeros(5)
        self.w2, self.b2 = rng.standard_normal((5, 4)), np.zeros(4)
        self.state = State(lr=0.0)

    def forward(self, x: Array) -> Array:
        self.a = 1 / (1 + np.exp(-(x @ self.w1 + self.b1)))
        output: Array = 1 / (1 + np.exp(-(self.a @ self.w2 + self.b2)))
        return output

    def gradients(self, x: Array, y: Array) -> list[Array]:
        p = self.forward(x)
        d2 = (p - y) * p * (1 - p) / len(x)
        d1 = d2 @ self.w2.T * self.a * (1 - self.a)
        return [x.T @ d1, d1.sum(axis=0), self.a.T @ d2, d2.sum(axis=0)]


def learner(step: Step, spec: Spec) -> Inquiry:
    def taken(net: Learner, x: Array, y: Array, lr: float) -> None:
        net.state.lr = lr
        step(net.state, [net.w1, net.b1, net.w2, net.b2], net.gradients(x, y))

    network = Network(
        Learner,
        parameters="w1 b1 w2 b2",
        forward="forward",
        step=taken,
        spec=spec,
    )
    return asked(network)


def asked(network: Network) -> Inquiry:
    inquiry = Inquiry.begin(Subject(network), network.spec, 5)
    inquiry.form = Form(("sigmoid",), "sigmoid")
    inquiry.gradient_loss, inquiry.gradient_scale = "squared_error", Scale(1.0, 1)
    inquiry.is_gradient_known = True
    return inquiry


HALF = {"loss": "squared_error", "scale": "half mean"}


def updating(step: Step, gradients: Callable[[Learner, Array, Array], list[Array]]) -> Network:
    def taken(net: Learner, x: Array, y: Array, lr: float) -> None:
        net.state.lr = lr
        step(net.state, [net.w1, net.b1, net.w2, net.b2], gradients(net, x, y))

    return Network(Learner, parameters="w1 b1 w2 b2", forward="forward", step=taken)


def summed(net: Learner, x: Array, y: Array) -> list[Array]:
    return [len(x) * gradient for gradient in net.gradients(x, y)]


def without_derivative(net: Learner, x: Array, y: Array) -> list[Array]:
    p = net.forward(x)
    d2 = (p - y) * p * (1 - p) / len(x)
    d1 = d2 @ net.w2.T
    return [x.T @ d1, d1.sum(axis=0), net.a.T @ d2, d2.sum(axis=0)]


class Updating(Learner):
    """The second matrix is updated before the error is carried back through it."""

    outputs = 10
    change: Callable[..., Array]

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(4)
        self.w2, self.b2 = rng.standard_normal((5, self.outputs)), np.zeros(self.outputs)

    def taken(self, x: Array, y: Array, lr: float, change: Callable[..., Array]) -> None:
        p = self.forward(x)
        d2 = (p - y) * p * (1 - p) / len(x)
        for name, gradient in (("w2", self.a.T @ d2), ("b2", d2.sum(axis=0))):
            setattr(self, name, getattr(self, name) - lr * change(self, name, gradient))
        d1 = d2 @ self.w2.T * self.a * (1 - self.a)
        for name, gradient in (("w1", x.T @ d1), ("b1", d1.sum(axis=0))):
            setattr(self, name, getattr(self, name) - lr * change(self, name, gradient))


def kept_as(own: float, share: float, ahead: bool = False) -> Callable[..., Array]:
    def change(net: Updating, name: str, gradient: Array) -> Array:
        kept = net.state.__dict__
        kept[name] = own * kept.get(name, 0.0) + share * gradient
        velocity: Array = share * gradient + own * kept[name] if ahead else kept[name]
        return velocity

    return change


def falling(net: Updating, name: str, gradient: Array) -> Array:
    ticks = net.state.__dict__[f"t{name}"] = net.state.__dict__.get(f"t{name}", 0) + 1
    return gradient * 0.1 / ticks


def plain(_: Updating, __: str, gradient: Array) -> Array:
    return gradient


def updated_early(change: Callable[..., Array], optimizer: str | None = None) -> Network:
    return Network(
        Updating,
        parameters="w1 b1 w2 b2",
        forward="forward",
        step=lambda net, x, y, lr: net.taken(x, y, lr, change),
        spec=Spec(**HALF, optimizer=optimizer),
    )
