"""Optimizers inside of training steps, and gradients that only such steps show."""

from parity_tests.kit.catalogue.faults.fault import Fault
from parity_tests.kit.verdicts import CONVENTION

_GRADIENT, _OPTIMIZER = "gradient", "optimizer"
_ADAM, _RMSPROP, _DECAY = "own adam", "own rmsprop", "own momentum decay"
_MASK = "* (self.a[k - 1] > 0)"
_STEP = (
    "            g = grads[key] + self.decay * value\n"
    '            if self.rule == "momentum":\n'
    "                self.m[key] = 0.9 * self.m[key] + g\n"
    "                value -= lr * self.m[key]\n"
)
_AVERAGE = "                self.m[key] = 0.9 * self.m[key] + g\n"

FAULTS: tuple[Fault, ...] = (
    # First steps of adaptive optimizers tell signs, and sizes where eps takes something away.
    Fault(
        "derivative left out, inside of adam",
        _ADAM,
        _MASK,
        "",
        _GRADIENT,
        "activation-derivative-missing",
    ),
    Fault(
        "biases of one number, inside of adam",
        _ADAM,
        "delta.sum(axis=0)",
        "np.full(delta.shape[1], delta[0].sum() + np.abs(delta).sum())",
        _GRADIENT,
        "bias-collapsed",
    ),
    Fault(
        "updated before it is used, inside of rmsprop",
        _RMSPROP,
        "            if k > 1:\n"
        '                delta = delta @ self.params[f"W{k}"].T * (self.a[k - 1] > 0)\n'
        "        return grads\n\n"
        "    def train(self, x, y, lr):\n",
        '            v = 0.01 * grads[f"W{k}"] ** 2\n'
        '            late = self.params[f"W{k}"] - self.lr * grads[f"W{k}"] / np.sqrt(v + 1e-16)\n'
        "            if k > 1:\n"
        "                delta = delta @ late.T * (self.a[k - 1] > 0)\n"
        "        return grads\n\n"
        "    def train(self, x, y, lr):\n"
        "        self.lr = lr\n",
        _GRADIENT,
        "update-order",
    ),
    Fault(
        "a matrix goes up, inside of adam",
        _ADAM,
        "        return grads\n",
        '        grads["W1"] *= -1\n        return grads\n',
        _GRADIENT,
        "sign",
    ),
    # Parts of the parameters
    Fault(
        "biases by plain descent: rmsprop",
        _RMSPROP,
        'elif self.rule == "rmsprop":',
        'elif key[0] == "b":\n                value -= lr * g\n'
        '            elif self.rule == "rmsprop":',
        _OPTIMIZER,
        "biases-by-plain-descent",
    ),
    Fault(
        "biases by plain descent: momentum",
        "own momentum",
        'if self.rule == "momentum":',
        'if key[0] == "b":\n                value -= lr * g\n'
        '            elif self.rule == "momentum":',
        _OPTIMIZER,
        "biases-by-plain-descent",
    ),
    Fault(
        "a name for the parameter: layers",
        "layers relu",
        "p -= self.lr * m_hat",
        "p = p - self.lr * m_hat",
        _OPTIMIZER,
        "step-without-effect",
    ),
    Fault(
        "a name for the parameter: closures",
        "closures nesterov deep",
        "p -= self.lr * (g + self.momentum",
        "p = p - self.lr * (g + self.momentum",
        _OPTIMIZER,
        "step-without-effect",
    ),
    Fault(
        "momentum of one matrix: own optimizer",
        "own momentum",
        'if self.rule == "momentum":',
        'if key != "W1":\n                value -= lr * g\n'
        '            elif self.rule == "momentum":',
        _OPTIMIZER,
        "rules-apart",
    ),
    Fault(
        "momentum of one matrix: stored gradients",
        "stored gradients momentum",
        "self.v[key] = self.momentum * self.v[key] - self.lr * g",
        "self.v[key] = self.momentum * self.v[key] * (key == next(iter(params))) - self.lr * g",
        _OPTIMIZER,
        "rules-apart",
    ),
    Fault(
        "plain step as well: adam",
        _ADAM,
        "value -= lr * m / (np.sqrt(v) + 1e-8)",
        "value -= lr * m / (np.sqrt(v) + 1e-8)\n                value -= lr * g",
        _OPTIMIZER,
        "plain-step-added",
    ),
    Fault(
        "plain step as well, of the biases: rmsprop",
        _RMSPROP,
        "value -= lr * g / (np.sqrt(self.v[key]) + 1e-8)",
        "value -= lr * g / (np.sqrt(self.v[key]) + 1e-8)\n"
        '                value -= lr * g * (key[0] == "b")',
        _OPTIMIZER,
        "plain-step-added",
    ),
    Fault(
        "second correction without the power of t, inside of adam",
        _ADAM,
        "(1 - 0.999**self.t)",
        "(1 - 0.999)",
        _OPTIMIZER,
        "adam-correction-without-power",
    ),
    Fault(
        "t per tensor, from two: adam",
        _ADAM,
        "        self.t += 1\n        for key, value in self.params.items():\n",
        "        self.t = self.t or 1\n        for key, value in self.params.items():\n"
        "            self.t += 1\n",
        _OPTIMIZER,
        "adam-step-per-tensor",
    ),
    # Weight decay that is declared of the optimizer
    Fault(
        "decay left out: own momentum",
        _DECAY,
        "grads[key] + self.decay * value",
        "grads[key]",
        _OPTIMIZER,
        "decay-missing",
    ),
    Fault(
        "decay not times the rate: own momentum",
        _DECAY,
        _STEP,
        _STEP.replace(" + self.decay * value\n", "\n", 1).replace(
            "lr * self.m[key]", "lr * self.m[key] + self.decay * value"
        ),
        _OPTIMIZER,
        "decay-not-scaled",
    ),
    Fault(
        "decay of the matrices alone: own momentum",
        _DECAY,
        "self.decay * value",
        'self.decay * value * (key[0] == "W")',
        _OPTIMIZER,
        "decay-matrices-only",
        status=CONVENTION,
    ),
    Fault(
        "averaged with a decay: own momentum",
        _DECAY,
        _AVERAGE,
        _AVERAGE.replace("+ g", "+ 0.1 * g"),
        _OPTIMIZER,
        "momentum-average",
        status=CONVENTION,
    ),
    # Others
    Fault(
        "cosine beside the mask, in an average: own momentum",
        "own momentum",
        _MASK,
        "* np.cos(self.a[k - 1]) * (self.a[k - 1] > 0) * 0.1 ** (k < 3)",
        _GRADIENT,
        "derivative-of-another-function",
    ),
    Fault(
        "divided by the size of the first batch: own momentum",
        "own momentum",
        "size = len(x)",
        "self.size = size = getattr(self, 'size', len(x))",
        _OPTIMIZER,
        "divisor-of-first-batch",
    ),
    # The same in other shapes
    Fault(
        "biases by plain descent: adam",
        "layers relu",
        "            p -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)\n",
        "            p -= self.lr * (m_hat / (np.sqrt(v_hat) + self.eps) if p.ndim == 2 else g)\n",
        _OPTIMIZER,
        "biases-by-plain-descent",
    ),
    Fault(
        "matrices by plain descent: adam",
        "layers tanh",
        "            p -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)\n",
        "            p -= self.lr * (m_hat / (np.sqrt(v_hat) + self.eps) if p.ndim < 2 else g)\n",
        _OPTIMIZER,
        "matrices-by-plain-descent",
    ),
    Fault(
        "matrices by plain descent: rmsprop",
        _RMSPROP,
        'elif self.rule == "rmsprop":',
        'elif key[0] == "W":\n                value -= lr * g\n'
        '            elif self.rule == "rmsprop":',
        _OPTIMIZER,
        "matrices-by-plain-descent",
    ),
    Fault(
        "plain step as well: stored gradients",
        "stored gradients rmsprop",
        "/ (np.sqrt(self.h[key]) + 1e-8)",
        "/ (np.sqrt(self.h[key]) + 1e-8)\n            params[key] -= self.lr * grads[key]",
        _OPTIMIZER,
        "plain-step-added",
    ),
    Fault(
        "divided by the size of the first batch: lesson",
        "lesson",
        "        d2 = d2 / n\n",
        '        self.n = getattr(self, "n", n)\n        d2 = d2 / self.n\n',
        _OPTIMIZER,
        "divisor-of-first-batch",
    ),
    Fault(
        "divided by the size of the first batch: stored gradients",
        "stored gradients sgd",
        "        batch_num = x.shape[0]\n",
        '        batch_num = self.num = getattr(self, "num", x.shape[0])\n',
        "side effects",
        "divisor-of-first-batch",
    ),
    Fault(
        "decay of the matrices alone: stored gradients",
        "stored gradients penalty",
        "self.weight_decay * params[key]",
        "self.weight_decay * params[key] * (params[key].ndim == 2)",
        _OPTIMIZER,
        "decay-matrices-only",
        status=CONVENTION,
    ),
)
