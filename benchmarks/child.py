"""``python -m benchmarks.child CONTENDER WORK``: be one contender, in a process of its own.

Answers in lines of JSON: first how long the start took, then one answer to each line of input,
which is the number of the epoch to train.
"""

import gc
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO


def _answer(channel: TextIO, **answer: Any) -> None:
    channel.write(json.dumps(answer) + "\n")
    channel.flush()


def main() -> None:
    """Serve one contender until the input ends."""
    # Whatever a library prints must not get among the answers.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    name, path = sys.argv[1:]

    start = time.perf_counter()
    import numpy  # noqa: F401 - its share of the import is the same for all

    from benchmarks.contenders import make
    from benchmarks.work import BATCH_SIZE, Work
    from numpy_impl.app.memory import peak_rss_mb

    common = time.perf_counter() - start
    work = Work.load(Path(path))
    start = time.perf_counter()
    epoch = make(name, work)
    imported = common + time.perf_counter() - start
    gc.collect()
    gc.disable()
    start = time.perf_counter()
    epoch(work.orders[0][:BATCH_SIZE])
    first_step = time.perf_counter() - start
    _answer(channel, import_seconds=imported, first_step_seconds=first_step)
    for line in sys.stdin:
        order = work.orders[int(line)]
        wall, cpu = time.perf_counter(), time.process_time()
        loss = epoch(order)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        _answer(channel, seconds=wall, cpu_seconds=cpu, loss=loss, peak_rss_mb=peak_rss_mb())


if __name__ == "__main__":
    main()
