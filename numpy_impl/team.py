"""Processes that train one model together, each a narrower one of its own (see `split`).

Every process takes every batch. They meet to add up the outputs of the layers that are cut, and at
the end of each epoch, when everyone copies its parameters and its part of the optimizer's state to
memory that all share, and the leader from there to the model. In between, what a process works on
stays in the cache of its own core: that is what makes them fast.

Processes, not threads: a step of a small network is some forty short calls, and threads would
spend it waiting for the interpreter's lock.
"""

import mmap
import os
import pickle
import signal
import time
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from numpy_impl.arrays import FloatArray
from numpy_impl.errors import WorkerError
from numpy_impl.model import Sequential
from numpy_impl.optimizers import Optimizer
from numpy_impl.parameters import Parameter
from numpy_impl.split import exchanged_width, find_pairs, narrow

# How often to look for the others before sleeping until they come; some tenths of a millisecond.
_LOOKS = 2000
# Seconds between looking whether the others are alive.
_PATIENCE = 0.5
# Bytes for an exception on its way to the leader, and for settings on their way to the workers.
_MESSAGE = 65536

_RUN, _STOP, _ABANDON, _FAILED = range(4)


class _Stopped(Exception):  # noqa: N818 - not an error: the leader has ended the training
    """Raised in a worker whose leader does not come to a meeting any more."""


