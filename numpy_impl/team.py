"""Processes that train one model together, over memory that they share.

Every process has a part of each batch and a gradient of its own. They meet; each adds up its part
of the gradients and updates its part of the parameters; they meet again. This is data-parallel
training with a sharded optimizer, as PyTorch has it in DistributedDataParallel and
ZeroRedundancyOptimizer, on one machine and without a copy of the parameters.

Processes, not threads: a step of a small network is some forty short calls, and threads would
spend it waiting for the interpreter's lock.

References
----------
Rajbhandari et al. (2020), ZeRO, https://arxiv.org/abs/1910.02054
https://docs.pytorch.org/docs/stable/notes/ddp.html
"""

import mmap
import os
import pickle
import signal
import time
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from numpy_impl.arrays import FloatArray, part_of
from numpy_impl.errors import WorkerError
from numpy_impl.model import Sequential
from numpy_impl.optimizers import Optimizer

# How often to look for the others before sleeping until they come; some tenths of a millisecond.
_LOOKS = 2000
# Seconds between looking whether the others are alive.
_PATIENCE = 0.5
# Bytes for an exception on its way to the leader.
_MESSAGE = 65536

_RUN, _STOP, _FAILED = 0, 1, 2


class Team:
    """A leader, which is the process that makes the team, and its workers.

    As a context manager it gives the model and the optimizer back on leaving, with the workers
    ended and nothing shared any more.

    Parameters
    ----------
    size : int
        Number of processes, the leader among them.
    model : Sequential
        Its arena is moved to shared memory.
    optimizer : Optimizer
        So is its state.
    samples : int
        Length of the order of an epoch.

    Attributes
    ----------
    index : int
        Which one this process is: 0 is the leader.
    order : ndarray of int of shape (samples,)
        Shared; written by the leader before `call`.
    losses : ndarray of shape (size,)
        Shared; everyone writes its own entry.

    Raises
    ------
    WorkerError
        If the system has no ``fork``; from `meet`, if a worker died or failed.
    """

    def __init__(self, size: int, model: Sequential, optimizer: Optimizer, samples: int) -> None:
        if not hasattr(os, "fork"):
            raise WorkerError("several workers need a system that can fork; use workers=1 here")
        self.size = size
        self.index = 0
        self._model = model
        self._optimizer = optimizer
        self._workers: list[int] = []
        self._leader = os.getpid()
        self._meetings = 0
        # Imported here because it takes as long as the rest of the library, for those who train.
        import multiprocessing

        context = multiprocessing.get_context("fork")
        # Two for each member, used by turns: who is already on the way to the next meeting must
        # not be counted for this one.
        self._bells = [[context.Semaphore(0) for _ in range(size)] for _ in range(2)]
        self._words = shared_array(2, np.int64)  # what to do, and the length of the message
        self._message = shared_array(_MESSAGE, np.uint8)
        self.order: NDArray[np.intp] = shared_array(samples, np.intp)
        self.losses: NDArray[np.float64] = shared_array(size, np.float64)

    def __enter__(self) -> Self:
        arena = self._model.arena
        self._before = arena.values, arena.grads
        self._grads = shared_array(self.size * len(arena), arena.dtype).reshape(self.size, -1)
        self._grads[0] = arena.grads
        self._total: FloatArray = np.empty_like(arena.grads)
        self._connect(_shared_copy(arena.values), self._grads[0])
        self._optimizer.move_state(_shared_copy)
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

    def meet(self) -> bool:
        """Wait for all others; return whether to go on: False once the leader has left.

        Everything that was written before by anyone can be read after by everyone.
        """
        bells = self._bells[self._meetings % 2]
        self._meetings += 1
        for index, bell in enumerate(bells):
            if index != self.index:
                bell.release()
        for _ in range(self.size - 1):
            self._wait(bells[self.index])
        if self._words[0] == _FAILED and self.index == 0:
            raise self._failure()
        return bool(self._words[0] == _RUN)

    def update(self) -> None:
        """Add up this member's part of all gradients, and update that part of the parameters."""
        part = part_of(self._grads.shape[1], self.index, self.size)
        # The sum goes to memory of one's own: to write where another process writes next would
        # make the two cores hand that memory to and fro.
        total = np.add(self._grads[0, part], self._grads[1, part], out=self._total[part])
        for grads in self._grads[2:]:
            total += grads[part]
        arena = self._model.arena
        own, arena.grads = arena.grads, self._total
        self._optimizer.step(part)
        arena.grads = own

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._words[0] = _STOP
        for bells in self._bells:
            for bell in bells[1:]:
                for _ in range(self.size):
                    bell.release()
        for pid in self._workers:
            _end(pid)
        values, grads = self._before
        np.copyto(values, self._model.arena.values)
        np.sum(self._grads, axis=0, out=grads)
        self._connect(values, grads)
        self._optimizer.move_state(np.copy)

    def _connect(self, values: FloatArray, grads: FloatArray) -> None:
        self._model.arena.values = values
        self._model.arena.grads = grads
        for parameter in self._model.parameters():
            parameter.reconnect()

    def _work(self, serve: Callable[[], None]) -> None:
        """Be a worker, and never return into the leader's program."""
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            self._connect(self._model.arena.values, self._grads[self.index])
            while self.meet():
                serve()
        except BaseException as error:
            self._report(error)
        finally:
            os._exit(0)

    def _report(self, error: BaseException) -> None:
        try:
            message = pickle.dumps(error)
        except Exception:
            message = b""
        if not message or len(message) > _MESSAGE:
            message = pickle.dumps(WorkerError(f"a worker failed: {error!r}"[:1000]))
        self._message[: len(message)] = np.frombuffer(message, np.uint8)
        self._words[:] = _FAILED, len(message)
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
                if self._words[0] == _FAILED:
                    raise self._failure()
                raise WorkerError(f"worker process {pid} died")


def shared_array(length: int, dtype: DTypeLike) -> NDArray[Any]:
    """Return a vector of zeros that processes forked from this one share with it."""
    dtype = np.dtype(dtype)
    return np.frombuffer(mmap.mmap(-1, max(1, length * dtype.itemsize)), dtype, length)


def _shared_copy(vector: FloatArray) -> FloatArray:
    copy = shared_array(len(vector), vector.dtype)
    np.copyto(copy, vector)
    return copy


def _end(pid: int, patience: float = 5.0) -> None:
    """Wait for a child process to end; kill it if it does not."""
    deadline = time.monotonic() + patience
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return
        time.sleep(0.001)
