"""The course lab's network, 784 -> 128 ReLU -> 10 softmax: one file that needs NumPy alone.

It can be pasted into the lab as it is. `PlainNetwork` is the textbook: one line for every formula,
plain gradient descent. `NeuralNetwork` is the same network, taught better, and the one to hand in.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["NeuralNetwork", "PlainNetwork", "warp"]

Array = NDArray[np.floating]
Labels = NDArray[np.integer]


class PlainNetwork:
    r"""Two layers, trained by gradient descent on the mean cross-entropy of the batch.

    .. math::
        Z_1 &= X W_1 + b_1, & A_1 &= \max(Z_1, 0), \\
        Z_2 &= A_1 W_2 + b_2, & P &= \operatorname{softmax}(Z_2), \\
        L &= -\frac{1}{N} \sum_i \log P_{i, y_i}

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        Widths of the layers.
    lr : float
        Learning rate.
    rng : numpy.random.Generator, optional
        Draws the initial weights; one of its own without it.

    Attributes
    ----------
    W1, b1, W2, b2 : ndarray
        Of shapes (784, 128), (1, 128), (128, 10) and (1, 10). The weights are transposed against
        PyTorch's: ``W1`` is ``torch.nn.Linear(784, 128).weight.T``.

    Notes
    -----
    Weights are drawn with standard deviation sqrt(2 / inputs), which keeps the scale of the signal
    from layer to layer under ReLU [1]_.

    References
    ----------
    .. [1] He et al., Delving Deep into Rectifiers, 2015, https://arxiv.org/abs/1502.01852
    """

    def __init__(
        self,
        input_size: int = 784,
        hidden_size: int = 128,
        output_size: int = 10,
        lr: float = 0.01,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.lr = lr
        self.rng = np.random.default_rng() if rng is None else rng
        self.W1: Array = self.rng.standard_normal((input_size, hidden_size)) * np.sqrt(
            2 / input_size
        )
        self.b1: Array = np.zeros((1, hidden_size))
        self.W2: Array = self.rng.standard_normal((hidden_size, output_size)) * np.sqrt(
            2 / hidden_size
        )
        self.b2: Array = np.zeros((1, output_size))

    def forward(self, X: Array) -> Array:
        """Return the probabilities of the classes, (N, 10), of pictures (N, 784)."""
        X = _pictures("X", X, len(self.W1))
        self.Z1 = X @ self.W1 + self.b1
        self.A1 = np.maximum(self.Z1, 0)
        Z2 = self.A1 @ self.W2 + self.b2
        # The largest logit becomes 0, so that no exponential overflows; the ratio is the same.
        shifted = Z2 - Z2.max(axis=1, keepdims=True)
        exponentials = np.exp(shifted)
        sums = exponentials.sum(axis=1, keepdims=True)
        # The logarithm of the probabilities without the probabilities: one of 0 is no trouble.
        self.log_probs = shifted - np.log(sums)
        probs: Array = exponentials / sums
        return probs

    def gradients(self, X: Array, y: Labels, probs: Array) -> dict[str, Array]:
        """Return the derivative of the loss by every parameter, from the last layer back.

        Each formula is the chain rule once: by the logits, the softmax and the logarithm together
        leave ``probs - y``, with y as one-hot rows; a product hands on the transpose of its other
        factor; the rectifier lets pass what was positive.
        """
        X, probs = _pictures("X", X, len(self.W1)), _pictures("probs", probs, len(self.W2.T))
        y = _labels(y, len(X), len(self.W2.T))
        if len(probs) != len(X) or probs.dtype.kind != "f":
            raise ValueError(f"probs: expected what forward returned, {len(X)} rows")
        rows = np.arange(len(y))
        dZ2 = probs.copy()
        dZ2[rows, y] -= 1
        dZ2 /= len(y)
        dZ1 = (dZ2 @ self.W2.T) * (self.Z1 > 0)
        return {
            "W1": X.T @ dZ1,
            "b1": dZ1.sum(axis=0, keepdims=True),
            "W2": self.A1.T @ dZ2,
            "b2": dZ2.sum(axis=0, keepdims=True),
        }

    def backward(self, X: Array, y: Labels, probs: Array) -> float:
        """Update the parameters by one step of gradient descent, and return the loss before it.

        Parameters
        ----------
        X : ndarray of shape (N, 784)
            What `forward` was called with just before.
        y : ndarray of int of shape (N,)
            The right classes.
        probs : ndarray of shape (N, 10)
            What `forward` returned.
        """
        y = _labels(y, len(self.log_probs), len(self.W2.T))
        loss = -self.log_probs[np.arange(len(y)), y].mean()
        self.update(self.gradients(X, y, probs))
        return float(loss)

    def update(self, gradients: dict[str, Array]) -> None:
        """Take a step down the gradient: theta <- theta - lr * g."""
        for name, gradient in gradients.items():
            parameter = getattr(self, name)
            parameter -= self.lr * gradient

    def train_step(self, X: Array, y: Labels) -> float:
        """Learn from a batch, and return its loss."""
        return self.backward(X, y, self.forward(X))

    def predict(self, X: Array) -> Labels:
        """Return the most probable classes, (N,)."""
        labels: Labels = self.forward(X).argmax(axis=1)
        return labels


class NeuralNetwork(PlainNetwork):
    r"""The same network, and the same few pictures, but no picture twice.

    A batch is learned from in `copies` versions, each turned, stretched, slanted and moved a
    little at random. That is more than a fixed small step can learn in a few epochs, so the steps
    are Adam's [1]_, with decoupled weight decay [2]_ on the matrices; and what predicts is a moving
    average [3]_ of the weights that learn.

    Parameters
    ----------
    input_size, hidden_size, output_size, rng
        As for `PlainNetwork`. Pictures are changed if they have 28 x 28 pixels, and no others.
    lr : float
        Learning rate of the lab; Adam's is `rate` times as large.

    Attributes
    ----------
    W1, b1, W2, b2 : ndarray of float32
        All that predicts: the average, once `train_step` was called. Whoever changes them by hand
        changes where learning goes on.

    References
    ----------
    .. [1] Kingma and Ba, Adam, 2015, https://arxiv.org/abs/1412.6980
    .. [2] Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019,
       https://arxiv.org/abs/1711.05101
    .. [3] Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992
    """

    copies = 8
    rate = 0.4
    beta1, beta2, eps = 0.9, 0.999, 1e-8
    weight_decay = 1e-3
    decay = 0.999  # of the average; smaller at first, while what is averaged is still poor

    _names = ("W1", "b1", "W2", "b2")

    def __init__(
        self,
        input_size: int = 784,
        hidden_size: int = 128,
        output_size: int = 10,
        lr: float = 0.01,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, output_size, lr, rng)
        self.step = 0
        for name in self._names:
            setattr(self, name, getattr(self, name).astype(np.float32))
        self._exp_avg = {name: np.zeros_like(getattr(self, name)) for name in self._names}
        self._exp_avg_sq = {name: np.zeros_like(getattr(self, name)) for name in self._names}
        self._learning = self._weights()
        self._average = self._weights()

    def forward(self, X: Array) -> Array:
        """Return the probabilities of the classes, (N, 10), of pictures (N, 784)."""
        return super().forward(_pictures("X", X, len(self.W1)).astype(np.float32, copy=False))

    def gradients(self, X: Array, y: Labels, probs: Array) -> dict[str, Array]:
        """As `PlainNetwork.gradients`, in float32."""
        return super().gradients(
            _pictures("X", X, len(self.W1)).astype(np.float32, copy=False), y, probs
        )

    def update(self, gradients: dict[str, Array]) -> None:
        """Take a step of Adam."""
        lr = self.rate * self.lr
        self.step += 1
        correction1 = 1 - self.beta1**self.step
        correction2 = 1 - self.beta2**self.step
        for name, gradient in gradients.items():
            parameter = getattr(self, name)
            exp_avg, exp_avg_sq = self._exp_avg[name], self._exp_avg_sq[name]
            exp_avg += (1 - self.beta1) * (gradient - exp_avg)
            exp_avg_sq += (1 - self.beta2) * (gradient**2 - exp_avg_sq)
            if name.startswith("W"):
                parameter *= 1 - lr * self.weight_decay
            parameter -= (
                lr * (exp_avg / correction1) / (np.sqrt(exp_avg_sq / correction2) + self.eps)
            )

    def train_step(self, X: Array, y: Labels) -> float:
        """Learn from changed copies of a batch, and return their loss."""
        X = _pictures("X", X, len(self.W1))
        y = _labels(y, len(X), len(self.W2.T))
        self._take_up()
        pictures, labels = np.tile(X, (self.copies, 1)), np.tile(y, self.copies)
        if pictures.shape[1] == _SIDE**2:
            pictures = warp(pictures, self.rng)
        loss = self.backward(pictures, labels, self.forward(pictures))
        self._lay_down()
        return loss

    def _weights(self) -> dict[str, Array]:
        return {name: getattr(self, name).copy() for name in self._names}

    def _take_up(self) -> None:
        """Put the weights that learn in the place of those that predict."""
        for name in self._names:
            predicts = getattr(self, name)
            if not np.array_equal(predicts, self._average[name]):
                self._learning[name] = predicts.astype(np.float32)
                self._average[name] = predicts.astype(np.float32)
            setattr(self, name, self._learning[name])

    def _lay_down(self) -> None:
        """Move the average towards the weights that have learned, and let it predict."""
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        for name, average in self._average.items():
            average += (1 - decay) * (self._learning[name] - average)
            setattr(self, name, average.copy())


_LARGEST = 1e6  # no pixel is as bright


def _pictures(name: str, value: Array, width: int) -> Array:
    """Return rows of so many numbers; ValueError for anything else."""
    array = _array(name, value, "iuf")
    if array.ndim != 2 or not len(array) or array.shape[1] != width:
        raise ValueError(f"{name}: expected shape (N, {width}), got shape {array.shape}")
    if not -_LARGEST <= float(array.min()) <= float(array.max()) <= _LARGEST:
        raise ValueError(f"{name}: expected finite numbers up to {_LARGEST:g}, got others")
    return array


def _labels(value: Labels, count: int, classes: int) -> Labels:
    """Return so many labels below `classes`; ValueError for anything else."""
    array = _array("y", value, "iu")
    if array.shape != (count,):
        raise ValueError(f"y: expected shape ({count},), got shape {array.shape}")
    if count and not 0 <= array.min() <= array.max() < classes:
        raise ValueError(f"y: expected labels from 0 to {classes - 1}, got others")
    labels: Labels = array.astype(np.int64, copy=False)
    return labels


def _array(name: str, value: ArrayLike, kinds: str) -> Array:
    """Return an array of numbers of some kinds; ValueError for anything else."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(f"{name}: expected numbers, got masked ones")
    try:
        array = np.ascontiguousarray(value)
    except Exception as error:  # whatever the caller's object does
        raise ValueError(f"{name}: expected an array, got {error}") from None
    if array.dtype.kind not in kinds or np.ndim(value) != array.ndim:
        raise ValueError(f"{name}: expected numbers in rows, got {array.dtype}")
    return array


