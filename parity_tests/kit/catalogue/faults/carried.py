"""What goes wrong on the way back to the hidden layer alone, and in its activation."""

from parity_tests.kit.catalogue.faults.fault import Fault

_FORWARD, _GRADIENT = "forward", "gradient"

FAULTS: tuple[Fault, ...] = (
    Fault(
        "product of means: layers",
        "layers tanh",
        "self.dW = self.x.T @ grad",
        "self.dW = np.outer(self.x.mean(axis=0), grad.mean(axis=0))",
        _GRADIENT,
        "product-of-sums",
    ),
    Fault(
        "product of a mean and a sum: functions",
        "positional",
        "dW2 = 1 / m * A1.T.dot(dZ2)",
        "dW2 = np.outer(A1.mean(axis=0), dZ2.sum(axis=0))",
        _GRADIENT,
        "product-of-sums",
    ),
    Fault(
        "gradient of the matrix in its place: functions",
        "dict functions",
        "dA = W.T @ dZ",
        'dA = grads[f"dW{layer}"].T @ dZ',
        _GRADIENT,
        "carried-through-gradient",
    ),
    Fault(
        "gradient of the matrix in its place: two classes",
        "binary classifier",
        "(dZ2 @ self.W2) * (1 -",
        "(dZ2 @ dW2) * (1 -",
        _GRADIENT,
        "carried-through-gradient",
    ),
    Fault(
        "matrix of the layer below: deep",
        "deep square",
        'delta @ self.layers[k]["W"] *',
        'delta @ self.layers[k - 1]["W"] *',
        _GRADIENT,
        "weight-of-another-layer",
    ),
    Fault(
        "matrix of the first layer: Jacobian",
        "jacobian layers square",
        "grad = layer.backward(grad)",
        "below = layer.backward(grad)\n"
        "            is_last = layer is self.stack[-2]\n"
        '            grad = grad @ self.stack[0].params["W"].T if is_last else below',
        _GRADIENT,
        "weight-of-another-layer",
    ),
    Fault(
        "matrix missing below one output: two classes",
        "binary classifier",
        "(dZ2 @ self.W2) * (1 -",
        "dZ2 * (1 -",
        _GRADIENT,
        "weight-missing",
    ),
    Fault(
        "matrix missing below one output: columns",
        "binary columns",
        'dA1 = np.dot(p["W2"].T, dZ2)',
        'dA1 = np.repeat(dZ2, p["W2"].size, axis=0)',
        _GRADIENT,
        "weight-missing",
    ),
    Fault(
        "derivative of sigmoid once more on the way back: columns",
        "binary columns",
        'dA1 = np.dot(p["W2"].T, dZ2)',
        'dA1 = np.dot(p["W2"].T, dZ2 * AL * (1 - AL))',
        _GRADIENT,
        "derivative-twice",
    ),
    Fault(
        "derivative of sigmoid once more without the matrix: two classes",
        "binary classifier",
        "(dZ2 @ self.W2) * (1 -",
        "dZ2 * A2 * (1 - A2) * (1 -",
        _GRADIENT,
        "derivative-twice",
        ("weight-missing",),
    ),
    Fault(
        "Jacobian of softmax once more on the way back: lesson",
        "lesson",
        "d1 = np.dot(d2, self.w2.T)",
        "d1 = np.dot(p * (d2 - (p * d2).sum(axis=1, keepdims=True)), self.w2.T)",
        _GRADIENT,
        "softmax-jacobian-twice",
    ),
    # An activation of its own value
    Fault(
        "activation applied twice: column layers",
        "column layers tanh deep",
        "self.A = np.tanh(Z)",
        "self.A = np.tanh(np.tanh(Z))",
        _FORWARD,
        "activation-twice",
    ),
    Fault(
        "activation applied twice: positional",
        "positional",
        "A1 = sigmoid(Z1)",
        "A1 = sigmoid(sigmoid(Z1))",
        _FORWARD,
        "activation-twice",
    ),
    # A constant, or a shift, in the activation
    Fault(
        "dropout's factor left in the prediction: functions",
        "dict functions",
        "return np.maximum(0, Z)",
        "return np.maximum(0, Z) / 0.6",
        _FORWARD,
        "activation-scaled",
    ),
    Fault(
        "constant inside of the activation: regression",
        "regression",
        "np.tanh(x @ self.wh + self.bh)",
        "np.tanh(0.25 * (x @ self.wh + self.bh))",
        _FORWARD,
        "activation-scaled",
    ),
    Fault(
        "sigmoid of shifted pre-activations: positional",
        "positional",
        "return 1.0 / (1.0 + np.exp(-z))",
        "return 1.0 / (1.0 + np.exp(-(z - z.max(axis=1, keepdims=True))))",
        _FORWARD,
        "activation-shifted",
    ),
    Fault(
        "tanh of shifted pre-activations: layers",
        "layers tanh",
        "np.tanh(z)",
        "np.tanh(z - z.max(axis=1, keepdims=True))",
        _FORWARD,
        "activation-shifted",
    ),
)
