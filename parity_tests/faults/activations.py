"""Faults in activations."""

from parity_tests.faults.fault import Fault

_RELU = "numpy_impl.activations.relu"

FAULTS: tuple[Fault, ...] = (
    Fault(
        "ReLU is the identity",
        _RELU,
        "ReLU.forward_into",
        "np.bitwise_and(x.view(mask.dtype), mask,",
        "np.bitwise_or(x.view(mask.dtype), 0,",
        ("model/relu/", "model/mlp/"),
    ),
    Fault(
        "ReLU is the identity in evaluation",
        _RELU,
        "ReLU.infer_into",
        "np.maximum(x, _ZERO[x.dtype], out=y)",
        "np.add(x, 0, out=y)",
        ("contract/predict/slices",),
    ),
    Fault(
        "ReLU mask from the gradient instead of the input",
        _RELU,
        "ReLU.backward_into",
        "grad_output.view(mask.dtype), mask,",
        "grad_output.view(mask.dtype), -(grad_output > 0).astype(mask.dtype),",
        ("model/relu/", "model/mlp/", "differences/relu"),
    ),
    Fault(
        "ReLU passes gradients everywhere",
        _RELU,
        "ReLU.backward_into",
        "grad_output.view(mask.dtype), mask,",
        "grad_output.view(mask.dtype), -1,",
        ("model/relu/", "differences/mlp"),
    ),
    Fault(
        "relu'(0) = 1",
        _RELU,
        "_Mask.update",
        "np.less_equal",
        "np.less",
        ("model/relu/float64-7x13-mixed", "model/relu/float32-7x13-mixed"),
    ),
    Fault(
        "a mask made anew in every step",
        _RELU,
        "ReLU.forward_into",
        "if self._cache is None or not self._cache.fits(x):",
        "if True:",
        ("contract/training/allocations",),
    ),
)
