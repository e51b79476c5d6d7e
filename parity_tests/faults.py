"""Faults to plant in the library, each with the checks that must notice it.

A fault is a change to the source of one function, as somebody might have written it. Planting it
compiles the changed source in the function's own module and puts the result in its place; a fault
whose text no longer occurs is an error, so the catalogue cannot go stale in silence.
"""

import __future__

import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy_impl


@dataclass(frozen=True)
class Fault:
    """A change to one function.

    Attributes
    ----------
    name : str
        What is wrong.
    module : str
        Where the function is.
    function : str
        Its qualified name.
    old, new : str
        Text that occurs once in the function's source, and what it is replaced by.
    caught_by : tuple of str
        Beginnings of check ids; for each, at least one of the checks must fail.
    """

    name: str
    module: str
    function: str
    old: str
    new: str
    caught_by: tuple[str, ...]


@contextmanager
def planted(fault: Fault) -> Iterator[None]:
    """Replace the function by its faulty version while the context lasts.

    Raises
    ------
    ValueError
        If the text to replace does not occur exactly once.
    """
    # The package loads its names on demand; none of them must be the faulty one.
    for exported in numpy_impl.__all__:
        getattr(numpy_impl, exported)
    module = importlib.import_module(fault.module)
    owner: Any = module
    *path, name = fault.function.split(".")
    for part in path:
        owner = getattr(owner, part)
    original = inspect.getattr_static(owner, name)
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(getattr(owner, name))))
    if source.count(fault.old) != 1:
        raise ValueError(f"{fault.name}: {fault.old!r} occurs {source.count(fault.old)} times")
    namespace: dict[str, Any] = {}
    changed = source.replace(fault.old, fault.new)
    # Annotations may name what is there for type checkers only.
    flags = __future__.annotations.compiler_flag
    code = compile(changed, f"<planted: {fault.name}>", "exec", flags)
    exec(code, module.__dict__, namespace)
    # A function may have been imported by name elsewhere.
    holders = [owner, *(m for m in _our_modules() if owner is module and m is not module)]
    holders = [holder for holder in holders if vars(holder).get(name) is original]
    for holder in holders:
        setattr(holder, name, namespace[name])
    try:
        yield
    finally:
        for holder in holders:
            setattr(holder, name, original)


def _our_modules() -> list[ModuleType]:
    packages = ("numpy_impl", "parity_tests")
    return [m for name, m in sys.modules.items() if name.partition(".")[0] in packages]


_LAYERS, _ACTIVATIONS = "numpy_impl.layers", "numpy_impl.activations"
_LOSSES, _OPTIMIZERS = "numpy_impl.losses", "numpy_impl.optimizers"
_LOADER, _MODEL = "numpy_impl.data.loader", "numpy_impl.model"
_PARAMETERS, _TRAINING = "numpy_impl.parameters", "numpy_impl.training"
_TEAM, _SPLIT = "numpy_impl.team", "numpy_impl.split"

