"""A whole epoch of the lesson's network on real MNIST, in lockstep with PyTorch."""

import os

import numpy as np
import pytest

import numpy_impl as ours
from numpy_impl.data import load_mnist
from parity_tests.lockstep import TorchTraining, lockstep, make_trainer, rounding_level

pytestmark = pytest.mark.skipif(not os.environ.get("MNIST_DIR"), reason="MNIST_DIR is not set")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_epoch(dtype: type) -> None:
    data = load_mnist()
    trainer = make_trainer([784, 128, 10], seed=0, dtype=dtype)
    theirs = TorchTraining(trainer)
    loader = ours.DataLoader(
        data.train_images,
        data.train_labels,
        batch_size=64,
        shuffle=True,
        rng=np.random.default_rng(0),
        scale=data.scale,
        dtype=dtype,
    )
    steps = list(lockstep(trainer, theirs, loader))
    assert len(steps) == 938
    if dtype is np.float64:
        for step in steps:
            limit = rounding_level(step.number)
            assert max(step.ours.loss, step.ours.grads, step.ours.values) <= limit, step
    else:
        # One training, so a coarse bound; the checks named lockstep/ judge by twenty.
        ratio = np.median([step.ours.grads / step.theirs.grads for step in steps])
        assert ratio <= 1.5
    images = data.test_images.astype(dtype) * dtype(data.scale or 1)
    accuracies = [
        ours.accuracy(trainer.model.predict(images), data.test_labels),
        theirs.accuracy(images, data.test_labels),
    ]
    assert min(accuracies) > 0.93
    assert abs(accuracies[0] - accuracies[1]) <= 1e-3
