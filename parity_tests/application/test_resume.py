"""Checkpoints: a training that stopped goes on as if it had not."""

import copy
import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_impl as ours
from numpy_impl import checkpoint_folder
from numpy_impl.checkpoint_folder import CheckpointFolder
from numpy_impl.data.augment import RandomAffine
from numpy_impl.errors import CheckpointError, DivergenceError, InputError
from parity_tests.cases.optimizers import OPTIMIZERS
from parity_tests.cases.schedulers import SCHEDULERS, Part

EPOCHS, STEPS = 2, 5
SAMPLES, SIDE, CLASSES = 31, 4, 3

Optimizer = Callable[[ours.Sequential], ours.Optimizer]


def adam(model: ours.Sequential) -> ours.Optimizer:
    return ours.Adam(model.parameters(), lr=0.01)


def no_callbacks(_model: ours.Sequential, _optimizer: ours.Optimizer) -> list[ours.Callback]:
    return []


class Training:
    """One with all that is random: order, changed pictures, two layers of dropout."""

    def __init__(
        self,
        optimizer: Optimizer = adam,
        callbacks: Callable[..., list[ours.Callback]] = no_callbacks,
        *,
        prefetch: int = 0,
        seed: int = 0,
        bits: type[np.random.BitGenerator] = np.random.PCG64,
    ) -> None:
        rng = np.random.Generator(bits(seed))
        self.x = rng.standard_normal((SAMPLES, SIDE**2)).astype(np.float32)
        self.y = rng.integers(0, CLASSES, SAMPLES)
        shared = np.random.Generator(bits(seed + 1))
        self.model = ours.Sequential(
            ours.Linear(SIDE**2, 7, rng=rng),
            ours.BatchNorm1d(7),
            ours.PReLU(),
            # The order of the data and these masks come from one generator.
            ours.Dropout(0.3, rng=shared),
            ours.Residual(ours.Linear(7, 7, rng=rng), ours.Dropout(0.2, rng=rng)),
            ours.Linear(7, CLASSES, rng=rng),
        )
        made = optimizer(self.model)
        self.trainer = ours.Trainer(
            self.model, ours.CrossEntropyLoss(), made, callbacks(self.model, made)
        )
        self.loader = ours.DataLoader(
            self.x,
            self.y,
            batch_size=7,
            shuffle=True,
            rng=shared,
            transform=RandomAffine(side=SIDE, angle=0.2, stretch=0.1, slant=0.1, shift=0.5),
            prefetch=prefetch,
        )
        self.history = ours.History()

    def fit(self, folder: CheckpointFolder | None = None, epochs: int = EPOCHS) -> "Training":
        """Train, and return itself."""
        test = ours.DataLoader(self.x, self.y, batch_size=20)
        self.history = self.trainer.fit(
            self.loader, test, epochs, train_sample=test, checkpoints=folder
        )
        return self

    def outcome(self) -> dict[str, Any]:
        """Return all that must be the same, bit for bit."""
        history = self.history.to_dict()
        del history["seconds"]
        return {
            "model": self.model.state_dict(),
            "optimizer": self.trainer.optimizer.state_dict(),
            "history": history,
            "callbacks": [callback.state_dict() for callback in self.trainer.callbacks],
            "next": self.loader.rng.integers(2**62),
        }


def leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key in value:
            yield from leaves(f"{name}/{key}", value[key])
    elif isinstance(value, list | tuple):
        yield f"{name} (type)", type(value)
        for position, entry in enumerate(value):
            yield from leaves(f"{name}/{position}", entry)
    else:
        yield name, value


def assert_same_bits(got: Any, expected: Any) -> None:
    got, expected = dict(leaves("", got)), dict(leaves("", expected))
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, np.ndarray):
            assert got[name].dtype == value.dtype, name
            assert got[name].tobytes() == value.tobytes(), name
        else:
            assert repr(got[name]) == repr(value), name
            assert type(got[name]) is type(value), name