class Team:
    """A leader, which is the process that makes the team, and its workers.

    The whole model and its optimizer follow at the end of each epoch, and when the team, as a
    context manager, is left: they are then as after the last step or, if one was left in the
    middle, as they were at the end of the last epoch. The workers have ended then.

    Parameters
    ----------
    size : int
        Number of processes, the leader among them.
    model : Sequential
        It can be cut for so many, see `split.find_pairs`.
    optimizer : Optimizer
        Each entry's update must depend on that entry alone.
    batch_size, samples : int
        Largest batch, and length of the order of an epoch.

    Attributes
    ----------
    index : int
        Which one this process is: 0 is the leader.
    order : ndarray of int of shape (samples,)
        Shared; written by the leader before a meeting.
    model, optimizer
        This member's own, after `start`.
    in_step : bool
        Set by the leader while it is inside a step.

    Raises
    ------
    WorkerError
        If the system has no ``fork``; from `meet` and on leaving, if a worker died.
    """

    def __init__(
        self, size: int, model: Sequential, optimizer: Optimizer, *, batch_size: int, samples: int
    ) -> None:
        if not hasattr(os, "fork"):
            raise WorkerError("several workers need a system that can fork; use workers=1 here")
        self.size = size
        self.index = 0
        self.in_step = False
        self._all_given = False
        self._whole_model = model
        self._whole_optimizer = optimizer
        self._workers: list[int] = []
        self._leader = os.getpid()
        self._meetings = 0
        # Imported here because it takes as long as the rest of the library, for those who train.
        import multiprocessing

        context = multiprocessing.get_context("fork")
        # Two for each member, used by turns: who is already on the way to the next meeting must
        # not be counted for this one. What is exchanged at a meeting has two places likewise.
        self._bells = [[context.Semaphore(0) for _ in range(size)] for _ in range(2)]
        # What to do, together with the number of the meeting from which on: one word, so that
        # nobody reads one of the two without the other. And the length of the message.
        self._words = shared_array(2, np.int64)
        self._message = shared_array(_MESSAGE, np.uint8)
        self._settings = _settings_of(optimizer)
        self._posts = shared_array(2 * _MESSAGE, np.uint8).reshape(2, -1)
        self._post_lengths = shared_array(2, np.int64)
        self.order: NDArray[np.intp] = shared_array(samples, np.intp)
        self._pairs = find_pairs(model, size)
        width = exchanged_width(model, self._pairs)
        self._slots = shared_array(2 * size * batch_size * width, model.dtype)
        self._slots = self._slots.reshape(2, size, -1)
        # What members give back: a shared array for each tensor of each parameter.
        self._given = {
            parameter.name: {
                key: shared_array(view.size, view.dtype).reshape(view.shape, order="F")
                for key, view in _tensors(optimizer, parameter).items()
            }
            for parameter in model.parameters()
        }

    def __enter__(self) -> Self:
        return self

    def start(self, serve: Callable[[], None]) -> None:
        """Fork the workers. Each of them serves once whenever the leader comes to a meeting."""
        for index in range(1, self.size):
            with warnings.catch_warnings():
                # Python 3.12 warns of threads, and BLAS has some; it looks after them in a fork.
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
            if pid == 0:
                self.index = index
                self._work(serve)
            self._workers.append(pid)
        self._take_share()

    def meet(self) -> None:
        """Wait for all others.

        Everything that was written before by anyone can be read after by everyone, and what the
        leader's optimizer was set to before holds for all.

        In a worker whose leader is not coming it does not return, but ends the worker's work.
        """
        number = self._meetings
        turn = number % 2
        self._meetings += 1
        if self.index == 0:
            self._post_settings(turn)
        bells = self._bells[turn]
        for index, bell in enumerate(bells):
            if index != self.index:
                bell.release()
        for _ in range(self.size - 1):
            self._wait(bells[self.index])
        what, since = self._orders()
        if what != _RUN:
            if self.index == 0:
                raise self._failure()
            # The leader may have been here, and have gone on and stopped since.
            if number >= since:
                raise _Stopped
        if self._post_lengths[turn]:
            self._take_settings(turn)

    def add_up(self, own: FloatArray, out: FloatArray) -> None:
        """Meet, and write to `out` the sum of what every member brought, in the same order."""
        slots = self._slots[self._meetings % 2, :, : own.size].reshape(self.size, *own.shape)
        slots[self.index] = own
        self.meet()
        np.add(slots[0], slots[1], out=out)
        for slot in slots[2:]:
            out += slot

    def collect(self) -> None:
        """Let everyone give back its share; the leader's whole model and optimizer follow."""
        # Until all is there, nothing of the whole changes.
        self.in_step = True
        self._give_share()
        self.meet()
        self._all_given = True
        if self.index == 0:
            self._become_whole()
        self._all_given = self.in_step = False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Workers are in the next step by now, at the first meeting at the latest, and have not
        # changed anything there. In a step of the leader they may be ahead of it or behind.
        whole = not self.in_step and self._orders()[0] == _RUN
        self._order(_STOP if whole else _ABANDON, since=self._meetings if whole else 0)
        for bells in self._bells:
            for bell in bells[1:]:
                for _ in range(self.size):
                    bell.release()
        statuses = {pid: _end(pid) for pid in self._workers}
        if whole and statuses:
            for pid, status in statuses.items():
                if status != 0 and error is None:
                    raise WorkerError(f"worker process {pid} died")
            if not any(statuses.values()):
                self._give_share()
                self._become_whole()
        elif self._all_given:
            # Interrupted while the whole followed: let it follow to the end.
            self._become_whole()

    def _take_share(self) -> None:
        self.model, self._shares = narrow(
            self._whole_model, self._pairs, self.index, self.size, self.add_up
        )
        own = {share.whole.name: share.own for share in self._shares}
        self.optimizer = self._whole_optimizer.over(own)
        for share in self._shares:
            whole = _tensors(self._whole_optimizer, share.whole)
            for key, view in _tensors(self.optimizer, share.own).items():
                np.copyto(view, whole[key][share.place])
            self.optimizer.copy_steps(share.own, self._whole_optimizer, share.whole)

    def _give_share(self) -> None:
        for share in self._shares:
            if share.gives:
                given = self._given[share.whole.name]
                for key, view in _tensors(self.optimizer, share.own).items():
                    given[key][share.place] = view

    def _become_whole(self) -> None:
        for share in self._shares:
            given = self._given[share.whole.name]
            for key, view in _tensors(self._whole_optimizer, share.whole).items():
                np.copyto(view, given[key])
            self._whole_optimizer.copy_steps(share.whole, self.optimizer, share.own)

    def _post_settings(self, turn: int) -> None:
        """Tell the others, at this meeting, if settings have changed since the last one."""
        self._post_lengths[turn] = 0
        settings = _settings_of(self._whole_optimizer)
        if settings != self._settings:
            self._settings = settings
            post = pickle.dumps(settings)
            self._posts[turn, : len(post)] = np.frombuffer(post, np.uint8)
            self._post_lengths[turn] = len(post)

    def _take_settings(self, turn: int) -> None:
        settings = pickle.loads(self._posts[turn, : self._post_lengths[turn]].tobytes())
        for group, changed in zip(self.optimizer.param_groups, settings, strict=True):
            group.update(changed)

    def _work(self, serve: Callable[[], None]) -> NoReturn:
        """Be a worker, and never return into the leader's program."""
        status = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            self._take_share()
            while True:
                self.meet()
                serve()
        except _Stopped:
            if self._orders()[0] == _STOP:
                self._give_share()
                status = 0
        except BaseException as error:
            self._report(error)
        finally:
            os._exit(status)

    def _order(self, what: int, *, since: int) -> None:
        self._words[0] = 4 * since + what

    def _orders(self) -> tuple[int, int]:
        """Return what to do, and the number of the meeting from which on."""
        since, what = divmod(int(self._words[0]), 4)
        return what, since

    def _report(self, error: BaseException) -> None:
        try:
            message = pickle.dumps(error)
        except Exception:
            message = b""
        if not message or len(message) > _MESSAGE:
            message = pickle.dumps(WorkerError(f"a worker failed: {error!r}"[:1000]))
        self._message[: len(message)] = np.frombuffer(message, np.uint8)
        self._words[1] = len(message)
        self._order(_FAILED, since=0)
        for bells in self._bells:
            bells[0].release()

    def _failure(self) -> BaseException:
        failure: BaseException = pickle.loads(self._message[: self._words[1]].tobytes())
        return failure

    def _wait(self, bell: Any) -> None:
        for _ in range(_LOOKS):
            if bell.acquire(False):
                return
        while not bell.acquire(True, _PATIENCE):
            self._check_alive()

    def _check_alive(self) -> None:
        if self.index > 0:
            if os.getppid() != self._leader:
                os._exit(1)
            return
        for pid in self._workers:
            if os.waitpid(pid, os.WNOHANG) != (0, 0):
                self._workers.remove(pid)
                if self._orders()[0] == _FAILED:
                    raise self._failure()
                raise WorkerError(f"worker process {pid} died")


def shared_array(length: int, dtype: DTypeLike) -> NDArray[Any]:
    """Return a vector of zeros that processes forked from this one share with it."""
    dtype = np.dtype(dtype)
    return np.frombuffer(mmap.mmap(-1, max(1, length * dtype.itemsize)), dtype, length)


def _tensors(optimizer: Optimizer, parameter: Parameter) -> dict[str, FloatArray]:
    """Return all that belongs to a parameter, as views in its shape."""
    return {
        "data": parameter.data,
        "grad": parameter.grad,
        **optimizer.state_of(parameter),
    }


def _settings_of(optimizer: Optimizer) -> list[dict[str, Any]]:
    """Return the hyperparameters of every group."""
    return [
        {key: value for key, value in group.items() if key != "params"}
        for group in optimizer.param_groups
    ]


def _end(pid: int, patience: float = 5.0) -> int:
    """Wait for a child process to end, kill it if it does not, and return its status."""
    deadline = time.monotonic() + patience
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            return os.waitpid(pid, 0)[1]
        time.sleep(0.001)
