"""How the kit is told of the networks of this catalogue: one declaration for each file."""

from collections.abc import Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from parity_tests.kit.network import Network, Rule
from parity_tests.kit.spec import Spec

CLASSIFIER = Spec("relu", "softmax", "cross_entropy", "mean")
LOGITS = Spec("relu", "identity", "cross_entropy", "mean")
UNDECLARED = Spec()


def layer_objects(
    code: SimpleNamespace,
    sizes: Sequence[int] = (12, 9, 10),
    hidden: str = "ReLU",
    spec: Spec = UNDECLARED,
) -> Network:
    """Layers with a loss of its own, an optimizer, batches and one-hot labels."""

    def make() -> Any:
        layers: list[Any] = []
        for n_in, n_out in pairwise(sizes):
            layers += [code.Dense(n_in, n_out), getattr(code, hidden)()]
        return code.Model(layers[:-1])

    def gradients(net: Any, x: Any, y: Any) -> Any:
        net.loss(x, y)
        net.backward()
        return net.grads()

    return Network(
        make,
        parameters=lambda net: net.params(),
        forward="forward",
        gradients=gradients,
        loss=lambda net, x, y: net.loss(x, y),
        labels="integers",
        optimizer=Rule(
            lambda params, lr: code.Adam(params, lr),
            lambda optimizer, _, grads: optimizer.step(grads),
            "adam",
        ),
        batches=lambda x, y, size: list(code.iterate_minibatches(x, y, size)),
        one_hot=lambda labels: code.one_hot(labels),
        spec=spec,
    )


def column_layers(
    code: SimpleNamespace,
    sizes: Sequence[int] = (12, 9, 10),
    hidden: str = "sigmoid",
    output: str = "sigmoid",
) -> Network:
    """Layers for columns, with gradients under names."""
    count = range(0, 2 * (len(sizes) - 1), 2)
    return Network(
        lambda: code.Network(sizes, hidden, output),
        parameters=" ".join(f"layers.{k}.weight layers.{k}.bias" for k in count),
        forward="forward",
        gradients=" ".join(f"layers.{k}.weight_grad layers.{k}.bias_grad" for k in count),
        backward="backward",
        loss="cost",
        batch="columns",
    )


def jacobian_layers(code: SimpleNamespace, sizes: Sequence[int] = (12, 9, 10)) -> Network:
    """Layers with a dict of parameters and one of gradients."""
    count = range(0, 2 * (len(sizes) - 1), 2)
    return Network(
        lambda: code.Net(sizes),
        parameters=" ".join(f"stack.{k}.params" for k in count),
        forward="forward",
        gradients=" ".join(f"stack.{k}.gradients" for k in count),
        backward="backward",
        loss="loss",
    )


def dict_functions(
    code: SimpleNamespace,
    sizes: Sequence[int] = (12, 9, 10),
    lambd: float = 0.0,
    spec: Spec = UNDECLARED,
) -> Network:
    """Functions over a dict of parameters; the order of the gradients is made that of the dict."""
    names = [f"{kind}{k}" for k in range(1, len(sizes)) for kind in "Wb"]

    def make() -> Any:
        return code.initialize_parameters(sizes)

    def gradients(net: Any, x: Any, y: Any) -> Any:
        grads = code.backward_propagation(x, y, net, lambd)
        return [grads["d" + name] for name in names]

    def start(params: list[Any], lr: float) -> Any:
        named = {f"W{k}": value for k, value in enumerate(params)}
        return {"velocity": code.initialize_velocity(named), "lr": lr}

    def step(state: Any, params: list[Any], grads: list[Any]) -> Any:
        named = {f"W{k}": value for k, value in enumerate(params)}
        slopes = {f"dW{k}": value for k, value in enumerate(grads)}
        named, state["velocity"] = code.update_with_momentum(
            named, slopes, state["velocity"], state["lr"]
        )
        return list(named.values())

    return Network(
        make,
        parameters=" ".join(names),
        forward=lambda net, x: code.forward_propagation(x, net),
        gradients=gradients,
        loss=lambda net, x, y: code.compute_cost(
            code.forward_propagation(x, net)[0], y, net, lambd
        ),
        batch="columns",
        optimizer=Rule(start, step, "momentum", {"momentum": 0.9}),
        batches=lambda x, y, size: code.random_mini_batches(x, y, size),
        one_hot=lambda labels: code.convert_to_one_hot(labels),
        spec=spec,
    )