def stops(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.npz"))


def check_resumed(tmp_path: Path, make: Callable[[], Training], at: tuple[int, ...]) -> None:
    """Train without a stop, then go on from the checkpoint after so many steps."""
    whole = make().fit().outcome()
    for step in at:
        kept, folder = tmp_path / f"kept-{step}", tmp_path / f"{step}"
        assert_same_bits(make().fit(CheckpointFolder(kept, every=step, keep=99)).outcome(), whole)
        folder.mkdir()
        (kept / f"step-{step:09d}.npz").rename(folder / f"step-{step:09d}.npz")
        again = make().fit(CheckpointFolder(folder, every=99, resume=True))
        assert_same_bits(again.outcome(), whole)


@pytest.mark.parametrize(
    ("case", "variant"),
    [
        pytest.param(case, variant, id=f"{case.operation.__name__}-{variant}")
        for case in OPTIMIZERS
        if case.formula is not None
        for variant in case.variants
    ],
)
def test_every_optimizer_goes_on_bit_for_bit(tmp_path: Path, case: Any, variant: str) -> None:
    def optimizer(model: ours.Sequential) -> ours.Optimizer:
        options = dict(case.variants[variant])
        divide = options.pop("params", None)
        params = [p for p in model.parameters() if p.ndim == 2 or not case.matrices_only]
        return case.operation(divide(params) if divide else params, **options)

    check_resumed(tmp_path, lambda: Training(optimizer), at=(3,))


def schedule(optimizer: ours.Optimizer, operation: type, arguments: Any) -> Any:
    """Return a schedule with those within it."""
    arguments = dict(arguments)
    if "schedulers" in arguments:
        arguments["schedulers"] = [
            schedule(optimizer, part.operation, part.arguments) if isinstance(part, Part) else part
            for part in arguments["schedulers"]
        ]
    return operation(optimizer=optimizer, **arguments)


@pytest.mark.parametrize(
    ("case", "variant"),
    [
        pytest.param(case, variant, id=f"{case.operation.__name__}-{variant}")
        for case in SCHEDULERS
        for variant in case.variants
    ],
)
def test_every_schedule_goes_on_bit_for_bit(tmp_path: Path, case: Any, variant: str) -> None:
    def optimizer(model: ours.Sequential) -> ours.Optimizer:
        groups = [{"params": model.parameters()[start::3]} for start in range(3)]
        return ours.SGD(groups, lr=0.05, momentum=0.9)

    def callbacks(_model: ours.Sequential, made: ours.Optimizer) -> list[ours.Callback]:
        scheduler = schedule(made, case.operation, case.variants[variant])
        by_metric = isinstance(scheduler, ours.ReduceLROnPlateau)
        return [ours.Scheduled(scheduler, every="epoch" if by_metric else "batch")]

    check_resumed(tmp_path, lambda: Training(optimizer, callbacks), at=(7,))


@pytest.mark.parametrize("step", range(1, EPOCHS * STEPS + 1))
def test_it_goes_on_from_any_step(tmp_path: Path, step: int) -> None:
    check_resumed(tmp_path, Training, at=(step,))


@pytest.mark.parametrize("average", [ours.ExponentialMovingAverage, ours.StochasticWeightAverage])
def test_averages_go_on(tmp_path: Path, average: type) -> None:
    def callbacks(model: ours.Sequential, _optimizer: ours.Optimizer) -> list[ours.Callback]:
        return [ours.Averaged(average(model.parameters()))]

    check_resumed(tmp_path, lambda: Training(callbacks=callbacks), at=(1, 7, 10))


@pytest.mark.parametrize(
    "bits", [np.random.MT19937, np.random.Philox, np.random.SFC64, np.random.PCG64DXSM]
)
def test_every_kind_of_generator_goes_on(tmp_path: Path, bits: Any) -> None:
    check_resumed(tmp_path, lambda: Training(bits=bits), at=(7,))


def test_batches_made_ahead_go_on(tmp_path: Path) -> None:
    check_resumed(tmp_path, lambda: Training(prefetch=3), at=(3, 5, 9))
    assert_same_bits(Training(prefetch=3).fit().outcome(), Training().fit().outcome())


def test_more_epochs_later_are_the_same(tmp_path: Path) -> None:
    whole = Training().fit(epochs=4).outcome()
    Training().fit(CheckpointFolder(tmp_path), epochs=2)
    again = Training().fit(CheckpointFolder(tmp_path, resume=True), epochs=4)
    assert_same_bits(again.outcome(), whole)
    done = Training().fit(CheckpointFolder(tmp_path, resume=True), epochs=4)
    assert_same_bits(done.outcome(), whole)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="workers need a system that can fork")
