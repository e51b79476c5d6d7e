"""``python -m benchmarks.catalogue_child SIDE``: time single operations of one library.

Answers in lines of JSON: first that it is ready, then to each question, which is
``[kind, operation, size]``, the seconds of one call.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.cores import keep_to_cores
from parity_tests.cases.catalogue import Declared, catalogue

# How long the calls of one question take together.
_SECONDS = 0.03
# Arguments that are widths, and become those of the work.
_WIDTHS = ("in_features", "out_features", "num_features", "normalized_shape", "num_parameters")
FLOAT32 = np.dtype(np.float32)

Call = Callable[[], Any]


def make_call(side: str, declared: Declared, size: Any) -> Call | None:
    """Return what is timed, or None for an operation that has no size to choose."""
    rng = np.random.default_rng(0)
    arguments = next(iter(declared.variants.values()))
    if declared.kind == "optimizer":
        return _optimizer(side, declared, int(size), rng)
    if declared.kind == "loss":
        return _loss(side, declared, tuple(size), rng)
    if "layers" in arguments:
        return None
    rows, width = size
    arguments = {key: width if key in _WIDTHS else value for key, value in arguments.items()}
    x, grad_output = rng.standard_normal((2, rows, width)).astype(FLOAT32)
    return _layer(side, declared, arguments, x, grad_output)


def _layer(side: str, declared: Declared, arguments: Any, x: Any, grad_output: Any) -> Call:
    case = declared.case
    layer = type(case)(case.operation, {"timed": arguments}).make(
        "timed", np.random.default_rng(0), FLOAT32
    )
    if side == "numpy":
        y, grad_input = np.empty_like(layer(x)), np.empty_like(x)

        def both_ways() -> None:
            layer.forward(x, out=y)
            layer.backward(grad_output, out=grad_input)

        return both_ways

    import torch

    from torch_ref import twin_of

    twin = twin_of(layer)
    tensor, upstream = torch.from_numpy(x).requires_grad_(), torch.from_numpy(grad_output)

    def autograd() -> None:
        for tensors in (tensor, *twin.parameters()):
            tensors.grad = None
        twin(tensor).backward(upstream)

    return autograd


def _loss(side: str, declared: Declared, shape: tuple[int, int], rng: np.random.Generator) -> Call:
    loss = declared.case.make("default", "mean", FLOAT32)
    inputs = declared.case.draw(rng, shape, FLOAT32)
    if side == "numpy":

        def both_ways() -> None:
            loss.forward(*inputs)
            loss.backward()

        return both_ways

    import torch

    from torch_ref import twin_of

    twin = twin_of(loss)
    tensors: Sequence[Any] = [torch.tensor(array) for array in inputs]
    tensors[0].requires_grad_()

    def autograd() -> None:
        tensors[0].grad = None
        twin(*tensors).backward()

    return autograd


def _optimizer(side: str, declared: Declared, size: int, rng: np.random.Generator) -> Call | None:
    from numpy_impl import Linear, Sequential

    if declared.case.formula is None:
        return None  # a rule that asks for the loss again
    arguments = dict(next(iter(declared.variants.values())))
    model = Sequential(Linear(784, size // 784, bias=False, rng=rng))
    model.arena.grads[:] = rng.standard_normal(len(model.arena)).astype(FLOAT32)
    arguments.pop("params", None)
    optimizer = declared.case.operation(model.parameters(), **arguments)
    if side == "numpy":
        return optimizer.step

    from torch_ref import to_torch, twin_of_optimizer

    twin = to_torch(model)
    stepper = twin_of_optimizer(optimizer, twin.named_parameters())
    for parameter in twin.parameters():
        parameter.grad = parameter.detach().clone()
    return stepper.step


def main() -> None:
    """Answer questions until the input ends."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    keep_to_cores()
    side = sys.argv[1]
    declared = {(d.kind, d.operation): d for d in reversed(list(catalogue()))}
    question, call = "", None
    gc.disable()
    print(json.dumps({"ready": True}), file=channel, flush=True)
    for line in sys.stdin:
        if line != question:
            question = line
            kind, operation, size = json.loads(line)
            call = make_call(side, declared[kind, operation], size)
        answer = {"left_out": True} if call is None else {"seconds": seconds_of(call)}
        print(json.dumps(answer), file=channel, flush=True)


def seconds_of(call: Call) -> float:
    """Return the time of one call, over as many as take a measurable time."""
    call()
    start, count = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < _SECONDS:
        call()
        count += 1
    return passed / count


if __name__ == "__main__":
    main()
