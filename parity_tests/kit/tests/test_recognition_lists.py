"""Parameters in one list of matrices and biases, beside lists of the same shapes."""

import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.recognition import RecognitionError, recognize
from parity_tests.kit.tests.proposals import names_of

# Counts, whose rates are exponentials; what an optimizer keeps has no name that says so.
COUNTS = """
import numpy as np

class Counts:
    def __init__(self, n_in=12, n_hidden=9, n_out=3):
        self.p = [np.random.randn(n_in, n_hidden) * 0.3, np.zeros(n_hidden),
                  np.random.randn(n_hidden, n_out) * 0.3, np.zeros(n_out)]
        self.largest = [np.zeros_like(p) for p in self.p]
    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.p[0] + self.p[1])
        return np.exp(self.h @ self.p[2] + self.p[3])
    def loss(self, rate, y):
        return np.mean(rate - y * np.log(rate))
    def gradients(self, x, y):
        d = (self.forward(x) - y) / y.size
        dh = d @ self.p[2].T * (1 - self.h**2)
        return [x.T @ dh, dh.sum(0), self.h.T @ d, d.sum(0)]
"""
NO_SLOPE = COUNTS.replace(" * (1 - self.h**2)", "")


@pytest.mark.parametrize(
    ("source", "causes"), [(COUNTS, []), (NO_SLOPE, ["activation-derivative-missing"])]
)
def test_each_matrix_of_a_list_has_the_bias_behind_it(source: str, causes: list[str]) -> None:
    proposal = recognize(names_of(source)["Counts"])
    assert proposal.fields["parameters"] == "'p.0 p.1 p.2 p.3'"
    # A loss is given no learning rate: what it calls a rate is the output.
    assert "net.loss(out, y)" in proposal.fields["loss"]
    report = examine(proposal.network, only=("forward", "loss", "gradient"))
    assert [verdict.cause for verdict in report.failures] == causes


def test_a_declaration_to_begin_with_has_the_biases() -> None:
    strange = COUNTS.replace("np.exp(self.h", "np.exp(self.scale * self.h")
    with pytest.raises(RecognitionError, match=r"parameters='p\.0 p\.1 p\.2 p\.3'"):
        recognize(names_of(strange)["Counts"])


def test_a_list_that_ends_with_a_vector_of_weights_has_no_biases() -> None:
    source = """
import numpy as np

class Single:
    def __init__(self, n_in=12, n_hidden=9, n_second=8):
        self.w = [np.random.randn(n_in, n_hidden) * 0.3, np.random.randn(n_hidden, n_second) * 0.3,
                  np.random.randn(n_second) * 0.3]
    def forward(self, x):
        return np.tanh(np.tanh(x @ self.w[0]) @ self.w[1]) @ self.w[2]
"""
    assert recognize(names_of(source)["Single"]).fields["parameters"] == "'w'"


ONE_UNIT = """
import numpy as np

class Narrow:
    def __init__(self):
        self.w = [np.random.randn(12, 1), np.random.randn(1, 10)]
        self.b = [np.zeros((1, 1)), np.zeros((1, 10))]
    def forward(self, x):
        return np.tanh(x @ self.w[0] + self.b[0]) @ self.w[1] + self.b[1]
"""


def test_that_a_layer_of_one_unit_is_not_looked_for_is_told() -> None:
    told = r"w\[0\] \(12, 1\) and w\[1\] \(1, 10\) may be the matrices around .* of one unit"
    with pytest.raises(RecognitionError, match=told):
        recognize(names_of(ONE_UNIT)["Narrow"])
    other = ONE_UNIT.replace("12, 1)", "12, 9)").replace("(1, 10)", "(9, 10)")
    other = other.replace("zeros((1, 1))", "zeros((1, 9))").replace("np.tanh(", "(self.scale *")
    with pytest.raises(RecognitionError) as raised:
        recognize(names_of(other)["Narrow"])
    assert "is made, with" in str(raised.value)
    assert "one unit" not in str(raised.value)