def positional(code: SimpleNamespace, updates: bool = False) -> Network:
    """Functions that take and return W1, b1, W2, b2."""

    def grads(net: Any, x: Any, y: Any) -> Any:
        a2, a1 = code.forward_prop(*net, x)
        return code.back_prop(a1, a2, net[2], x, y)

    def step(net: Any, x: Any, y: Any, lr: float) -> Any:
        return code.update_params(*net, *grads(net, x, y), lr)

    return Network(
        lambda: code.init_params(),
        parameters=lambda net: net,
        forward=lambda net, x: code.forward_prop(*net, x)[0],
        gradients=None if updates else grads,
        loss=lambda net, x, y: code.cross_entropy(code.forward_prop(*net, x)[0], y),
        step=step if updates else None,
        labels="integers",
        one_hot=lambda labels: code.one_hot(labels),
    )


def stored_gradients(
    code: SimpleNamespace,
    reg: float = 0.0,
    lasso: float = 0.0,
    ridge: float = 0.0,
    optimizer: str = "SGD",
    **options: float,
) -> Network:
    """A network class with a dict of gradients, and optimizers that take both dicts."""
    kinds = {"SGD": "momentum" if options.get("momentum") else "sgd", "RMSProp": "rmsprop"}

    def step(state: Any, params: list[Any], grads: list[Any]) -> Any:
        state.update(dict(enumerate(params)), dict(enumerate(grads)))

    return Network(
        lambda: code.TwoLayerNet(12, 9, 10, reg, lasso, ridge),
        parameters="params.W1 params.b1 params.W2 params.b2",
        forward="predict",
        gradients="grads.W1 grads.b1 grads.W2 grads.b2",
        backward="gradient",
        loss="loss",
        optimizer=Rule(
            lambda _, lr: getattr(code, optimizer)(lr, **options),
            step,
            kinds[optimizer],
            options,
        ),
    )


def binary_classifier(code: SimpleNamespace, labels: str = "integer_column") -> Network:
    """A network class that returns its gradients, for two classes."""
    return Network(
        lambda: code.BinaryClassifier(12, 9),
        parameters="W1 b1 W2 b2",
        forward="forward",
        gradients=lambda net, x, y: net.backward(x, y),
        loss="compute_loss",
        labels=labels,
    )


def lesson(
    code: SimpleNamespace, sizes: Sequence[int] = (12, 9, 10), spec: Spec = UNDECLARED
) -> Network:
    """A network class with train_step and its rate as an attribute."""

    def step(net: Any, x: Any, y: Any, lr: float) -> Any:
        net.lr = lr
        return net.train_step(x, y)

    return Network(
        lambda: code.NeuralNetwork(*sizes),
        parameters="w1 b1 w2 b2",
        forward="forward",
        loss=lambda net, x, y: -code.np.log(net.forward(x)[range(len(y)), y] + 1e-12).mean(),
        step=step,
        labels="integers",
        spec=spec,
    )


def sample_lists(
    code: SimpleNamespace,
    sizes: Sequence[int] = (12, 9, 10),
    cost: str = "quadratic",
    updates: bool = False,
) -> Network:
    """Lists of weights and biases, with gradients of one sample, or its update of a batch."""

    def gradients(net: Any, x: Any, y: Any) -> Any:
        biases, weights = net.backprop(x, y)
        return [*weights, *biases]

    return Network(
        lambda: code.Network(sizes, cost),
        parameters="weights biases",
        forward="feedforward",
        gradients=None if updates else gradients,
        loss="cost",
        step=(lambda net, x, y, lr: net.update_mini_batch([(x, y)], lr)) if updates else None,
        batch="column",
    )


def updating_layers(
    code: SimpleNamespace, sizes: Sequence[int] = (12, 9, 10), hidden: str = "relu"
) -> Network:
    """Layers that update themselves on the way back."""
    count = range(len(sizes) - 1)
    return Network(
        lambda: code.Net(sizes, hidden),
        parameters=" ".join(f"layers.{k}.weights layers.{k}.biases" for k in count),
        forward="forward",
        loss="loss",
        step="train",
    )


def sample_layers(code: SimpleNamespace) -> Network:
    """A list of layers and functions over it, one sample at a time."""
    return Network(
        lambda: code.build(12, 9, 10),
        parameters="0.weights 0.bias 2.weights 2.bias",
        forward=lambda net, x: code.predict(net, x),
        loss=lambda net, x, y: code.loss(net, x, y),
        step=lambda net, x, y, lr: code.train_one(net, x, y, lr),
        batch="column",
    )


def query_network(code: SimpleNamespace) -> Network:
    """Two matrices, no biases, and a train method for one sample."""

    def step(net: Any, x: Any, y: Any, lr: float) -> None:
        net.lr = lr
        net.train(x, y)

    return Network(
        lambda: code.NeuralNet(12, 9, 10, 0.1),
        parameters="w_input_hidden w_hidden_output",
        forward="query",
        step=step,
        batch="vector",
        labels="soft",
        bias="none",
    )


