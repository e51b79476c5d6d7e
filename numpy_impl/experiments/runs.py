"""One training of an experiment, as any user of the library would write it."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from numpy_impl.activations import ReLU, Softmax
from numpy_impl.app.seeding import generators
from numpy_impl.arrays import FloatArray, IntArray
from numpy_impl.callbacks import Callback, History
from numpy_impl.errors import DivergenceError
from numpy_impl.experiments.measures import cross_entropies
from numpy_impl.experiments.samples import Data, Samples
from numpy_impl.layers import Layer, Linear
from numpy_impl.losses import CrossEntropyLoss, Loss
from numpy_impl.metrics import accuracy
from numpy_impl.model import Sequential, Workspace, mlp
from numpy_impl.optimizers import Adam, Optimizer
from numpy_impl.parameters import Parameter
from numpy_impl.training import Trainer

# The train figures are measured on so many samples at most.
_TRAIN_SAMPLE = 10_000
_FEW = 100


def network_of(
    *hidden: int, softmax: bool = False
) -> Callable[[int, int, np.random.Generator], Sequential]:
    """Return what makes a network with hidden layers of these widths, as `mlp` does.

    With `softmax` that is one layer more at its end; the weights are the same.
    """

    def make(features: int, classes: int, rng: np.random.Generator) -> Sequential:
        sizes = [features, *hidden, classes]
        network = mlp(sizes, rng=rng)
        if not softmax:
            return network
        layers: list[Layer] = []
        for inputs, outputs in itertools.pairwise(sizes):
            layers += [Linear(inputs, outputs, rng=None), ReLU()]
        longer = Sequential(*layers[:-1], Softmax(dim=-1))
        longer.load_state_dict(network.state_dict())
        return longer

    return make


def adam(parameters: list[Parameter]) -> Optimizer:
    """Return Adam with its usual learning rate."""
    return Adam(parameters, lr=1e-3)


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes
    ----------
    network : callable
        From the numbers of features and classes and a generator to a network.
    optimizer : callable
        From the network's parameters to an optimizer.
    loss : callable
        Makes the loss.
    batch_size : int
        Samples per step.
    shuffle : bool
        Whether the samples come in a new order in each epoch.
    targets : callable, optional
        From labels and the number of classes to the targets that the loss takes; by default these
        are the labels.
    """

    network: Callable[[int, int, np.random.Generator], Sequential] = field(
        default_factory=lambda: network_of(128)
    )
    optimizer: Callable[[list[Parameter]], Optimizer] = adam
    loss: Callable[[], Loss] = CrossEntropyLoss
    batch_size: int = 64
    shuffle: bool = True
    targets: Callable[[IntArray, int], FloatArray] | None = None


class Run(NamedTuple):
    """What a training gave.

    Attributes
    ----------
    network : Sequential
        As the training left it.
    history : History
        Of the epochs that were finished.
    diverged : DivergenceError or None
        What ended the training early.
    """

    network: Sequential
    history: History
    diverged: DivergenceError | None


class _Kept(Callback):
    """Keeps the history of a training that ends in an error."""

    def on_fit_end(self, history: History) -> None:
        """Keep it."""
        self.history = history


def train(
    recipe: Recipe,
    data: Data,
    seed: int,
    epochs: int,
    watch: Callable[[Sequential, Optimizer], Sequence[Callback]] = lambda *_: (),
    *,
    may_diverge: bool = False,
) -> Run:
    """Train for a number of epochs.

    Parameters
    ----------
    recipe : Recipe
    data : Data
        `History.test_accuracy` is of its test samples, `History.train_accuracy` of its first 100
        training samples.
    seed : int
        Of the initial weights and of the order of the batches.
    epochs : int
        At least 1.
    watch : callable, optional
        From the network and the optimizer to callbacks of the training.
    may_diverge : bool, default False
        Whether divergence is a result like any other.

    Raises
    ------
    DivergenceError
        As `Trainer.fit`, without `may_diverge`.
    KeyboardInterrupt
        After an interrupt (Ctrl-C): a part of a training answers nothing.
    """
    random = generators(seed)
    network = recipe.network(data.train.images.shape[1], data.classes, random.weights)
    optimizer = recipe.optimizer(network.parameters())
    kept = _Kept()
    trainer = Trainer(network, recipe.loss(), optimizer, [*watch(network, optimizer), kept])
    loader = data.train.loader(
        recipe.batch_size,
        rng=random.order if recipe.shuffle else None,
        targets=None if recipe.targets is None else recipe.targets(data.train.labels, data.classes),
    )
    diverged = None
    try:
        trainer.fit(
            loader,
            data.test.loader(),
            epochs,
            # No experiment looks at this accuracy.
            train_sample=data.train.take(slice(_FEW)).loader(),
        )
    except DivergenceError as error:
        if not may_diverge:
            raise
        diverged = error
    if trainer.interrupted:
        raise KeyboardInterrupt
    return Run(network, kept.history, diverged)


def train_steps(recipe: Recipe, data: Data, seed: int, steps: int) -> Sequential:
    """Train for a number of steps, through as much of the data as they need.

    Raises
    ------
    DivergenceError
        If a loss or a gradient is NaN or infinite.
    """
    random = generators(seed)
    network = recipe.network(data.train.images.shape[1], data.classes, random.weights)
    trainer = Trainer(network, recipe.loss(), recipe.optimizer(network.parameters()))
    loader = data.train.loader(recipe.batch_size, rng=random.order)
    workspace = Workspace(network, loader.batch_size, loader.features)
    batches = itertools.chain.from_iterable(itertools.repeat(loader))
    # Overflow on the way to divergence is reported as such.
    with np.errstate(over="ignore", invalid="ignore"):
        for number, (inputs, targets) in enumerate(itertools.islice(batches, steps), start=1):
            try:
                trainer.step(inputs, targets, workspace)
            except DivergenceError as error:
                where = f"in step {number}, {error.where}"
                raise DivergenceError(error.quantity, error.value, where) from None
    return network


class Score(NamedTuple):
    """How good a network is on some samples.

    Attributes
    ----------
    accuracy : float
        Share of right answers, from 0 to 1.
    loss : float
        Mean cross-entropy, in nats.
    wrong_loss : float
        The same over the wrong answers alone; NaN if there are none.
    """

    accuracy: float
    loss: float
    wrong_loss: float


def score(network: Sequential, samples: Samples) -> Score:
    """Judge a network that gives logits."""
    logits = network.predict(samples.inputs())
    losses = cross_entropies(logits, samples.labels)
    wrong = losses[logits.argmax(axis=1) != samples.labels]
    return Score(
        accuracy(logits, samples.labels),
        float(losses.mean()),
        float(wrong.mean()) if wrong.size else float("nan"),
    )


@dataclass
class EpochScores(Callback):
    """Judges the network after every epoch.

    Attributes
    ----------
    network : Sequential
        The one that is trained; it gives logits.
    data : Data
        The test samples, and the first 10000 training samples, are judged.
    train, test : list of Score
        One per epoch.
    """

    network: Sequential
    data: Data
    train: list[Score] = field(default_factory=list)
    test: list[Score] = field(default_factory=list)

    def on_epoch_end(self, history: History) -> None:  # noqa: ARG002 - it has no loss of the test
        """Judge."""
        self.train.append(score(self.network, self.data.train.take(slice(_TRAIN_SAMPLE))))
        self.test.append(score(self.network, self.data.test))
