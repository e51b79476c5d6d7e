"""Softmax and its logarithm."""

from __future__ import annotations

import numpy as np

from numpy_impl.arrays import FloatArray


def log_softmax(logits: FloatArray) -> FloatArray:
    r"""Return the logarithm of softmax over the last axis, by log-sum-exp.

    .. math:: \log p_k = z_k - \max z - \log \sum_j e^{z_j - \max z}

    Subtracting the largest logit leaves the result as it is and every exponent at most zero, so
    nothing overflows; and no probability is ever formed whose logarithm could be infinite.

    Parameters
    ----------
    logits : ndarray of shape (..., classes)

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html
    """
    shifted: FloatArray = logits - logits.max(axis=-1, keepdims=True)
    log_p: FloatArray = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return log_p