def fit_only(code: SimpleNamespace, l2: float = 0.0, batch_size: int | None = None) -> Network:
    """One epoch of one batch, or of smaller ones."""
    return Network(
        lambda: code.MLPClassifier(12, 9, 10, l2),
        parameters="W_h b_h W_o b_o",
        forward="predict_proba",
        loss="score_loss",
        step=lambda net, x, y, lr: net.fit(x, y, epochs=1, lr=lr, batch_size=batch_size or len(x)),
        labels="integers",
    )


def own_optimizer(code: SimpleNamespace, rule: str = "adam", decay: float = 0.0) -> Network:
    """Only a training step, of an optimizer that is declared with its weight decay."""
    options = {"weight_decay": decay} if decay else {}
    return Network(
        lambda: code.OwnOptimizer((12, 9, 8, 10), rule, decay),
        parameters="params.W1 params.b1 params.W2 params.b2 params.W3 params.b3",
        forward="forward",
        loss="loss",
        step="train",
        spec=Spec(optimizer=rule, options=options),
    )


def dropout_network(code: SimpleNamespace, training: bool = False) -> Network:
    """Only a training step, which draws its mask anew each time; or all of the training pass."""
    return Network(
        lambda: code.DropoutNetwork(12, 9, 10),
        parameters="W1 b1 W2 b2",
        forward="forward",
        gradients=(lambda net, x, y: net.gradients(x, y)[1:]) if training else None,
        loss="training_loss" if training else "loss",
        step="train_step",
        spec=CLASSIFIER if training else UNDECLARED,
    )


def summed_updates(code: SimpleNamespace) -> Network:
    """Gradients in a dict, in another order than the parameters, and updates beside them."""
    return Network(
        lambda: code.SummingNetwork(12, 9, 10),
        parameters="weights.0 biases.0 weights.1 biases.1",
        forward="forward",
        gradients="backprop",
        loss="cost",
        step="update",
    )


def folded_bias(code: SimpleNamespace, sizes: Sequence[int] = (12, 9, 10)) -> Network:
    """Matrices with the biases as their last row."""
    return Network(
        lambda: code.FoldedNetwork(sizes),
        parameters="W",
        forward="forward",
        backward="gradients",
        loss="loss",
        bias="last_row",
    )


def folded_columns(code: SimpleNamespace) -> Network:
    """Matrices with the biases as their first column, for samples in columns."""
    return Network(
        lambda: code.Regressor(12, 9, 10),
        parameters="theta1 theta2",
        forward="predict",
        gradients="gradients",
        loss="cost",
        batch="columns",
        labels="targets",
        bias="first_column",
    )


def single_precision(code: SimpleNamespace, spec: Spec = UNDECLARED) -> Network:
    """Parameters and computation in float32."""
    return Network(
        lambda: code.Float32Network(12, 9, 10),
        parameters="W1 b1 W2 b2",
        forward="forward",
        gradients="dW1 db1 dW2 db2",
        backward="backward",
        loss="loss",
        labels="integers",
        spec=spec,
    )


def fixed_sizes(code: SimpleNamespace) -> Network:
    """A list of four arrays whose shapes are in the code."""
    return Network(
        lambda: code.init(),
        parameters=lambda net: net,
        forward=lambda net, x: code.forward(net, x),
        gradients=lambda net, x, y: code.backward(net, x, y),
        loss=lambda net, x, y: code.get_loss(net, x, y),
        batch="columns",
        labels="integers",
    )


def logits(
    code: SimpleNamespace,
    loss: str = "softmax_loss",
    labels: str = "integers",
    sizes: Sequence[int] = (12, 9, 8, 10),
    slope: float = 0.1,
) -> Network:
    """A network of logits with one of the losses."""
    criterion = getattr(code, loss)
    return Network(
        lambda: code.MLP(sizes, slope),
        parameters="weights biases",
        forward=lambda net, x: net(x),
        gradients=lambda net, x, y: net.backward(criterion(net(x), y)[1]),
        loss=lambda net, x, y: criterion(net(x), y)[0],
        labels=labels,
    )


def log_probabilities(
    code: SimpleNamespace, sizes: Sequence[int] = (12, 9, 10), updates: bool = False
) -> Network:
    """Layers that end in log-softmax, by their gradients or by what a step changes."""

    def gradients(net: Any, x: Any, y: Any) -> list[Any]:
        net.backward(x, y)
        return [layer.grads for layer in net.layers]

    return Network(
        lambda: code.Model(sizes),
        parameters=lambda net: [layer.params for layer in net.layers],
        forward="forward",
        gradients=None if updates else gradients,
        loss=lambda net, x, y: code.nll_loss(net.forward(x), y),
        step="train_step",
        labels="integers",
    )