_SIDE = 28  # pixels
_MARGIN = 2  # pixels around a picture, so that every neighbour is there


def warp(
    pictures: Array,
    rng: np.random.Generator,
    *,
    angle: float = 0.2,
    stretch: float = 0.12,
    slant: float = 0.2,
    shift: float = 2.0,
) -> NDArray[np.float32]:
    """Return each picture turned, stretched, slanted and moved by its own random amounts.

    A pixel of the result has the value that lies at A p + t in the picture, with p its place from
    the centre and between four pixels by bilinear interpolation; outside it is 0.

    Parameters
    ----------
    pictures : ndarray of shape (N, 784)
        Rows of 28 pixels, one after another.
    rng : numpy.random.Generator
        Draws A and t, all amounts evenly between minus and plus the largest.
    angle : float
        Largest turn, in radians.
    stretch : float
        Largest part by which a side grows or shrinks.
    slant : float
        Largest shear.
    shift : float
        Largest move along a side, in pixels.
    """
    pictures = _pictures("pictures", pictures, _SIDE**2)
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng: expected a numpy.random.Generator, got {type(rng).__name__}")
    count = len(pictures)
    turn, shear = rng.uniform(-angle, angle, count), rng.uniform(-slant, slant, count)
    heights, widths = 1 + rng.uniform(-stretch, stretch, (2, count))
    moves = rng.uniform(-shift, shift, (2, count))
    cos, sin = np.cos(turn), np.sin(turn)

    place = np.arange(_SIDE, dtype=np.float32) - (_SIDE - 1) / 2
    down, right = place[:, None], place[None, :]

    def source(by_down: Array, by_right: Array, move: Array) -> tuple[Labels, Array]:
        """Return the pixel before the place where each value comes from, and the rest."""
        a, b, t = (v.astype(np.float32)[:, None, None] for v in (by_down, by_right, move))
        exact = a * down + b * right + (t + np.float32((_SIDE - 1) / 2))
        before = np.floor(exact)
        # What lies farther out than the margin is as black as the margin.
        pixel = np.clip(before, -_MARGIN, _SIDE).astype(np.intp)
        return pixel, exact - before

    row, below = source(cos * heights, (shear * cos - sin) * widths, moves[0])
    column, beside = source(sin * heights, (cos + shear * sin) * widths, moves[1])

    padded = np.zeros((count, _SIDE + 2 * _MARGIN, _SIDE + 2 * _MARGIN), np.float32)
    padded[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN] = pictures.reshape(count, _SIDE, _SIDE)
    line = padded.shape[2]
    first = np.arange(count)[:, None, None] * padded[0].size
    corner = first + (row + _MARGIN) * line + (column + _MARGIN)
    flat = padded.reshape(-1)
    above = flat[corner] * (1 - beside) + flat[corner + 1] * beside
    under = flat[corner + line] * (1 - beside) + flat[corner + line + 1] * beside
    result: NDArray[np.float32] = above * (1 - below) + under * below
    return result.reshape(count, _SIDE**2)
