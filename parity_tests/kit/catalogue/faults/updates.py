"""The order of updates, stale and accumulated gradients, arrays that are written to."""

from parity_tests.kit.catalogue.faults.fault import Fault

_GRADIENT, _SIDE, _OPTIMIZER = "gradient", "side effects", "optimizer"

# Of the network that hands out its gradients beside its steps.
_OF_WEIGHTS = 'self.weights[k] -= lr * gradients[f"W{k + 1}"] / len(X)'
_OF_BOTH = (
    '            self.weights[k] -= lr * gradients[f"W{k + 1}"] / len(X)\n'
    '            self.biases[k] -= lr * gradients[f"b{k + 1}"] / len(X)\n'
)

FAULTS: tuple[Fault, ...] = (
    Fault(
        "last sample left out: stored gradients",
        "stored gradients sgd",
        "dscores = (y - t) / batch_num",
        "dscores = np.append((y - t)[:-1], 0 * t[-1:], axis=0) / batch_num",
        "gradient",
        "samples-left-out",
    ),
    Fault(
        "first sample left out: deep",
        "deep tanh",
        "delta = (self.forward(X) - Y) / len(X)",
        "delta = (self.forward(X) - Y) * (np.arange(len(X)) > 0)[:, None] / len(X)",
        "gradient",
        "samples-left-out",
    ),
    Fault(
        "updated before it is used: updating layers",
        "updating layers relu",
        "        input_gradient = output_gradient @ self.weights.T\n"
        "        self.weights -= learning_rate * weights_gradient\n",
        "        self.weights -= learning_rate * weights_gradient\n"
        "        input_gradient = output_gradient @ self.weights.T\n",
        _GRADIENT,
        "update-order",
    ),
    Fault(
        "updated before it is used, with averaged momentum: updating layers",
        "updating layers relu",
        "        input_gradient = output_gradient @ self.weights.T\n"
        "        self.weights -= learning_rate * weights_gradient\n"
        "        self.biases -= learning_rate * biases_gradient\n",
        '        kept = getattr(self, "velocity", (0.0, 0.0))\n'
        "        found = (weights_gradient, biases_gradient)\n"
        "        self.velocity = [0.9 * v + 0.1 * g for v, g in zip(kept, found)]\n"
        "        self.weights -= learning_rate * self.velocity[0]\n"
        "        self.biases -= learning_rate * self.velocity[1]\n"
        "        input_gradient = output_gradient @ self.weights.T\n",
        _GRADIENT,
        "update-order",
    ),
    Fault(
        "updated before it is used: sample layers",
        "sample layers",
        "        input_gradient = np.dot(self.weights.T, output_gradient)\n"
        "        self.weights -= learning_rate * weights_gradient\n",
        "        self.weights -= learning_rate * weights_gradient\n"
        "        input_gradient = np.dot(self.weights.T, output_gradient)\n",
        _GRADIENT,
        "update-order",
    ),
    Fault(
        "updated before it is used: row vectors",
        "row vectors",
        "        back = error @ self.W.T\n        self.W -= rate * (self.data.T @ error)\n",
        "        self.W -= rate * (self.data.T @ error)\n        back = error @ self.W.T\n",
        _GRADIENT,
        "update-order",
    ),
    Fault(
        "updated before it is used: columns",
        "updating columns deep",
        "            delta = (self.W[k].T @ delta) * (1 - self.A[k - 1] ** 2)\n"
        "            self.W[k] -= rate * dW\n",
        "            self.W[k] -= rate * dW\n"
        "            delta = (self.W[k].T @ delta) * (1 - self.A[k - 1] ** 2)\n",
        _GRADIENT,
        "update-order",
    ),
    Fault(
        "updated before it is used: lesson",
        "lesson",
        "        d1 = np.dot(d2, self.w2.T)\n",
        '        self.w2 -= self.lr * np.dot(self.memory["h"].T, d2)\n'
        "        d1 = np.dot(d2, self.w2.T)\n"
        '        self.w2 += self.lr * np.dot(self.memory["h"].T, d2)\n',
        _GRADIENT,
        "update-order",
    ),
    Fault(
        "updated before it is used: query",
        "query",
        "        hidden_delta = (self.w_hidden_output.T @ output_delta) * hidden * (1.0 - hidden)\n"
        "\n"
        "        self.w_hidden_output += self.lr * output_delta @ hidden.T\n",
        "        self.w_hidden_output += self.lr * output_delta @ hidden.T\n"
        "        hidden_delta = self.w_hidden_output.T @ output_delta * hidden * (1.0 - hidden)\n",
        _GRADIENT,
        "update-order",
    ),
    Fault(
        "updated twice: lesson",
        "lesson",
        "        d1 = np.dot(d2, self.w2.T)\n",
        '        self.w2 -= self.lr * np.dot(self.memory["h"].T, d2)\n'
        "        d1 = np.dot(d2, self.w2.T)\n",
        _GRADIENT,
        "update-order",
        ("factor-two",),
    ),
    # Beside gradients that are right
    Fault(
        "the step goes up: summed updates",
        "summed updates",
        _OF_BOTH,
        _OF_BOTH.replace("-=", "+="),
        _OPTIMIZER,
        "step-sign",
    ),
    Fault(
        "the step is three times as long: summed updates",
        "summed updates",
        _OF_BOTH,
        _OF_BOTH.replace("lr *", "3 * lr *"),
        _OPTIMIZER,
        "step-scaled",
    ),
    Fault(
        "the step leaves a matrix out: summed updates",
        "summed updates",
        _OF_WEIGHTS,
        'self.weights[0] -= lr * gradients["W1"] / len(X) / 2',
        _OPTIMIZER,
        "not-updated",
    ),
    Fault(
        "the step changes nothing: summed updates",
        "summed updates",
        "for k in range(2):\n            self.weights[k] -=",
        "for k in ():\n            self.weights[k] -=",
        _OPTIMIZER,
        "not-updated",
    ),
    Fault(
        "updated before it is used: summed updates",
        "summed updates",
        "        gradients = self.backprop(X, Y)\n        for",
        "        gradients = self.backprop(X, Y)\n"
        "        out = self.forward(X)\n"
        '        late = self.weights[1] - lr * gradients["W2"] / len(X)\n'
        "        delta = (out - Y) * out * (1 - out) @ late.T * (1 - self.hidden**2)\n"
        '        gradients |= {"W1": X.T @ delta, "b1": delta.sum(axis=0)}\n'
        "        for",
        _OPTIMIZER,
        "update-order",
    ),
    # A learning rate that is left out
    Fault(
        "biases without the learning rate: summed updates",
        "summed updates",
        'self.biases[k] -= lr * gradients[f"b{k + 1}"]',
        'self.biases[k] -= gradients[f"b{k + 1}"]',
        _OPTIMIZER,
        "step-without-rate",
    ),
    Fault(
        "biases without the learning rate: lesson",
        "lesson",
        "        self.b2 -= self.lr * c2\n        self.w1 -= self.lr * g1\n"
        "        self.b1 -= self.lr * c1\n",
        "        self.b2 -= c2\n        self.w1 -= self.lr * g1\n        self.b1 -= c1\n",
        _OPTIMIZER,
        "step-without-rate",
    ),
    # Biases that are integers, to which a step cannot add fractions
    Fault(
        "biases of integers: summed updates",
        "summed updates",
        "self.biases = [np.zeros(n_hidden), np.zeros(n_out)]",
        "self.biases = [np.zeros(n_hidden, dtype=int), np.zeros(n_out, dtype=int)]",
        _OPTIMIZER,
        "parameters-of-integers",
    ),
    Fault(
        "a bias of integers: lesson",
        "lesson",
        "self.b2 = np.zeros((1, n_out))",
        "self.b2 = np.array([[0] * n_out])",
        _OPTIMIZER,
        "parameters-of-integers",
    ),
    # State between calls
    Fault(
        "gradients added up: lesson",
        "lesson",
        'g2 = np.dot(self.memory["h"].T, d2)',
        'g2 = self.sum = getattr(self, "sum", 0) + np.dot(self.memory["h"].T, d2)',
        _SIDE,
        "gradient-accumulated",
    ),
    Fault(
        "gradients added up: updating layers",
        "updating layers relu",
        "weights_gradient = self.inputs.T @ output_gradient",
        'self.total = getattr(self, "total", 0) + self.inputs.T @ output_gradient\n'
        "        weights_gradient = self.total",
        _SIDE,
        "gradient-accumulated",
    ),
    Fault(
        "activations of the first batch: lesson",
        "lesson",
        'self.memory = {"z1": z1, "h": h}',
        'self.memory = {"z1": z1, "h": self.memory.get("h", h)}',
        _SIDE,
        "gradient-stale",
        ("activations-kept", "state-kept", "batch-size-kept"),
    ),
    Fault(
        "gradients added up: layers",
        "layers relu",
        "self.dW = self.x.T @ grad",
        'self.dW = getattr(self, "dW", 0) + self.x.T @ grad',
        _SIDE,
        "gradient-accumulated",
    ),
    Fault(
        "gradients of the first batch: stored gradients",
        "stored gradients sgd",
        "        y = self.predict(x)\n        dscores",
        "        if self.grads:\n            return self.grads\n"
        "        y = self.predict(x)\n        dscores",
        _SIDE,
        "gradient-stale",
    ),
    # Arguments written to
    Fault(
        "inputs written to: lesson",
        "lesson undeclared",
        "        z1 = np.dot(X, self.w1) + self.b1\n",
        "        X -= X.mean(axis=0)\n        z1 = np.dot(X, self.w1) + self.b1\n",
        _SIDE,
        "inputs-changed",
    ),
    Fault(
        "inputs written to: float32",
        "float32",
        "x = x.astype(np.float32)\n        self.z1",
        "x *= 1 / 255\n        x = x.astype(np.float32)\n        self.z1",
        _SIDE,
        "inputs-changed",
        ("inputs-scaled",),
    ),
    Fault(
        "labels written to: stored gradients",
        "stored gradients sgd",
        "dscores = (y - t) / batch_num",
        "t -= y\n        dscores = -t / batch_num",
        _SIDE,
        "labels-changed",
    ),
    Fault(
        "labels written to: jacobian",
        "jacobian layers",
        "return -(Y / (P + 1e-15)) / Y.shape[0]",
        "Y /= P + 1e-15\n        return -Y / Y.shape[0]",
        _SIDE,
        "labels-changed",
    ),
    Fault(
        "one sample alone raises: functions",
        "positional",
        "result = np.zeros((Y.size, n_classes))",
        "result = np.zeros((Y.size, n_classes))[: Y.size or 1]\n    assert Y.size > 1",
        _SIDE,
        "one-sample-raises",
    ),
    Fault(
        "one sample alone raises: two classes",
        "binary classifier",
        "        A2 = 1 / (1 + np.exp(-Z2))",
        "        Z2 = np.squeeze(Z2)[:, np.newaxis]\n        A2 = 1 / (1 + np.exp(-Z2))",
        _SIDE,
        "one-sample-raises",
    ),
    Fault(
        "parameters squared in place by the loss: functions",
        "dict functions penalty",
        'np.square(parameters[f"W{layer}"])',
        'np.square(parameters[f"W{layer}"], out=parameters[f"W{layer}"])',
        _SIDE,
        "parameters-changed",
    ),
    Fault(
        "parameters decayed by the loss: stored gradients",
        "stored gradients sgd",
        "        return data_loss + reg_loss",
        '        self.params["W2"] *= 0.99\n        return data_loss + reg_loss',
        _SIDE,
        "parameters-changed",
    ),
    Fault(
        "assigned and not subtracted: lesson",
        "lesson",
        "self.w1 -= self.lr * g1",
        "self.w1 = -self.lr * g1",
        "gradient",
        "weights-replaced",
    ),
    Fault(
        "assigned and not subtracted: regression",
        "regression updates",
        "self.wo -= lr * self.d_wo",
        "self.wo = -lr * self.d_wo",
        "gradient",
        "weights-replaced",
    ),
    Fault(
        "learning rate twice: regression",
        "regression updates",
        "self.wo -= lr * self.d_wo",
        "self.wo -= lr * (lr * self.d_wo)",
        "gradient",
        "rate-twice",
    ),
    Fault(
        "learning rate twice: updating layers",
        "updating layers relu",
        "self.weights -= learning_rate * weights_gradient",
        "self.weights -= learning_rate**2 * weights_gradient",
        "gradient",
        "rate-twice",
    ),
)