FAULTS: tuple[Fault, ...] = (
    # Linear
    Fault(
        "forward without bias",
        _LAYERS,
        "Linear.infer_into",
        "np.add(y, self.bias.data, out=y)",
        "pass",
        ("model/linear/", "model/mlp/float32"),
    ),
    Fault(
        "missing .T in the weight gradient",
        _LAYERS,
        "Linear.backward_into",
        "np.dot(x_rows.T, grad_rows, out=self.weight.grad.T)",
        "self.weight.grad[:] = (x_rows.T @ grad_rows).reshape(outputs, inputs)",
        ("model/linear/", "model/lesson-mlp/", "differences/linear"),
    ),
    Fault(
        "weights transposed on the way back",
        _LAYERS,
        "Linear.backward_into",
        "np.dot(grad_rows, self.weight.data, out=",
        "np.dot(grad_rows, self.weight.data.T.reshape(outputs, inputs), out=",
        ("model/linear/", "differences/mlp"),
    ),
    Fault(
        "bias gradient over the wrong axis",
        _LAYERS,
        "Linear.backward_into",
        "sum_rows(grad_rows, out=self.bias.grad)",
        "self.bias.grad[...] = np.resize(grad_rows.sum(axis=1), outputs)",
        ("model/linear/", "model/deep-mlp/", "differences/linear"),
    ),
    Fault(
        "bias gradient collapsed to one number",
        _LAYERS,
        "Linear.backward_into",
        "sum_rows(grad_rows, out=self.bias.grad)",
        "self.bias.grad[...] = grad_rows.sum()",
        ("model/linear/", "model/lesson-mlp/"),
    ),
    Fault(
        "rows added up one after the other",
        _LAYERS,
        "sum_rows",
        "total = sum_rows(np.matmul(ones[:_ROWS_PER_SUM], whole), out=out)",
        "total = np.add.reduce(rows[: batch - rest], axis=0, out=out)",
        ("sum-rows/accuracy",),
    ),
    Fault(
        "a short block forgotten",
        _LAYERS,
        "sum_rows",
        "if rest:",
        "if False:",
        ("model/lesson-mlp/", "sum-rows/accuracy"),
    ),
    Fault(
        "gradient divided by the batch once more",
        _LAYERS,
        "Linear.backward_into",
        "np.dot(grad_rows, self.weight.data, out=",
        "np.dot(grad_rows / len(grad_rows), self.weight.data, out=",
        ("model/linear/", "differences/mlp"),
    ),
    Fault(
        "gradients added instead of overwritten",
        _LAYERS,
        "Linear.backward_into",
        "if accumulate:",
        "if True:",
        ("contract/mlp/accumulate", "model/linear/"),
    ),
    Fault(
        "accumulate ignored",
        _LAYERS,
        "Linear.backward_into",
        "if accumulate:",
        "if False:",
        ("contract/linear/accumulate",),
    ),
    Fault(
        "input gradient computed unasked",
        _LAYERS,
        "Layer.backward",
        "if need_input_grad:",
        "if True:",
        ("contract/linear/input-gradient",),
    ),
    Fault(
        "evaluation overwrites what backward remembers",
        _LAYERS,
        "Layer.forward",
        "if not self.training:",
        "if False:",
        ("contract/linear/evaluation-mode", "contract/mlp/evaluation-mode"),
    ),
    Fault(
        "forward writes to its argument",
        _LAYERS,
        "Linear._as_input",
        'check_features("x", x, self.weight.shape[1])',
        "x -= 1e-9",
        ("layout/linear/",),
    ),
    # ReLU
    Fault(
        "ReLU is the identity",
        _ACTIVATIONS,
        "ReLU.forward_into",
        "np.bitwise_and(x.view(mask.dtype), mask,",
        "np.bitwise_or(x.view(mask.dtype), 0,",
        ("model/relu/", "model/mlp/"),
    ),
    Fault(
        "ReLU is the identity in evaluation",
        _ACTIVATIONS,
        "ReLU.infer_into",
        "np.maximum(x, _ZERO[x.dtype], out=y)",
        "np.add(x, 0, out=y)",
        ("contract/predict/slices",),
    ),
    Fault(
        "ReLU mask from the gradient instead of the input",
        _ACTIVATIONS,
        "ReLU.backward_into",
        "grad_output.view(mask.dtype), mask,",
        "grad_output.view(mask.dtype), -(grad_output > 0).astype(mask.dtype),",
        ("model/relu/", "model/mlp/", "differences/relu"),
    ),
    Fault(
        "ReLU passes gradients everywhere",
        _ACTIVATIONS,
        "ReLU.backward_into",
        "grad_output.view(mask.dtype), mask,",
        "grad_output.view(mask.dtype), -1,",
        ("model/relu/", "differences/mlp"),
    ),
    Fault(
        "relu'(0) = 1",
        _ACTIVATIONS,
        "_Mask.update",
        "np.less_equal",
        "np.less",
        ("model/relu/float64-7x13-mixed", "model/relu/float32-7x13-mixed"),
    ),
    Fault(
        "ReLU hands out a buffer it goes on using",
        _LAYERS,
        "Layer.forward",
        "y = prepare_out(out, self._output_shape(x.shape), x.dtype, x)",
        "y = prepare_out(out, x.shape, x.dtype) if out is not None else x",
        ("contract/relu/ownership", "layout/relu/"),
    ),
    # CrossEntropyLoss
    Fault(
        "softmax without the max shift",
        _LOSSES,
        "CrossEntropyLoss.forward",
        "np.subtract(logits, sums, out=exponentials)",
        "np.subtract(logits, 0, out=exponentials)",
        ("loss/cross-entropy-mean-labels/float64-huge", "loss/cross-entropy-mean-labels/float32-"),
    ),
    Fault(
        "softmax with one shift for the batch",
        _LOSSES,
        "CrossEntropyLoss.forward",
        "np.maximum.reduce(kept.columns, axis=0, out=sums[:, 0])",
        "sums[:] = logits.max()",
        ("loss/cross-entropy-mean-labels/float64-huge",),
    ),
    Fault(
        "softmax with one shift for the batch, with many classes",
        _LOSSES,
        "CrossEntropyLoss.forward",
        "np.maximum.reduce(logits, axis=1, keepdims=True, out=sums)",
        "sums[:] = logits.max()",
        ("loss/cross-entropy-mean-labels/float64-huge-37",),
    ),
    Fault(
        "softmax over the wrong axis",
        _LOSSES,
        "CrossEntropyLoss.forward",
        "np.dot(exponentials, kept.ones, out=sums[:, 0])",
        "sums[:] = np.add.reduce(exponentials, axis=0)[0]",
        ("loss/cross-entropy-mean-labels/", "formula/cross-entropy-sum-labels"),
    ),
    Fault(
        "missing 1/m in the gradient",
        _LOSSES,
        "CrossEntropyLoss.backward",
        "grad /= len(grad)",
        "pass",
        ("loss/cross-entropy-mean-labels/", "differences/cross-entropy-mean-labels"),
    ),
    Fault(
        "1/m applied twice",
        _LOSSES,
        "CrossEntropyLoss.backward",
        "grad /= len(grad)",
        "grad /= len(grad) ** 2",
        ("loss/cross-entropy-mean-one_hot/", "differences/cross-entropy-mean-probabilities"),
    ),
    Fault(
        "divided by the classes instead of the batch",
        _LOSSES,
        "CrossEntropyLoss.backward",
        "grad /= len(grad)",
        "grad /= grad.shape[1]",
        ("loss/cross-entropy-mean-labels/",),
    ),
    Fault(
        "sum where the mean was asked for",
        _LOSSES,
        "CrossEntropyLoss.forward",
        'total / len(logits) if self.reduction == "mean" else total',
        "total",
        ("loss/cross-entropy-mean-labels/", "formula/cross-entropy-mean-labels"),
    ),
    Fault(
        "probabilities taken to sum to one",
        _LOSSES,
        "CrossEntropyLoss.backward",
        "grad *= targets.sum(axis=1, keepdims=True)",
        "pass",
        ("loss/cross-entropy-mean-unnormalized/", "differences/cross-entropy-sum-unnormalized"),
    ),
    Fault(
        "probabilities clipped before the logarithm",
        _LOSSES,
        "CrossEntropyLoss.forward",
        "if targets.ndim == 1:",
        "np.maximum(shifted, np.log(1e-9), out=shifted)\n    if targets.ndim == 1:",
        ("loss/cross-entropy-mean-labels/float64-huge",),
    ),
    Fault(
        "loss writes to its logits",
        _LOSSES,
        "CrossEntropyLoss.forward",
        "shifted = np.subtract(logits, sums, out=exponentials)",
        "logits -= sums; shifted = np.subtract(logits, 0, out=exponentials)",
        ("loss/cross-entropy-mean-labels/float64-normal",),
    ),
    # Optimizers
    Fault(
        "Adam without bias correction",
        _OPTIMIZERS,
        "Adam._update",
        "lr * root_correction2 / correction1",
        "lr",
        ("optimizer/adam/", "formula/adam/", "optimizer/adamw/float32-1", "lockstep/adam/float64"),
    ),
    Fault(
        "Adam's second moment without bias correction",
        _OPTIMIZERS,
        "Adam._update",
        "math.sqrt(1 - beta2**run.steps)",
        "1.0",
        ("optimizer/adam/float64-1",),
    ),
    Fault(
        "eps not scaled with the correction",
        _OPTIMIZERS,
        "Adam._update",
        "self._number(eps * root_correction2)",
        "self._number(eps)",
        ("optimizer/adam/", "optimizer/adam-eps/float32-10", "formula/adam/"),
    ),
    Fault(
        "eps inside the root",
        _OPTIMIZERS,
        "Adam._update",
        "np.sqrt(exp_avg_sq, out=scratch)\n        scratch += scaled_eps",
        "np.sqrt(exp_avg_sq + scaled_eps * root_correction2, out=scratch)",
        ("optimizer/adam/", "optimizer/adam-eps/", "formula/adam/"),
    ),
    Fault(
        "step number off by one",
        _OPTIMIZERS,
        "Adam._update",
        "correction1 = 1 - beta1**run.steps",
        "correction1 = 1 - beta1 ** (run.steps + 1)",
        ("optimizer/adam/float64-1",),
    ),
    Fault(
        "means of rounded decay, corrected for the exact one",
        _OPTIMIZERS,
        "Adam._update",
        "math.sqrt(1 - beta2**run.steps)",
        'math.sqrt(1 - group["betas"][1] ** run.steps)',
        ("lockstep/adam/float32",),
    ),
    Fault(
        "AdamW with coupled weight decay",
        _OPTIMIZERS,
        "Adam._update",
        "if weight_decay and self.decoupled:",
        "if False:",
        ("optimizer/adamw-weight-decay/", "optimizer/adamw/float64-1"),
    ),
    Fault(
        "weight decay not scaled by lr",
        _OPTIMIZERS,
        "Adam._update",
        "value *= 1 - lr * weight_decay",
        "value *= 1 - weight_decay",
        ("optimizer/adamw/",),
    ),
    Fault(
        "momentum as a moving average",
        _OPTIMIZERS,
        "SGD._update",
        "buffer += direction",
        "buffer += (1 - momentum) * direction",
        ("optimizer/sgd-momentum/float64-10",),
    ),
    Fault(
        "first step dampened",
        _OPTIMIZERS,
        "SGD._update",
        'if group["dampening"] and not run.fresh:',
        'if group["dampening"]:',
        ("optimizer/sgd-dampening/float64-1",),
    ),
    Fault(
        "Nesterov that is plain momentum",
        _OPTIMIZERS,
        "SGD._update",
        'if group["nesterov"]:',
        "if False:",
        ("optimizer/sgd-nesterov/", "formula/sgd-nesterov/"),
    ),
    Fault(
        "weight decay for every group",
        _OPTIMIZERS,
        "decay_groups",
        '"params": vectors, "weight_decay": 0.0',
        '"params": vectors, "weight_decay": weight_decay',
        ("groups/decay",),
    ),
    # Data
    Fault(
        "labels shuffled apart from images",
        _LOADER,
        "DataLoader.batches",
        "targets = self._targets[rows]",
        "targets = self._targets[rows if order is None else np.sort(rows)]",
        ("loader/pairing",),
    ),
    Fault(
        "the same order every epoch",
        _LOADER,
        "DataLoader.draw_order",
        "self._rng.permutation(self.samples)",
        "np.random.default_rng(0).permutation(self.samples)",
        ("loader/pairing",),
    ),
    Fault(
        "last batch always dropped",
        _LOADER,
        "DataLoader.__len__",
        "rest and not self.drop_last",
        "False",
        ("loader/batches", "loader/pairing"),
    ),
    Fault(
        "pixels not scaled",
        _LOADER,
        "DataLoader._fill",
        "target *= self._scale",
        "pass",
        ("loader/pixels",),
    ),
    Fault(
        "the same rows again in a long batch",
        _LOADER,
        "DataLoader._fill",
        "np.take(self._inputs, rows[part],",
        "np.take(self._inputs, rows[: len(target)],",
        ("loader/pixels",),
    ),
    Fault(
        "the same rows again in a long batch that is not shuffled",
        _LOADER,
        "DataLoader._fill",
        "self._inputs[rows][part]",
        "self._inputs[rows][: len(target)]",
        ("loader/pixels",),
    ),
    # Models, memory, copies
    Fault(
        "gradients of a workspace in the wrong buffers",
        _MODEL,
        "Sequential.backward",
        "reversed(inner[:-1])",
        "inner[:-1]",
        ("contract/training/workspace",),
    ),
    Fault(
        "whole buffers for a short batch",
        _MODEL,
        "Workspace.first",
        "rows == self.batch_size",
        "rows <= self.batch_size",
        ("contract/training/workspace",),
    ),
    Fault(
        "out ignored",
        _LAYERS,
        "Layer.backward",
        "prepare_out(out,",
        "prepare_out(None,",
        ("contract/linear/out", "contract/mlp/out"),
    ),
    Fault(
        "weights from a generator of their own",
        _MODEL,
        "mlp",
        "kaiming_normal_(layer.weight.data, rng=rng)",
        "kaiming_normal_(layer.weight.data, rng=np.random.default_rng())",
        ("contract/training/same-seed",),
    ),
    Fault(
        "a single sample is written elsewhere",
        _MODEL,
        "Sequential.predict",
        "self._predict_into(rows[0], result[0], widths)",
        "self._predict_into(rows[0], result[0].copy(), widths)",
        ("contract/predict/slices",),
    ),
    Fault(
        "predict forgets the last slice",
        _MODEL,
        "Sequential.predict",
        "range(0, count, step)",
        "range(0, count - step + 1, step)",
        ("contract/predict/slices",),
    ),
    Fault(
        "copied parameters lose their arena",
        _PARAMETERS,
        "Parameter._connect",
        "self._data = self.of(arena.values)",
        "self._data = self.of(arena.values).copy()",
        ("contract/linear/copies", "contract/training/plain-step"),
    ),
    Fault(
        "stale gradients: the optimizer steps before the backward pass",
        _TRAINING,
        "Trainer.step",
        "_, grads = workspace.first(len(inputs))",
        "self.optimizer.step(); _, grads = workspace.first(len(inputs))",
        ("contract/training/plain-step", "contract/training/workspace"),
    ),
    Fault(
        "a mask made anew in every step",
        _ACTIVATIONS,
        "ReLU.forward_into",
        "if self._cache is None or not self._cache.fits(x):",
        "if True:",
        ("contract/training/allocations",),
    ),
    Fault(
        "moments left to decay into subnormal numbers",
        _OPTIMIZERS,
        "Adam._update",
        "run.steps % _STEPS_PER_FLUSH == 0",
        "False",
        ("contract/training/subnormal",),
    ),
    Fault(
        "the last block of a vector not updated",
        _OPTIMIZERS,
        "Optimizer._blocks",
        "range(0, len(run), _BLOCK)",
        "range(0, max(1, len(run) - _BLOCK), _BLOCK)",
        ("optimizer/long-vectors",),
    ),
    # Several workers
    Fault(
        "the second worker's outputs forgotten",
        _TEAM,
        "Team.add_up",
        "np.add(slots[0], slots[1], out=out)",
        "np.add(slots[0], 0 * slots[1], out=out)",
        ("contract/training/workers",),
    ),
    Fault(
        "the third worker's outputs forgotten",
        _TEAM,
        "Team.add_up",
        "out += slot",
        "pass",
        ("contract/training/workers",),
    ),
    Fault(
        "gradients between layers not added up",
        _SPLIT,
        "Exchange.backward_into",
        "self._backward(grad_output, grad_input)",
        "np.copyto(grad_input, grad_output)",
        ("contract/training/workers",),
    ),
    Fault(
        "gradients for a layer below the first pair not added up",
        _SPLIT,
        "narrow",
        "if position > 0:",
        "if position != pairs[0].first:",
        ("contract/training/workers",),
    ),
    Fault(
        "every worker adds the bias",
        _SPLIT,
        "narrow",
        "has_bias and member == 0, True",
        "has_bias, True",
        ("contract/training/workers",),
    ),
    Fault(
        "two workers with the same units",
        _SPLIT,
        "narrow",
        "part_of(outputs, member, members)",
        "part_of(outputs, 0, members)",
        ("contract/training/workers",),
    ),
    Fault(
        "the workers' state stays behind",
        _TEAM,
        "Team._give_share",
        "if share.gives:",
        "if share.gives and self.index == 0:",
        ("contract/training/workers",),
    ),
    Fault(
        "the model does not follow",
        _TEAM,
        "Team._become_whole",
        "np.copyto(view, given[key])",
        "pass",
        ("contract/training/workers",),
    ),
)
