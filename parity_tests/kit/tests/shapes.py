"""Networks in the shapes in which people write them, as sources."""

LAYER_OBJECTS = """
import numpy as np

class Linear:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * 0.1
        self.b = np.zeros((1, n_out))
        self.vW = np.zeros_like(self.W)
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, grad):
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0, keepdims=True)
        return grad @ self.W.T
    def update(self, lr):
        self.W -= lr * self.dW
        self.b -= lr * self.db

class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask
    def backward(self, grad):
        return grad * self.mask

class SoftmaxLoss:
    def forward(self, logits, y):
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        self.p = shifted / shifted.sum(axis=1, keepdims=True)
        self.y = y
        return -np.log(self.p[np.arange(len(y)), y]).mean()
    def backward(self):
        grad = self.p.copy()
        grad[np.arange(len(self.y)), self.y] -= 1
        return grad / len(self.y)
"""

POSITIONAL = """
import numpy as np

def init_params():
    W1 = np.random.rand(9, 12) - 0.5
    b1 = np.random.rand(9, 1) - 0.5
    W2 = np.random.rand(10, 9) - 0.5
    b2 = np.random.rand(10, 1) - 0.5
    return W1, b1, W2, b2

def softmax(Z):
    e = np.exp(Z - Z.max(axis=0))
    return e / e.sum(axis=0)

def one_hot(Y):
    return np.eye(10)[Y].T

def forward_prop(W1, b1, W2, b2, X):
    Z1 = W1.dot(X) + b1
    A1 = np.maximum(Z1, 0)
    Z2 = W2.dot(A1) + b2
    A2 = softmax(Z2)
    return Z1, A1, Z2, A2

def back_prop(Z1, A1, Z2, A2, W2, X, Y):
    m = Y.size
    dZ2 = A2 - one_hot(Y)
    dW2 = dZ2.dot(A1.T) / m
    db2 = dZ2.sum(axis=1, keepdims=True) / m
    dZ1 = W2.T.dot(dZ2) * (Z1 > 0)
    dW1 = dZ1.dot(X.T) / m
    db1 = dZ1.sum(axis=1, keepdims=True) / m
    return dW1, db1, dW2, db2

def update_params(W1, b1, W2, b2, dW1, db1, dW2, db2, alpha):
    return W1 - alpha * dW1, b1 - alpha * db1, W2 - alpha * dW2, b2 - alpha * db2

def compute_loss(A2, Y):
    return -np.mean(np.log(A2[Y, np.arange(Y.size)]))
"""

DICT_OF_PARAMETERS = """
import numpy as np

def initialize_parameters(layer_dims):
    params = {}
    for n in range(1, len(layer_dims)):
        params[f"W{n}"] = np.random.randn(layer_dims[n - 1], layer_dims[n]) * 0.1
        params[f"b{n}"] = np.zeros((1, layer_dims[n]))
    return params

def forward_propagation(X, params):
    cache = {"A0": X}
    count = len(params) // 2
    for n in range(1, count + 1):
        Z = cache[f"A{n - 1}"] @ params[f"W{n}"] + params[f"b{n}"]
        if n < count:
            cache[f"A{n}"] = np.tanh(Z)
        else:
            e = np.exp(Z - Z.max(axis=1, keepdims=True))
            cache[f"A{n}"] = e / e.sum(axis=1, keepdims=True)
    return cache[f"A{count}"], cache

def backward_propagation(y_true, cache, params):
    grads = {}
    count = len(params) // 2
    dZ = (cache[f"A{count}"] - y_true) / len(y_true)
    for n in range(count, 0, -1):
        grads[f"dW{n}"] = cache[f"A{n - 1}"].T @ dZ
        grads[f"db{n}"] = dZ.sum(axis=0, keepdims=True)
        if n > 1:
            dZ = dZ @ params[f"W{n}"].T * (1 - cache[f"A{n - 1}"] ** 2)
    return grads

def cross_entropy_loss(y_pred, y_true):
    return -np.sum(y_true * np.log(y_pred)) / len(y_true)

def update_parameters(params, grads, learning_rate):
    for name in params:
        params[name] -= learning_rate * grads["d" + name]
    return params
"""

