"""A network without a hidden layer."""

import numpy as np

from numpy_impl.arrays import FloatArray, IntArray, check_number, check_positive_int
from numpy_impl.baselines.classifier import Classifier
from numpy_impl.elementwise import quiet
from numpy_impl.errors import InputError
from numpy_impl.layers.linear import Linear, linear
from numpy_impl.losses import CrossEntropyLoss
from numpy_impl.optimizers import LBFGS


class SoftmaxRegression(Classifier):
    r"""Choose by a weighted sum of the features; the weights minimize the cross-entropy.

    .. math:: s(x) = W x + b, \qquad
        \min_{W, b}\; -\frac1N \sum_{i} \log \operatorname{softmax}(s(x_i))_{y_i}
        + \frac{\alpha}{2} \lVert W \rVert^2

    It is the network without its hidden layer: what the hidden layer is worth is the distance to
    this. The loss is convex. So there is one minimum, found from zero by L-BFGS on all samples at
    once, without a learning rate and without chance.

    Parameters
    ----------
    alpha : float, default 1e-4
        Weight of the penalty, at least 0.
    max_iter : int, default 100
        Iterations of L-BFGS, which ends sooner at the minimum.

    Attributes
    ----------
    weight : ndarray of shape (classes, features)
        W.
    bias : ndarray of shape (classes,)
        b.

    Raises
    ------
    InputError
        If `alpha` is negative or `max_iter` not a positive integer; in `fit`, if L-BFGS diverges,
        as it may with features of 1e100.

    References
    ----------
    https://scikit-learn.org/stable/modules/generated/sklearn.linear_model.LogisticRegression.html,
    whose C is 1 / (alpha N)
    """

    weight: FloatArray
    bias: FloatArray

    def __init__(self, alpha: float = 1e-4, max_iter: int = 100) -> None:
        self.alpha = check_number("alpha", alpha)
        self.max_iter = check_positive_int("max_iter", max_iter)

    def _fit(self, x: FloatArray, codes: IntArray, classes: int) -> None:
        layer = Linear(x.shape[1], classes, rng=None, dtype=x.dtype)
        weight, bias = layer.parameters()
        loss = CrossEntropyLoss()
        optimizer = LBFGS(layer.parameters(), max_iter=self.max_iter, line_search_fn="strong_wolfe")

        def closure() -> float:
            value = float(loss(layer(x), codes))
            layer.backward(loss.backward(), need_input_grad=False)
            weight.grad += self.alpha * weight.data
            return value + self.alpha / 2 * float(np.sum(np.square(weight.data)))

        # What overflows is seen in the end.
        with quiet():
            optimizer.step(closure)
        if not (np.isfinite(weight.data).all() and np.isfinite(bias.data).all()):
            raise InputError(
                "x",
                "features of a moderate size (standardize them)",
                f"up to {np.abs(x).max():.1e}",
            )
        self.weight, self.bias = weight.data.copy(), bias.data.copy()

    def _scores(self, x: FloatArray) -> FloatArray:
        return linear(x, self.weight, self.bias)
