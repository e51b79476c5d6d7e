"""Training with several workers: what happens when one of them does not go on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import numpy_impl as ours
from numpy_impl.blas import blas_threads, count_blas_threads
from numpy_impl.data import make_xor
from numpy_impl.errors import DivergenceError, InputError, WorkerError
from numpy_impl.parameters import make_parameters
from numpy_impl.team import Team

BATCH = 32


class Act(ours.Callback):
    """Does something after the third step."""

    def __init__(self, action) -> None:
        self.action = action

    def on_step_end(self, epoch: int, step: int, loss: float) -> None:  # noqa: ARG002
        """Do it."""
        if step == 3:
            self.action()


def training(
    *callbacks: ours.Callback, lr: float = 0.1, workers: int = 2
) -> tuple[ours.Trainer, ours.DataLoader]:
    rng = np.random.default_rng(0)
    x, y = make_xor(300, noise=0.2, rng=rng)
    model = ours.mlp([2, 8, 2], rng=rng, dtype=np.float64)
    optimizer = ours.SGD(model.parameters(), lr=lr, momentum=0.9)
    trainer = ours.Trainer(model, ours.CrossEntropyLoss(), optimizer, callbacks, workers=workers)
    loader = ours.DataLoader(
        x, y, batch_size=BATCH, shuffle=True, rng=rng, dtype=np.float64, drop_last=True
    )
    return trainer, loader


def state_of(trainer: ours.Trainer) -> np.ndarray:
    """Parameters, gradients and momentum in one vector."""
    arena = trainer.model.arena
    momenta = [
        entry["momentum_buffer"].ravel()
        for entry in trainer.optimizer.state_dict()["state"].values()
    ]
    return np.concatenate([arena.values, arena.grads, *momenta])


class LossOf(ours.CrossEntropyLoss):
    """Does something in the fourth step of the second epoch, in the worker only."""

    def __init__(self, action) -> None:
        super().__init__()
        self.leader = os.getpid()
        self.steps = 0
        self.action = action

    def forward(self, logits, targets) -> float:
        """Do it, or return the loss."""
        self.steps += 1
        if self.steps == 13 and os.getpid() != self.leader:
            self.action()
        return super().forward(logits, targets)


def children() -> list[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(pid) for pid in listed.split()]


def test_learns_and_leaves_nothing_behind() -> None:
    before = children()
    trainer, loader = training()
    history = trainer.fit(loader, loader, epochs=30)
    assert history.test_accuracy[-1] > 0.95
    assert children() == before
    assert np.shares_memory(trainer.model.parameters()[0].data, trainer.model.arena.values)


@pytest.mark.parametrize("epochs", [1, 2])
def test_the_state_afterwards_is_that_of_one_process(epochs: int) -> None:
    states = []
    for workers in (1, 2):
        trainer, loader = training(workers=workers)
        trainer.fit(loader, loader, epochs=epochs)
        states.append(state_of(trainer))
    np.testing.assert_allclose(*states, rtol=0, atol=1e-12)


def test_an_interrupted_training_has_taken_whole_steps() -> None:
    def train(workers: int) -> np.ndarray:
        interrupt = Act(lambda: os.kill(os.getpid(), signal.SIGINT))
        trainer, loader = training(interrupt, workers=workers)
        trainer.fit(loader, loader, epochs=2)
        assert trainer.interrupted
        return state_of(trainer)

    np.testing.assert_allclose(train(2), train(1), rtol=0, atol=1e-12)


def test_settings_changed_between_steps_hold_for_all() -> None:
    def train(workers: int) -> np.ndarray:
        trainer, loader = training(workers=workers)
        [group] = trainer.optimizer.param_groups
        trainer.callbacks = (Act(lambda: group.update(lr=0.02, momentum=0.5)),)
        trainer.fit(loader, loader, epochs=2)
        return state_of(trainer)

    np.testing.assert_allclose(train(2), train(1), rtol=0, atol=1e-12)


def test_parameters_that_are_not_trained_stay_as_they_are() -> None:
    def train(workers: int) -> tuple[ours.Trainer, np.ndarray]:
        trainer, loader = training(workers=workers)
        before = trainer.model.arena.values.copy()
        trained = trainer.model.parameters()[1:3]
        trainer.optimizer = ours.Adam([{"params": [p]} for p in trained], lr=0.1)
        trainer.fit(loader, loader, epochs=2)
        return trainer, trainer.model.arena.values - before

    (trainer, together), (_, alone) = train(2), train(1)
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-12)
    moved = [bool(together[p.slice].any()) for p in trainer.model.parameters()]
    assert moved == [False, True, True, False]


def test_a_network_that_cannot_be_cut_is_trained_by_one_process() -> None:
    listed: list[int] = []
    _, loader = training()
    for sizes in ([2, 2], [2, 1, 2]):
        model = ours.mlp(sizes, rng=np.random.default_rng(0), dtype=np.float64)
        optimizer = ours.SGD(model.parameters(), lr=0.1)
        look = Act(lambda: listed.extend(children()))
        ours.Trainer(model, ours.CrossEntropyLoss(), optimizer, [look], workers=2).fit(
            loader, loader, epochs=1
        )
    assert listed == []


class Scaled(ours.ReLU):
    """An elementwise layer with a parameter."""

    def parameters(self) -> list[ours.Parameter]:
        """Return one."""
        return make_parameters({"scale": (8,)}, np.float64)


def test_a_layer_that_cannot_be_divided_is_refused() -> None:
    before = children()
    trainer, loader = training()
    first, _, last = trainer.model
    trainer.model._layers = (first, Scaled(), last)
    with pytest.raises(InputError, match="workers: expected 1 for a network with Scaled, got 2"):
        trainer.fit(loader, loader, epochs=1)
    assert children() == before


def test_what_was_trained_is_shared_no_more() -> None:
    trainer, loader = training()
    trainer.fit(loader, loader, epochs=1)
    values = trainer.model.arena.values.copy()
    pid = os.fork()
    if pid == 0:
        trainer.model.arena.values += 1
        os._exit(0)
    os.waitpid(pid, 0)
    np.testing.assert_array_equal(trainer.model.arena.values, values)


def test_a_worker_that_is_killed_is_reported() -> None:
    before = children()

    def kill() -> None:
        for pid in set(children()) - set(before):
            os.kill(pid, signal.SIGKILL)

    trainer, loader = training(Act(kill))
    with pytest.raises(WorkerError, match=r"worker process \d+ died"):
        trainer.fit(loader, loader, epochs=2)
    assert children() == before


def fail() -> None:
    raise ZeroDivisionError("planted")


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        (fail, ZeroDivisionError, "planted"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), WorkerError, r"worker process \d+ died"),
    ],
)
def test_a_worker_that_does_not_go_on_leaves_the_last_whole_epoch(
    action, error: type[Exception], message: str
) -> None:
    before = children()
    trainer, loader = training()
    assert len(loader) == 9
    trainer.loss = LossOf(action)
    with pytest.raises(error, match=message):
        trainer.fit(loader, loader, epochs=3)
    assert children() == before
    expected, loader = training(workers=1)
    expected.fit(loader, loader, epochs=1)
    np.testing.assert_allclose(state_of(trainer), state_of(expected), rtol=0, atol=1e-12)


def test_an_interrupt_while_the_model_follows_leaves_nothing_half_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = children()
    trainer, loader = training()
    follow, calls = Team._become_whole, []

    def interrupted(team: Team) -> None:
        calls.append(team)
        if len(calls) == 2:
            trainer.model.arena.values[:5] = 7.0
            raise KeyboardInterrupt
        follow(team)

    monkeypatch.setattr(Team, "_become_whole", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(loader, loader, epochs=3)
    assert children() == before
    expected, loader = training(workers=1)
    expected.fit(loader, loader, epochs=2)
    np.testing.assert_allclose(state_of(trainer), state_of(expected), rtol=0, atol=1e-12)


def test_an_error_in_all_is_raised_once() -> None:
    before = children()
    trainer, _ = training()
    x, y = np.zeros((64, 2)), np.zeros(64, int)
    y[40] = 7
    loader = ours.DataLoader(x, y, batch_size=64)
    with pytest.raises(InputError, match="labels from 0 to 1, got 7 at 40"):
        trainer.fit(loader, loader, epochs=1)
    assert children() == before


def test_divergence_stops_all() -> None:
    before = children()
    trainer, loader = training(lr=1e30)
    with pytest.raises(DivergenceError, match=r"loss: expected a finite number"):
        trainer.fit(loader, loader, epochs=5)
    assert children() == before


def test_an_interrupt_ends_the_training_in_order() -> None:
    before = children()
    trainer, loader = training(Act(lambda: os.kill(os.getpid(), signal.SIGINT)))
    trainer.fit(loader, loader, epochs=100)
    assert trainer.interrupted
    assert children() == before


def test_workers_do_not_outlive_a_leader_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, signal\n"
        "from parity_tests.application.test_team import Act, children, training\n"
        "def die():\n"
        f"    pathlib.Path({str(tmp_path / 'pids')!r}).write_text(' '.join(map(str, children())))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "trainer, loader = training(Act(die))\n"
        "trainer.fit(loader, loader, epochs=2)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    workers = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(workers) == 1
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline, "a worker is still there"
        time.sleep(0.05)


def test_workers_must_be_a_positive_number() -> None:
    trainer, _ = training()
    with pytest.raises(InputError, match="workers: expected an integer of at least 1"):
        ours.Trainer(trainer.model, trainer.loss, trainer.optimizer, workers=0)


def test_without_fork_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fork")
    trainer, loader = training()
    with pytest.raises(WorkerError, match="workers=1"):
        trainer.fit(loader, loader, epochs=1)


def test_threads_of_blas_come_back() -> None:
    before = count_blas_threads()
    with blas_threads(3):
        during = count_blas_threads()
    assert during == (3 if before is not None else None)
    assert count_blas_threads() == before