RETURNED = """
import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

class NeuralNetwork:
    def __init__(self, num_features, num_hidden, num_classes):
        self.num_classes = num_classes
        self.weight_h = np.random.randn(num_hidden, num_features) * 0.1
        self.bias_h = np.zeros(num_hidden)
        self.weight_out = np.random.randn(num_classes, num_hidden) * 0.1
        self.bias_out = np.zeros(num_classes)
    def forward(self, x):
        a_h = sigmoid(x @ self.weight_h.T + self.bias_h)
        a_out = sigmoid(a_h @ self.weight_out.T + self.bias_out)
        return a_h, a_out
    def backward(self, x, a_h, a_out, y):
        delta = 2 * (a_out - np.eye(self.num_classes)[y]) / len(y) * a_out * (1 - a_out)
        d_w_out = delta.T @ a_h
        d_b_out = delta.sum(axis=0)
        delta = delta @ self.weight_out * a_h * (1 - a_h)
        return d_w_out, d_b_out, delta.T @ x, delta.sum(axis=0)
"""

STORED = """
import numpy as np

class MLP:
    def __init__(self, sizes, lr=0.01):
        self.lr = lr
        self.weights = [np.random.randn(a, b) * 0.1 for a, b in zip(sizes, sizes[1:])]
        self.biases = [np.zeros(b) for b in sizes[1:]]
        self.velocity = [np.zeros_like(w) for w in self.weights]
    def forward(self, X):
        self.activations = [X]
        for w, b in zip(self.weights, self.biases):
            X = 1 / (1 + np.exp(-(X @ w + b)))
            self.activations.append(X)
        return X
    def backward(self, y):
        delta = (self.activations[-1] - y) / len(y)
        self.grad_w, self.grad_b = [], []
        for n in reversed(range(len(self.weights))):
            self.grad_w.insert(0, self.activations[n].T @ delta)
            self.grad_b.insert(0, delta.sum(axis=0))
            a = self.activations[n]
            delta = delta @ self.weights[n].T * a * (1 - a)
    def step(self):
        for n in range(len(self.weights)):
            self.weights[n] -= self.lr * self.grad_w[n]
            self.biases[n] -= self.lr * self.grad_b[n]
    def loss(self, y_hat, y):
        return -np.sum(y * np.log(y_hat) + (1 - y) * np.log(1 - y_hat)) / len(y)
"""

UPDATES_ITSELF = """
import numpy as np

class NeuralNet:
    def __init__(self, input_size=784, hidden_size=128, output_size=10, learning_rate=0.01):
        self.lr = learning_rate
        self.W1 = np.random.randn(input_size, hidden_size) * 0.1
        self.b1 = np.zeros((1, hidden_size))
        self.W2 = np.random.randn(hidden_size, output_size) * 0.1
        self.b2 = np.zeros((1, output_size))
    def forward(self, X):
        self.z1 = X @ self.W1 + self.b1
        self.a1 = np.maximum(0, self.z1)
        z2 = self.a1 @ self.W2 + self.b2
        e = np.exp(z2 - z2.max(axis=1, keepdims=True))
        self.a2 = e / e.sum(axis=1, keepdims=True)
        return self.a2
    def compute_loss(self, y_pred, y_true):
        return -np.mean(np.sum(y_true * np.log(y_pred + 1e-8), axis=1))
    def backward(self, X, y):
        d2 = (self.a2 - y) / len(X)
        d1 = d2 @ self.W2.T * (self.z1 > 0)
        self.W2 -= self.lr * self.a1.T @ d2
        self.b2 -= self.lr * d2.sum(axis=0, keepdims=True)
        self.W1 -= self.lr * X.T @ d1
        self.b1 -= self.lr * d1.sum(axis=0, keepdims=True)
    def train_step(self, X, y):
        loss = self.compute_loss(self.forward(X), y)
        self.backward(X, y)
        return loss
"""

LISTS_OF_SINGLE_SAMPLES = """
import numpy as np

def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))

class Network:
    def __init__(self, sizes):
        self.num_layers = len(sizes)
        self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in zip(sizes[:-1], sizes[1:])]
    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = sigmoid(w @ a + b)
        return a
    def backprop(self, x, y):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        activations = [x]
        for b, w in zip(self.biases, self.weights):
            activations.append(sigmoid(w @ activations[-1] + b))
        delta = activations[-1] - y
        nabla_b[-1] = delta
        nabla_w[-1] = delta @ activations[-2].T
        for n in range(2, self.num_layers):
            a = activations[-n]
            delta = self.weights[-n + 1].T @ delta * a * (1 - a)
            nabla_b[-n] = delta
            nabla_w[-n] = delta @ activations[-n - 1].T
        return nabla_b, nabla_w
"""