@pytest.mark.parametrize("every", [None, 1, 3])
def test_several_workers_go_on(tmp_path: Path, every: int | None) -> None:
    def make() -> tuple[ours.Trainer, ours.DataLoader]:
        rng = np.random.default_rng(0)
        model = ours.mlp([5, 8, 3], rng=rng)
        optimizer = ours.AdamW(model.parameters(), lr=0.01)
        schedule = ours.Scheduled(ours.ExponentialLR(optimizer, 0.97), every="batch")
        trainer = ours.Trainer(model, ours.CrossEntropyLoss(), optimizer, [schedule], workers=2)
        x, y = rng.standard_normal((40, 5)), rng.integers(0, 3, 40)
        return trainer, ours.DataLoader(x, y, batch_size=9, shuffle=True, rng=rng)

    trainer, loader = make()
    trainer.fit(loader, None, 3, checkpoints=CheckpointFolder(tmp_path, every=every, keep=99))
    other, loader = make()
    other.fit(loader, None, 3)
    assert_same_bits(trainer.optimizer.state_dict(), other.optimizer.state_dict())
    for path in stops(tmp_path)[::2]:
        folder = tmp_path / path.stem
        folder.mkdir()
        shutil.copy(path, folder)
        again, loader = make()
        again.fit(loader, None, 3, checkpoints=CheckpointFolder(folder, resume=True))
        assert_same_bits(again.model.state_dict(), trainer.model.state_dict())
        assert_same_bits(again.optimizer.state_dict(), trainer.optimizer.state_dict())


def test_lbfgs_goes_on_in_a_loop_of_ones_own(tmp_path: Path) -> None:
    def make() -> tuple[ours.Sequential, ours.LBFGS, Callable[[], float]]:
        rng = np.random.default_rng(0)
        model = ours.mlp([5, 4, 3], rng=rng, dtype=np.float64)
        x, y, loss = rng.standard_normal((11, 5)), rng.integers(0, 3, 11), ours.CrossEntropyLoss()

        def closure() -> float:
            value = float(loss(model(x), y))
            model.backward(loss.backward())
            return value

        optimizer = ours.LBFGS(
            model.parameters(), lr=0.5, max_iter=3, line_search_fn="strong_wolfe"
        )
        return model, optimizer, closure

    model, optimizer, closure = make()
    for step in range(6):
        optimizer.step(closure)
        state = {"optimizer": optimizer.state_dict(), "step": step}
        ours.save_checkpoint(tmp_path / f"{step}.npz", model, state, {"note": "of step"})
    for step in range(6):
        again, other, closure = make()
        loaded, state, metadata = ours.load_checkpoint(tmp_path / f"{step}.npz")
        again.load_state_dict(loaded.state_dict())
        other.load_state_dict(state["optimizer"])
        for _ in range(state["step"] + 1, 6):
            other.step(closure)
        assert metadata == {"note": "of step"}
        assert_same_bits(again.state_dict(), model.state_dict())
        assert_same_bits(other.state_dict(), optimizer.state_dict())


class Signal(ours.Callback):
    """Sends the process a signal after a step, counted from the beginning."""

    def __init__(self, signum: int, step: int) -> None:
        self.signum = signum
        self.left = step

    def on_step_end(self, epoch: int, step: int, loss: float) -> None:  # noqa: ARG002
        """Count."""
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), self.signum)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", [1, 5, 7])
def test_a_signal_finishes_the_step_and_saves(tmp_path: Path, signum: int, step: int) -> None:
    before = signal.getsignal(signum)
    training = Training(callbacks=lambda *_: [Signal(signum, step)])
    training.fit(CheckpointFolder(tmp_path))
    assert training.trainer.interrupted_by == signum
    assert signal.getsignal(signum) is before
    assert stops(tmp_path)[-1].name == f"step-{step:09d}.npz"
    again = Training().fit(CheckpointFolder(tmp_path, resume=True))
    assert not again.trainer.interrupted
    assert_same_bits(again.outcome(), Training().fit().outcome())