def deep_network(
    code: SimpleNamespace,
    sizes: Sequence[int] = (12, 9, 8, 10),
    activation: str = "relu",
    spec: Spec = UNDECLARED,
) -> Network:
    """A list of dicts, and a list of dicts of gradients."""
    return Network(
        lambda: code.DeepNetwork(sizes, activation),
        parameters="layers",
        forward="forward",
        backward="gradients",
        loss="loss",
        spec=spec,
    )


def regression(code: SimpleNamespace, updates: bool = False) -> Network:
    """Gradients as attributes after backward, of what the last forward pass has left."""

    def backward(net: Any, x: Any, y: Any) -> None:
        net.forward(x)
        net.backward(y)

    def step(net: Any, x: Any, y: Any, lr: float) -> None:
        backward(net, x, y)
        net.step(lr)

    return Network(
        lambda: code.Regressor(12, 9, 5),
        parameters="wh bh wo bo",
        forward="forward",
        gradients=None if updates else "d_wh d_bh d_wo d_bo",
        backward=None if updates else backward,
        loss="mse",
        step=step if updates else None,
        labels="targets",
        spec=Spec("tanh", "identity", "squared_error", "mean of all"),
    )


def sum_loss(code: SimpleNamespace, sizes: Sequence[int] = (12, 9, 10)) -> Network:
    """All gradients of matrices, then all of biases."""
    return Network(
        lambda: code.MultiLabelNet(sizes),
        parameters="ws bs",
        forward="forward",
        backward="backward",
        loss="loss",
        batch="columns",
        spec=Spec("sigmoid", "sigmoid", "binary_cross_entropy", "sum"),
    )


def sample_vectors(code: SimpleNamespace, updates: bool = False) -> Network:
    """One sample as a vector, with an integer label."""
    return Network(
        lambda: code.OnlineNet(12, 9, 10),
        parameters="V c U d",
        forward="predict",
        backward=None if updates else "grads",
        loss="error",
        step="learn" if updates else None,
        batch="vector",
        labels="integers",
    )


def row_vectors(code: SimpleNamespace) -> Network:
    """Layers that update themselves, with one sample as a row."""
    return Network(
        lambda: code.Net(12, 9, 10),
        parameters="layers.0.W layers.0.B layers.2.W layers.2.B",
        forward="run",
        loss=lambda net, x, y: code.mse(y, net.run(x)),
        step=lambda net, x, y, lr: net.train_sample(x, y, lr),
        batch="row",
    )


def closures(
    code: SimpleNamespace, sizes: Sequence[int] = (12, 9, 10), optimizer: str = "AdamW"
) -> Network:
    """Parameters as objects with data and grad."""

    def start(params: list[Any], lr: float) -> Any:
        return getattr(code, optimizer)([value.shape for value in params], lr)

    def step(state: Any, params: list[Any], grads: list[Any]) -> None:
        state.step(params, grads)

    options = {"weight_decay": 0.01} if optimizer == "AdamW" else {"momentum": 0.9}
    return Network(
        lambda: code.Model(sizes),
        parameters=lambda net: [p.data for p in net.parameters],
        forward="forward",
        backward="compute_gradients",
        loss="loss",
        optimizer=Rule(start, step, optimizer.lower(), options),
    )


def updating_columns(code: SimpleNamespace, sizes: Sequence[int] = (12, 9, 10)) -> Network:
    """Dicts of parameters by number; a training step that returns its cost."""
    count = range(1, len(sizes))

    def cost(net: Any, x: Any, y: Any) -> Any:
        return -(y * code.np.log(net.feed_forward(x) + 1e-12)).sum() / y.shape[1]

    return Network(
        lambda: code.ANN(sizes),
        parameters=lambda net: [value for k in count for value in (net.W[k], net.B[k])],
        forward="feed_forward",
        loss=cost,
        step="fit_batch",
        batch="columns",
    )


def binary_columns(code: SimpleNamespace) -> Network:
    """Functions over a dict, for two classes with labels (1, N)."""
    return Network(
        lambda: code.initialize(12, 9),
        parameters="W1 b1 W2 b2",
        forward=lambda net, x: code.forward(net, x),
        gradients=lambda net, x, y: [
            code.backward(net, x, y)[name] for name in ("dW1", "db1", "dW2", "db2")
        ],
        loss=lambda net, x, y: code.cost(net, x, y),
        batch="columns",
        labels="integer_column",
    )


def criteria(code: SimpleNamespace, loss: str, labels: str) -> Network:
    """A list of four arrays, and a loss that returns its value and its gradient."""
    criterion = getattr(code, loss)
    return Network(
        lambda: code.Regressor(12, 9, 10),
        parameters="params",
        forward="forward",
        gradients=lambda net, x, y: net.backward(criterion(net.forward(x), y)[1]),
        loss=lambda net, x, y: criterion(net.forward(x), y)[0],
        labels=labels,
    )
