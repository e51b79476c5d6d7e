"""Faults in losses."""

from parity_tests.faults.fault import Fault

_CROSS_ENTROPY = "numpy_impl.losses.cross_entropy"

FAULTS: tuple[Fault, ...] = (
    Fault(
        "softmax without the max shift",
        _CROSS_ENTROPY,
        "CrossEntropyLoss.forward",
        "np.subtract(logits, sums, out=exponentials)",
        "np.subtract(logits, 0, out=exponentials)",
        ("loss/cross-entropy-mean-labels/float64-huge", "loss/cross-entropy-mean-labels/float32-"),
    ),
    Fault(
        "softmax with one shift for the batch",
        _CROSS_ENTROPY,
        "CrossEntropyLoss.forward",
        "np.maximum.reduce(kept.columns, axis=0, out=sums[:, 0])",
        "sums[:] = logits.max()",
        ("loss/cross-entropy-mean-labels/float64-huge",),
    ),
    Fault(
        "softmax with one shift for the batch, with many classes",
        _CROSS_ENTROPY,
        "CrossEntropyLoss.forward",
        "np.maximum.reduce(logits, axis=1, keepdims=True, out=sums)",
        "sums[:] = logits.max()",
        ("loss/cross-entropy-mean-labels/float64-huge-37",),
    ),
    Fault(
        "softmax over the wrong axis",
        _CROSS_ENTROPY,
        "CrossEntropyLoss.forward",
        "np.dot(exponentials, kept.ones, out=sums[:, 0])",
        "sums[:] = np.add.reduce(exponentials, axis=0)[0]",
        ("loss/cross-entropy-mean-labels/", "formula/cross-entropy-sum-labels"),
    ),
    Fault(
        "missing 1/m in the gradient",
        _CROSS_ENTROPY,
        "CrossEntropyLoss.backward",
        "grad /= len(grad)",
        "pass",
        ("loss/cross-entropy-mean-labels/", "differences/cross-entropy-mean-labels"),
    ),
    Fault(
        "1/m applied twice",
        _CROSS_ENTROPY,
        "CrossEntropyLoss.backward",
        "grad /= len(grad)",
        "grad /= len(grad) ** 2",
        ("loss/cross-entropy-mean-one_hot/", "differences/cross-entropy-mean-probabilities"),
    ),
    Fault(
        "divided by the classes instead of the batch",
        _CROSS_ENTROPY,
        "CrossEntropyLoss.backward",
        "grad /= len(grad)",
        "grad /= grad.shape[1]",
        ("loss/cross-entropy-mean-labels/",),
    ),
    Fault(
        "sum where the mean was asked for",
        _CROSS_ENTROPY,
        "CrossEntropyLoss.forward",
        'total / len(logits) if self.reduction == "mean" else total',
        "total",
        ("loss/cross-entropy-mean-labels/", "formula/cross-entropy-mean-labels"),
    ),
    Fault(
        "probabilities taken to sum to one",
        _CROSS_ENTROPY,
        "CrossEntropyLoss.backward",
        "grad *= targets.sum(axis=1, keepdims=True)",
        "pass",
        ("loss/cross-entropy-mean-unnormalized/", "differences/cross-entropy-sum-unnormalized"),
    ),
    Fault(
        "probabilities clipped before the logarithm",
        _CROSS_ENTROPY,
        "CrossEntropyLoss.forward",
        "if targets.ndim == 1:",
        "np.maximum(shifted, np.log(1e-9), out=shifted)\n    if targets.ndim == 1:",
        ("loss/cross-entropy-mean-labels/float64-huge",),
    ),
    Fault(
        "loss writes to its logits",
        _CROSS_ENTROPY,
        "CrossEntropyLoss.forward",
        "shifted = np.subtract(logits, sums, out=exponentials)",
        "logits -= sums; shifted = np.subtract(logits, 0, out=exponentials)",
        ("loss/cross-entropy-mean-labels/float64-normal",),
    ),
)