def test_the_last_few_are_kept(tmp_path: Path) -> None:
    Training().fit(CheckpointFolder(tmp_path / "new" / "folder", every=2, keep=2))
    names = [path.name for path in (tmp_path / "new" / "folder").iterdir()]
    assert sorted(names) == ["step-000000008.npz", "step-000000010.npz"]


@pytest.mark.parametrize("harm", ["cut", "empty", "other"])
def test_a_damaged_newest_is_reported_and_the_one_before_is_taken(
    tmp_path: Path, harm: str
) -> None:
    Training().fit(CheckpointFolder(tmp_path, every=3, keep=3))
    newest = stops(tmp_path)[-1]
    content = newest.read_bytes()
    newest.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "other": b"PK"}[harm])
    messages: list[str] = []
    folder = CheckpointFolder(tmp_path, every=3, keep=1, resume=True, report=messages.append)
    again = Training().fit(folder)
    assert_same_bits(again.outcome(), Training().fit().outcome())
    assert len(messages) == 1
    assert str(newest) in messages[0]
    assert f"kept as {newest.name}.damaged" in messages[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        newest.name,
        f"{newest.name}.damaged",
    ]


def test_a_damaged_one_is_a_warning_by_default(tmp_path: Path) -> None:
    Training().fit(CheckpointFolder(tmp_path))
    stops(tmp_path)[-1].write_bytes(b"")
    with pytest.warns(RuntimeWarning, match="step-000000010.npz: expected a model"):
        assert CheckpointFolder(tmp_path).load() is not None


def test_nothing_begins_anew_where_no_checkpoint_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "step-000000003.npz").write_bytes(b"")
    folder = CheckpointFolder(tmp_path, resume=True, report=lambda _: None)
    with pytest.raises(CheckpointError, match="a checkpoint that can be read, got none"):
        Training().fit(folder)


def test_checkpoints_are_not_written_over_unasked(tmp_path: Path) -> None:
    Training().fit(CheckpointFolder(tmp_path))
    before = [path.read_bytes() for path in stops(tmp_path)]
    with pytest.raises(InputError, match=r"checkpoints: .* or resume=True, got .*step-000000010"):
        Training().fit(CheckpointFolder(tmp_path))
    assert [path.read_bytes() for path in stops(tmp_path)] == before


def test_an_empty_folder_begins_anew(tmp_path: Path) -> None:
    resumed = Training().fit(CheckpointFolder(tmp_path / "none", resume=True))
    assert_same_bits(resumed.outcome(), Training().fit().outcome())


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: Training(seed=3), "checksum: expected"),
        (lambda: Training(lambda m: ours.SGD(m.parameters())), "optimizer: expected Adam"),
        (
            lambda: Training(
                callbacks=lambda _, o: [ours.Scheduled(ours.StepLR(o, 1))],
            ),
            r"callbacks: expected \[\], as in the checkpoint, got \['Scheduled'\]",
        ),
        (lambda: Training(bits=np.random.SFC64), "a state of SFC64, got 'PCG64'"),
    ],
)
def test_another_training_does_not_go_on(
    tmp_path: Path, other: Callable[[], Training], message: str
) -> None:
    Training().fit(CheckpointFolder(tmp_path))
    made = other()
    if message.startswith("a state"):
        made.x[:], made.y[:] = Training().x, Training().y
        made.loader = copy.copy(made.loader)
    with pytest.raises(CheckpointError, match=message):
        made.fit(CheckpointFolder(tmp_path, resume=True))


def test_a_model_alone_is_no_checkpoint(tmp_path: Path) -> None:
    ours.save_model(tmp_path / "step-000000001.npz", Training().model)
    with pytest.raises(CheckpointError, match="a model without its state"):
        ours.load_checkpoint(tmp_path / "step-000000001.npz")


def test_a_checkpoint_is_a_model_too(tmp_path: Path) -> None:
    training = Training().fit(CheckpointFolder(tmp_path))
    model, metadata = ours.load_model(stops(tmp_path)[-1])
    assert metadata == {}
    assert_same_bits(model.state_dict(), training.model.state_dict())


