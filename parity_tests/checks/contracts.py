"""What the layers, models and optimizers promise about memory, modes and copies."""

import copy
import pickle
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import numpy_impl as ours
from numpy_impl.activations.relu import relu, relu_backward
from numpy_impl.layers.linear import linear, linear_backward
from numpy_impl.losses.cross_entropy import cross_entropy, cross_entropy_backward
from numpy_impl.optimizers.adam import adam_step
from parity_tests.cases.losses import labels
from parity_tests.cases.models import MODELS
from parity_tests.checks.check import FLOAT32, FLOAT64, Array, Check
from parity_tests.checks.layers import CASES as LAYERS
from parity_tests.inputs import BATCH, CLASSES, FEATURES, HIDDEN, mixed, normal

Model = ours.Layer | ours.Sequential


def checks(seed: int) -> Iterator[Check]:
    """Yield the checks that hold for every model, then those of whole trainings."""
    for_models: dict[str, Callable[[Setting], None]] = {
        "ownership": check_ownership,
        "out": check_out,
        "evaluation-mode": check_evaluation_mode,
        "accumulate": check_accumulate,
        "input-gradient": check_input_gradient_on_demand,
        "copies": check_copies,
    }
    cases = [(case.name, case.make, case.shapes[0]) for case in MODELS]
    for layer in LAYERS:
        for variant in layer.variants:
            name = f"{layer.operation.__name__}/{variant}"
            cases.append((name, partial(layer.make, variant), layer.shapes[0]))
    for name, make, shape in cases:
        for promise, check in for_models.items():
            yield Check(f"contract/{name}/{promise}", partial(check, Setting(make, shape, seed)))
    yield Check("contract/training/workspace", partial(check_workspace, seed))
    yield Check("contract/training/plain-step", partial(check_plain_step, seed))
    yield Check("contract/training/copies", partial(check_copies_of_a_training, seed))
    yield Check("contract/training/same-seed", partial(check_same_seed, seed))
    yield Check("contract/training/allocations", partial(check_allocations, seed))
    yield Check("contract/training/subnormal", partial(check_subnormal_moments, seed))
    yield Check("contract/training/workers", partial(check_workers, seed))
    yield Check("contract/predict/slices", partial(check_predict, seed))


class Setting(NamedTuple):
    """What a promise is checked on.

    Attributes
    ----------
    make : callable
        From a generator and a dtype to a layer or a network.
    shape : tuple of int
        Of an input.
    seed : int
        For all that is drawn.
    """

    make: Callable[[np.random.Generator, np.dtype[Any]], Model]
    shape: tuple[int, ...]
    seed: int

    def draw(self) -> tuple[Model, Array, Array]:
        """Return the model, an input, and a gradient of its output."""
        rng = np.random.default_rng(self.seed)
        model = self.make(rng, FLOAT64)
        x = mixed(rng, self.shape)
        return model, x, normal(rng, model.forward(x).shape)


def _grads(model: Model) -> list[Array]:
    return [parameter.grad.copy() for parameter in model.parameters()]