UPDATING_LAYERS = """
import numpy as np

class Dense:
    def __init__(self, input_size, output_size):
        self.weights = np.random.randn(input_size, output_size) * 0.1
        self.bias = np.zeros((1, output_size))
    def forward(self, input):
        self.input = input
        return self.input @ self.weights + self.bias
    def backward(self, output_gradient, learning_rate):
        input_gradient = output_gradient @ self.weights.T
        self.weights -= learning_rate * self.input.T @ output_gradient
        self.bias -= learning_rate * output_gradient.sum(axis=0, keepdims=True)
        return input_gradient

class Activation:
    def __init__(self, function, prime):
        self.function, self.prime = function, prime
    def forward(self, input):
        self.input = input
        return self.function(input)
    def backward(self, output_gradient, learning_rate):
        return output_gradient * self.prime(self.input)

def tanh(x):
    return np.tanh(x)

def tanh_prime(x):
    return 1 - np.tanh(x) ** 2

def mse(y_true, y_pred):
    return np.mean((y_true - y_pred) ** 2)

def mse_prime(y_true, y_pred):
    return 2 * (y_pred - y_true) / np.size(y_true)
"""

ONE_SAMPLE = """
import numpy as np

class neuralNetwork:
    def __init__(self, inputnodes, hiddennodes, outputnodes, learningrate):
        self.lr = learningrate
        self.wih = np.random.normal(0.0, 0.3, (hiddennodes, inputnodes))
        self.who = np.random.normal(0.0, 0.3, (outputnodes, hiddennodes))
    def activation(self, x):
        return 1 / (1 + np.exp(-x))
    def train(self, inputs_list, targets_list):
        inputs = np.array(inputs_list, ndmin=2).T
        targets = np.array(targets_list, ndmin=2).T
        hidden = self.activation(self.wih @ inputs)
        final = self.activation(self.who @ hidden)
        errors = (targets - final) * final * (1 - final)
        back = self.who.T @ errors * hidden * (1 - hidden)
        self.who += self.lr * errors @ hidden.T
        self.wih += self.lr * back @ inputs.T
    def query(self, inputs_list):
        inputs = np.array(inputs_list, ndmin=2).T
        return self.activation(self.who @ self.activation(self.wih @ inputs))
"""

ONLY_FIT = """
import numpy as np

class Classifier:
    def __init__(self, n_features, n_hidden, n_outputs):
        self.W1 = np.random.randn(n_features, n_hidden) * 0.1
        self.b1 = np.zeros(n_hidden)
        self.W2 = np.random.randn(n_hidden, n_outputs) * 0.1
        self.b2 = np.zeros(n_outputs)
    def predict_proba(self, X):
        h = np.tanh(X @ self.W1 + self.b1)
        z = h @ self.W2 + self.b2
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)
    def predict(self, X):
        return self.predict_proba(X).argmax(axis=1)
    def fit(self, X, y, epochs=1000, learning_rate=0.1, verbose=True):
        for epoch in range(epochs):
            h = np.tanh(X @ self.W1 + self.b1)
            d = self.predict_proba(X)
            d[np.arange(len(y)), y] -= 1
            d /= len(y)
            back = d @ self.W2.T * (1 - h ** 2)
            self.W2 -= learning_rate * h.T @ d
            self.b2 -= learning_rate * d.sum(axis=0)
            self.W1 -= learning_rate * X.T @ back
            self.b1 -= learning_rate * back.sum(axis=0)
            if verbose:
                print(epoch)
"""

SHAPES = {
    "layer objects": LAYER_OBJECTS,
    "positional": POSITIONAL,
    "dict": DICT_OF_PARAMETERS,
    "returned": RETURNED,
    "stored": STORED,
    "updates itself": UPDATES_ITSELF,
    "lists of single samples": LISTS_OF_SINGLE_SAMPLES,
    "updating layers": UPDATING_LAYERS,
    "one sample": ONE_SAMPLE,
    "only fit": ONLY_FIT,
}
