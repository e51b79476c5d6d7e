"""``python -m benchmarks.child KIND CONTENDER WORK``: be one contender, in a process of its own.

Answers in lines of JSON: first how long the start took, then one answer to each line of input. With
the kind ``train`` that line is the number of the epoch to train; with ``predict`` it is how many
predictions to make of how many rows, ``CALLS ROWS``.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from benchmarks.cores import keep_to_cores

Answer = dict[str, Any]


def _answer(channel: TextIO, answer: Answer) -> None:
    channel.write(json.dumps(answer) + "\n")
    channel.flush()


def _timed(function: Callable[[], Any]) -> tuple[Answer, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"seconds": wall, "cpu_seconds": cpu}, result


def family_peak_rss_mb() -> float:
    """Return the peak memory of this process and its children, in MB of 10^6 bytes.

    Pages that they share are counted in each of them.
    """
    from numpy_impl.app.memory import peak_rss_mb

    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    statuses = [Path("/proc/self/status"), *(Path(f"/proc/{pid}/status") for pid in pids)]
    return sum(peak_rss_mb(status) or 0.0 for status in statuses)


def _training(name: str, path: Path) -> tuple[Callable[[], Any], Callable[[str], Answer]]:
    from benchmarks.contenders import make
    from benchmarks.work import Work

    work = Work.load(path)
    epoch = make(name, work)

    def answer(line: str) -> Answer:
        order = work.orders[int(line)]
        times, loss = _timed(lambda: epoch(order))
        return {**times, "loss": loss, "peak_rss_mb": family_peak_rss_mb()}

    return lambda: epoch(work.orders[0][: work.batch_size]), answer


def _prediction(name: str, path: Path) -> tuple[Callable[[], Any], Callable[[str], Answer]]:
    from benchmarks.contenders import make_predict
    from benchmarks.work import Work, log_probabilities

    work = Work.load(path)
    predict = make_predict(name, work)

    def repeat(x: Any, calls: int) -> Any:
        for _ in range(calls):
            outputs = predict(x)
        return outputs

    def answer(line: str) -> Answer:
        calls, rows = map(int, line.split())
        x = work.inputs(rows)
        times, outputs = _timed(lambda: repeat(x, calls))
        per_call = {name: seconds / calls for name, seconds in times.items()}
        outputs = log_probabilities(outputs)
        # One number that is the same for equal outputs, as the loss is in training.
        return {**per_call, "loss": float(-outputs.mean()), "peak_rss_mb": family_peak_rss_mb()}

    return lambda: predict(work.inputs(1)), answer


def main() -> None:
    """Serve one contender until the input ends."""
    # Whatever a library prints must not get among the answers.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    keep_to_cores()
    kind, name, path = sys.argv[1:]
    kinds = {"train": _training, "predict": _prediction}
    start = time.perf_counter()
    first, answer = kinds[kind](name, Path(path))
    ready = time.perf_counter() - start
    gc.collect()
    gc.disable()
    times, _ = _timed(first)
    _answer(channel, {"import_seconds": ready, "first_step_seconds": times["seconds"]})
    for line in sys.stdin:
        _answer(channel, answer(line))


if __name__ == "__main__":
    main()