def _equal(left: list[Array], right: list[Array]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


def check_ownership(setting: Setting) -> None:
    """What you receive is yours: nothing else uses it, whatever you write there."""
    model, x, grad_output = setting.draw()
    output = model.forward(x)
    expected = model.backward(grad_output)
    assert expected is not None
    grads = _grads(model)
    for array in (output, expected):
        for other in (x, grad_output, *(p.data for p in model.parameters())):
            assert not np.shares_memory(array, other), "a result shares memory with an argument"

    output = model.forward(x)
    output.fill(np.nan)
    first = model.backward(grad_output)
    assert first is not None
    assert np.array_equal(first, expected), "writing to the output changed the gradient"
    assert _equal(_grads(model), grads), "writing to the output changed the gradients"
    kept = first.copy()
    second = model.backward(grad_output)
    assert second is not None
    assert not np.shares_memory(first, second), "two results share memory"
    assert np.array_equal(first, kept), "the second backward changed the first one's result"


def check_out(setting: Setting) -> None:
    """Results are written to `out`, whatever was in there, and are the same as without."""
    model, x, grad_output = setting.draw()
    expected = model.forward(x)
    expected_grad = model.backward(grad_output)
    out = np.full(expected.shape, np.nan)
    assert model.forward(x, out=out) is out
    assert np.array_equal(out, expected)
    out = np.full(x.shape, np.nan)
    assert model.backward(grad_output, out=out) is out
    assert expected_grad is not None
    assert np.array_equal(out, expected_grad)
    with np.testing.assert_raises(ours.InputError):
        model.forward(x, out=np.empty((*expected.shape, 1)))


def check_evaluation_mode(setting: Setting) -> None:
    """A validation between forward and backward changes nothing."""
    model, x, grad_output = setting.draw()
    model.forward(x)
    expected = model.backward(grad_output)
    grads = _grads(model)
    model.forward(x)
    model.eval()
    other = model.forward(-2 * x[:1])
    model.train()
    result = model.backward(grad_output)
    assert result is not None
    assert expected is not None
    assert np.array_equal(result, expected), "evaluating changed what backward remembers"
    assert _equal(_grads(model), grads), "evaluating changed what backward remembers"
    layers = model if isinstance(model, ours.Sequential) else [model]
    # Some do something else on purpose.
    if not any(isinstance(layer, ours.Dropout | ours.BatchNorm1d) for layer in layers):
        assert np.array_equal(other, model.forward(-2 * x[:1])), "evaluation is something else"


def check_accumulate(setting: Setting) -> None:
    """Backward overwrites gradients; with `accumulate` it adds to them."""
    model, x, grad_output = setting.draw()
    model.forward(x)
    model.backward(grad_output)
    once = _grads(model)
    model.backward(grad_output)
    assert _equal(_grads(model), once), "backward did not overwrite"
    model.backward(grad_output, accumulate=True)
    for twice, single in zip(_grads(model), once, strict=True):
        np.testing.assert_allclose(twice, 2 * single, rtol=1e-12, atol=1e-12)


def check_input_gradient_on_demand(setting: Setting) -> None:
    """Without `need_input_grad` there is none, and the parameters' gradients are the same."""
    model, x, grad_output = setting.draw()
    model.forward(x)
    model.backward(grad_output)
    grads = _grads(model)
    for parameter in model.parameters():
        parameter.grad.fill(np.nan)
    assert model.backward(grad_output, need_input_grad=False) is None
    assert _equal(_grads(model), grads)


def check_copies(setting: Setting) -> None:
    """Copies have the same parameters, are connected in themselves, and apart from the original."""
    model, x, _ = setting.draw()
    before = [parameter.data.copy() for parameter in model.parameters()]
    for duplicate in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert np.array_equal(duplicate.forward(x), model.forward(x))
        for parameter in duplicate.parameters():
            assert parameter.arena is duplicate.parameters()[0].arena
            parameter.arena.values[parameter.slice] = 7.0
            assert (parameter.data == 7.0).all(), "the copy's parameter left its arena"
            parameter.arena.grads[parameter.slice] = 3.0
            assert (parameter.grad == 3.0).all(), "the copy's gradient left its arena"
        for parameter, value in zip(model.parameters(), before, strict=True):
            assert np.array_equal(parameter.data, value), "the copy shares the original's memory"


def _training(
    seed: int, dtype: np.dtype[Any], sizes: Sequence[int] = (FEATURES, HIDDEN, CLASSES)
) -> tuple[ours.Trainer, Array, Array]:
    rng = np.random.default_rng(seed)
    model = ours.mlp(sizes, rng=rng, dtype=dtype)
    trainer = ours.Trainer(model, ours.CrossEntropyLoss(), ours.Adam(model.parameters(), lr=1e-2))
    x = mixed(rng, (3 * BATCH + 2, FEATURES)).astype(dtype)
    return trainer, x, labels(rng, (len(x), CLASSES))


def _batches(x: Array, y: Array) -> Iterator[tuple[Array, Array]]:
    for start in range(0, len(x), BATCH):
        yield x[start : start + BATCH], y[start : start + BATCH]


def check_workspace(seed: int) -> None:
    """Training in buffers full of NaN, a short last batch included, gives the same bits."""
    # Hidden layers of different widths, so that no buffer fits in another's place.
    trainer, x, y = _training(seed, FLOAT32, (FEATURES, 17, HIDDEN, CLASSES))
    rng = np.random.default_rng(seed)
    blocks = ours.Sequential(
        ours.Linear(FEATURES, 17, rng=rng),
        ours.BatchNorm1d(17),
        ours.Tanh(),
        ours.Dropout(0.2, rng=rng),
        ours.Residual(ours.LayerNorm(17), ours.Linear(17, 17, rng=rng), ours.ReLU()),
        ours.Linear(17, HIDDEN, rng=rng),
        ours.Softmax(dim=-1),
        ours.Flatten(),
        ours.Linear(HIDDEN, CLASSES, rng=rng),
    )
    other = ours.Trainer(blocks, ours.CrossEntropyLoss(), ours.Adam(blocks.parameters()))
    for trained in (trainer, other):
        fresh = copy.deepcopy(trained)
        workspace = ours.Workspace(trained.model, BATCH, FEATURES)
        for batch, targets in _batches(x, y):
            for buffer in (*workspace.outputs, *workspace.grads):
                buffer.fill(np.nan)
            loss = trained.step(batch, targets, workspace)
            assert loss == fresh.loss.forward(fresh.model.forward(batch), targets)
            fresh.model.backward(fresh.loss.backward())
            fresh.optimizer.step()
            assert np.array_equal(trained.model.arena.values, fresh.model.arena.values)
            for name, array in trained.model.buffers().items():
                assert np.array_equal(array, fresh.model.buffers()[name]), name


# Of the sums of magnitudes that a training step goes through.
_ROUNDINGS = 16


def check_plain_step(seed: int) -> None:
    """Every training step against the formulas, written out."""
    trainer, x, y = _training(seed, FLOAT64)
    workspace = ours.Workspace(trainer.model, BATCH, FEATURES)
    moments = {
        name: (np.zeros_like(value),) * 2 for name, value in trainer.model.state_dict().items()
    }
    largest = {name: first for name, (first, _) in moments.items()}
    unit = _ROUNDINGS * np.finfo(FLOAT64).eps
    for step, (batch, targets) in enumerate(_batches(x, y), start=1):
        values = trainer.model.state_dict()
        t = np.eye(CLASSES)[targets]
        z = linear(batch, values["0.weight"], values["0.bias"])
        a = relu(z)
        logits = linear(a, values["2.weight"], values["2.bias"])
        grad_scores = cross_entropy_backward(logits, t)
        grads = _gradients(values, batch, z, a, grad_scores)
        # The same of magnitudes, with p + t in the place of p - t, and p as far off as the logits:
        # a step is as long for a gradient that cancels, and rounding is a larger part of it.
        positive = {name: np.abs(value) for name, value in values.items()}
        of_a = linear(np.abs(batch), positive["0.weight"], positive["0.bias"])
        of_logits = linear(of_a, positive["2.weight"], positive["2.bias"]).max(
            axis=1, keepdims=True
        )
        of_scores = (grad_scores + t / len(t)) * (1 + 2 * of_logits) + t / len(t)
        sizes = _gradients(positive, np.abs(batch), z, of_a, of_scores)

        loss = trainer.step(batch, targets, workspace)
        assert abs(loss - cross_entropy(logits, t)) <= unit * of_logits.mean()
        for parameter in trainer.model.parameters():
            name = parameter.name
            expected, *rest = adam_step(values[name], grads[name], *moments[name], step, lr=1e-2)
            moments[name] = rest[0], rest[1]
            largest[name] = np.maximum(largest[name], sizes[name])
            root = np.sqrt(rest[1] / (1 - 0.999**step)) + 1e-8
            off = np.abs(parameter.data - expected)
            assert (off <= unit * (1e-2 * largest[name] / root + positive[name])).all(), name


def _gradients(
    values: dict[str, Array], x: Array, z: Array, a: Array, grad_scores: Array
) -> dict[str, Array]:
    grad, weight, bias = linear_backward(grad_scores, a, values["2.weight"])
    _, first, first_bias = linear_backward(relu_backward(grad, z), x, values["0.weight"])
    return {"0.weight": first, "0.bias": first_bias, "2.weight": weight, "2.bias": bias}


def check_copies_of_a_training(seed: int) -> None:
    """Model and optimizer copied together go on training together."""
    trainer, x, y = _training(seed, FLOAT32)
    batches = list(_batches(x, y))
    workspace = ours.Workspace(trainer.model, BATCH, FEATURES)
    trainer.step(*batches[0], workspace)
    for duplicate in (copy.deepcopy(trainer), pickle.loads(pickle.dumps(trainer))):
        reference = copy.deepcopy(trainer)
        before = trainer.model.arena.values.copy()
        for other in (duplicate, reference):
            other.step(*batches[1], workspace)
        trained = duplicate.model.arena.values
        assert not np.array_equal(trained, before), "the copy's optimizer lost its model"
        assert np.array_equal(trained, reference.model.arena.values)
        assert np.array_equal(trainer.model.arena.values, before), "the original moved too"


def check_same_seed(seed: int) -> None:
    """One seed gives the same bits twice, another one does not."""

    def train(seed: int) -> Array:
        rng = np.random.default_rng(seed)
        model = ours.mlp([FEATURES, HIDDEN, CLASSES], rng=rng)
        x, y = normal(rng, (50, FEATURES)), labels(rng, (50, CLASSES))
        loader = ours.DataLoader(x, y, batch_size=BATCH, shuffle=True, rng=rng)
        trainer = ours.Trainer(model, ours.CrossEntropyLoss(), ours.Adam(model.parameters()))
        trainer.fit(loader, loader, epochs=2)
        return model.arena.values

    assert np.array_equal(train(seed), train(seed))
    assert not np.array_equal(train(seed), train(seed + 1))


def check_allocations(seed: int) -> None:
    """After the first, a training step allocates no array."""
    rng = np.random.default_rng(seed)
    rows, sizes = 67, (257, 307, 263, CLASSES)
    model = ours.mlp(sizes, rng=rng)
    trainer = ours.Trainer(model, ours.CrossEntropyLoss(), ours.Adam(model.parameters()))
    workspace = ours.Workspace(model, rows, sizes[0])
    batch, targets = normal(rng, (rows, sizes[0])).astype(FLOAT32), labels(rng, (rows, CLASSES))
    trainer.step(batch, targets, workspace)
    tracemalloc.start()
    try:
        trainer.step(batch, targets, workspace)
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        trainer.step(batch, targets, workspace)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # NumPy takes 32 KiB to iterate where shapes are broadcast; the mask of a layer is 80 KiB.
    assert peak - before < 48 * 1024, f"{peak - before} bytes in a step"


def check_subnormal_moments(seed: int) -> None:
    """Moments of parameters whose gradient stays zero end at zero; no number is subnormal."""
    rng = np.random.default_rng(seed)
    model = ours.mlp([FEATURES, HIDDEN, CLASSES], rng=rng)
    optimizer = ours.Adam(model.parameters(), betas=(0.9, 0.95))
    model.arena.grads[:] = normal(rng, (len(model.arena),))
    for _ in range(3000):
        optimizer.step()
        model.arena.grads.fill(0)
    tiny = np.finfo(FLOAT32).tiny
    for name, entries in optimizer.state_dict()["state"].items():
        for key in ("exp_avg", "exp_avg_sq"):
            sizes = np.abs(entries[key])
            assert not ((sizes > 0) & (sizes < tiny)).any(), f"{key} of {name}"


def check_workers(seed: int) -> None:
    """Workers together train the network that one process trains, but for rounding."""
    samples = 5 * BATCH + 2

    def train(workers: int, reduction: str, hidden: Sequence[int]) -> tuple[Array, ...]:
        rng = np.random.default_rng(seed)
        model = ours.mlp([FEATURES, *hidden, CLASSES], rng=rng, dtype=FLOAT64)
        x, y = normal(rng, (samples, FEATURES)), labels(rng, (samples, CLASSES))
        loader = ours.DataLoader(x, y, batch_size=BATCH, shuffle=True, rng=rng, dtype=FLOAT64)
        optimizer = ours.AdamW(ours.decay_groups(model.parameters(), 0.1))
        loss = ours.CrossEntropyLoss(reduction=reduction)
        values, grads = model.arena.values, model.arena.grads
        with ours.Trainer(model, loss, optimizer, workers=workers).session(loader) as train_epoch:
            losses = [train_epoch(), train_epoch()]
            # Between epochs everything is there already.
            between = values.copy()
        assert np.array_equal(between, values)
        moments = [entry["exp_avg"].ravel() for entry in optimizer.state_dict()["state"].values()]
        return values, grads, np.concatenate(moments), np.array(losses)

    # One layer that is cut, with one left over, twice two, and a layer too narrow to be cut.
    for hidden in ((HIDDEN,), (17, HIDDEN), (17, 7, HIDDEN), (2, 17, HIDDEN)):
        for reduction in ("mean", "sum"):
            expected = train(1, reduction, hidden)
            for workers in (2, 3):
                for result, alone in zip(train(workers, reduction, hidden), expected, strict=True):
                    np.testing.assert_allclose(result, alone, rtol=0, atol=1e-12)


def check_predict(seed: int) -> None:
    """Predicting in slices, in either mode, gives what one forward gives; nothing is remembered."""
    rng = np.random.default_rng(seed)
    model = ours.mlp([FEATURES, HIDDEN, CLASSES], rng=rng, dtype=FLOAT64)
    x = normal(rng, (23, FEATURES))
    expected = model.forward(x)
    grad_output = normal(rng, expected.shape)
    model.backward(grad_output)
    grads = model.arena.grads.copy()
    model.forward(x)
    for batch_size in (1, BATCH, 23, 4096):
        result = model.predict(-x, batch_size=batch_size)
        # Slices of other sizes may take BLAS another way through the same sums.
        np.testing.assert_allclose(
            model.predict(x, batch_size=batch_size), expected, rtol=1e-12, atol=1e-13
        )
        assert result.shape == expected.shape
    np.testing.assert_allclose(model.predict(x[5:6]), expected[5:6], rtol=1e-12, atol=1e-13)
    assert model.training
    model.backward(grad_output)
    assert np.array_equal(model.arena.grads, grads), "predict changed what backward remembers"