def test_a_full_disk_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = np.savez, []

    def full(file: Any, **arrays: Any) -> None:
        calls.append(file)
        if len(calls) == 3:
            file.write(b"PK\x03\x04")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(file, **arrays)

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left") as error:
        Training().fit(CheckpointFolder(tmp_path, every=2))
    assert error.value.errno == errno.ENOSPC
    assert f"{tmp_path / 'step-000000004.npz'} is whole" in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "step-000000002.npz",
        "step-000000004.npz",
    ]
    again = Training().fit(CheckpointFolder(tmp_path, every=2, resume=True))
    assert_same_bits(again.outcome(), Training().fit().outcome())


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".step-000000002.npz.0123456789abcdef"
    kept = tmp_path / ".step-000000002.npz.of-mine"
    for path in (left, kept):
        path.write_bytes(b"PK")
    Training().fit(CheckpointFolder(tmp_path))
    assert kept.exists()
    assert not left.exists()


def test_divergence_names_step_layer_and_checkpoint(tmp_path: Path) -> None:
    training = Training(lambda m: ours.SGD(m.parameters(), lr=1e25))
    with pytest.raises(DivergenceError) as error:
        training.fit(CheckpointFolder(tmp_path, every=1))
    last = stops(tmp_path)[-1]
    assert error.value.checkpoint == str(last)
    assert f"the last good checkpoint is {last}" in str(error.value)
    assert all(np.isfinite(p.data).all() for p in ours.load_model(last).model.parameters())


def test_the_layer_that_a_loss_diverges_in_is_named() -> None:
    training = Training()
    training.model[4][0].weight.data[2, 3] = np.inf
    with pytest.raises(
        DivergenceError, match=r"loss: .* got nan in epoch 1, step 1, from layer 4, Residual;"
    ):
        training.fit()


class Overflowing(ours.CrossEntropyLoss):
    """A loss whose derivative is too large to be multiplied."""

    def backward(self, *, out: Any = None) -> Any:
        """Return it times 3e38."""
        grad = super().backward(out=out)
        grad *= np.float32(3e38)
        return grad


@pytest.mark.parametrize("workers", [1, 2])
def test_a_gradient_that_overflows_stops_before_the_step(workers: int) -> None:
    if workers > 1 and not hasattr(os, "fork"):
        pytest.skip("workers need a system that can fork")
    rng = np.random.default_rng(0)
    model = ours.mlp([5, 8, 3], rng=rng)
    before = model.arena.values.copy()
    trainer = ours.Trainer(model, Overflowing(), ours.SGD(model.parameters()), workers=workers)
    x, y = 10 * rng.standard_normal((40, 5)), rng.integers(0, 3, 40)
    match = r"gradient: .* got -?(inf|nan) in epoch 1, step 1, for the \w+ of layer [02], Linear;"
    with pytest.raises(DivergenceError, match=match):
        trainer.fit(ours.DataLoader(x, y, batch_size=40), None, 1)
    np.testing.assert_array_equal(model.arena.values, before)


def test_infinite_parameters_are_not_saved(tmp_path: Path) -> None:
    training = Training()

    class Harm(ours.Callback):
        def on_step_end(self, epoch: int, step: int, loss: float) -> None:  # noqa: ARG002
            if (epoch, step) == (1, 3):
                training.model.parameters()[0].data[1, 1] = np.inf

    training.trainer.callbacks = (Harm(),)
    with pytest.raises(DivergenceError, match=r"parameter: .* got inf in epoch 1, step 3") as error:
        training.fit(CheckpointFolder(tmp_path, every=1))
    assert error.value.checkpoint == str(tmp_path / "step-000000002.npz")


KILLED = """
import os, signal, sys
from pathlib import Path
from parity_tests.application import test_resume as here
from numpy_impl import checkpoint_folder
class Kill(here.ours.Callback):
    def on_step_end(self, epoch, step, loss):
        if (epoch, step) == (2, 2):
            os.kill(os.getpid(), signal.SIGKILL)
training = here.Training(callbacks=lambda *_: [Kill()])
training.fit(checkpoint_folder.CheckpointFolder(Path(sys.argv[1]), every=1))
"""


def test_after_sigkill_it_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", KILLED, str(tmp_path)]
    assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL
    assert checkpoint_folder.CheckpointFolder(tmp_path).paths()[-1].name == "step-000000006.npz"
    again = Training().fit(CheckpointFolder(tmp_path, resume=True))
    assert_same_bits(again.outcome(), Training().fit().outcome())
