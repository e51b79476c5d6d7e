"""Pictures changed a little at random, so that a network hardly ever sees the same one twice."""

import numpy as np
from numpy.typing import NDArray

from numpy_impl.arrays import (
    FLOAT_DTYPES,
    FloatArray,
    check_generator,
    check_number,
    check_positive_int,
    describe,
)
from numpy_impl.errors import InputError

__all__ = ["RandomAffine"]

# Pixels around a picture, so that every neighbour of a pixel is there.
_MARGIN = 2
# No amount is as large.
_MOST = 1e9


def affine(picture: FloatArray, matrix: FloatArray, move: FloatArray) -> FloatArray:
    r"""Return :math:`y(p) = x(A p + t)` by bilinear interpolation, pixel by pixel.

    Places are counted from the centre, down and to the right; outside the picture x is 0.

    Parameters
    ----------
    picture : ndarray of shape (side, side)
    matrix : ndarray of shape (2, 2)
        A.
    move : ndarray of shape (2,)
        t, in pixels.
    """
    side = len(picture)
    centre = (side - 1) / 2
    result = np.zeros_like(picture)
    for row, column in np.ndindex(side, side):
        y, x = matrix @ [row - centre, column - centre] + move + centre
        top, left = int(np.floor(y)), int(np.floor(x))
        for i, j in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
            if 0 <= i < side and 0 <= j < side:
                result[row, column] += (1 - abs(y - i)) * (1 - abs(x - j)) * picture[i, j]
    return result


class RandomAffine:
    r"""Turns, stretches, slants and moves pictures at random, a group of them alike.

    :math:`y(p) = x(A p + t)` by bilinear interpolation (`affine` is the formula), with

    .. math::
        A = \begin{pmatrix} \cos\alpha & -\sin\alpha \\ \sin\alpha & \cos\alpha \end{pmatrix}
            \begin{pmatrix} 1 & s \\ 0 & 1 \end{pmatrix}
            \begin{pmatrix} h & 0 \\ 0 & w \end{pmatrix}

    Amounts are drawn evenly: the angle, the slant s and both parts of t from minus to plus the
    largest, h and w from 1 - stretch to 1 + stretch.

    Parameters
    ----------
    side : int, default 28
        Height and width of the pictures, in pixels.
    angle : float, default 0.15
        Largest turn, in radians.
    stretch : float, default 0.1
        Largest part by which a side grows or shrinks, less than 1.
    slant : float, default 0.15
        Largest shear.
    shift : float, default 1.5
        Largest move along a side, in pixels.
    group : int, default 64
        So many neighbours in a batch are changed alike: what is computed for a pixel holds for all
        of them. A shuffled loader puts other pictures together each time.

    Attributes
    ----------
    strength : float
        What all amounts are multiplied by: 1 at first.

    Raises
    ------
    InputError
        If an amount is negative or not below a billion, or `stretch` is not below 1.

    Notes
    -----
    Its scratch memory is used again: one instance serves one loader.

    References
    ----------
    Simard et al. (2003), Best practices for convolutional neural networks applied to visual
    document analysis, doi:10.1109/ICDAR.2003.1227801
    https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.RandomAffine.html
    """

    def __init__(
        self,
        side: int = 28,
        *,
        angle: float = 0.15,
        stretch: float = 0.1,
        slant: float = 0.15,
        shift: float = 1.5,
        group: int = 64,
    ) -> None:
        self.side = check_positive_int("side", side)
        self.angle = check_number("angle", angle, below=_MOST)
        self.stretch = check_number("stretch", stretch, below=1)
        self.slant = check_number("slant", slant, below=_MOST)
        self.shift = check_number("shift", shift, below=_MOST)
        self.group = check_positive_int("group", group)
        self.strength = 1.0
        self._scratch = _Scratch(self.side, 0, np.dtype(np.float32))

    def __call__(self, pictures: FloatArray, rng: np.random.Generator) -> None:
        """Change pictures in place.

        Parameters
        ----------
        pictures : ndarray of shape (batch, side * side)
            Rows of pixels, one after another.
        rng : numpy.random.Generator
            Draws the amounts.

        Raises
        ------
        InputError
            If the shape does not fit.
        """
        check_generator("rng", rng)
        if type(pictures) not in (np.ndarray, np.memmap) or pictures.dtype not in FLOAT_DTYPES:
            raise InputError("pictures", "a float32 or float64 array to change", describe(pictures))
        if not pictures.flags.writeable or 0 in pictures.strides:
            expected = "an array that can be written to"
            raise InputError("pictures", expected, "one that is read-only, or a broadcast view")
        if pictures.ndim != 2 or pictures.shape[1] != self.side**2:
            raise InputError("pictures", f"shape (batch, {self.side**2})", describe(pictures))
        count = -(-len(pictures) // self.group)
        corners, weights = self._draw(count, rng, pictures.dtype)
        for number in range(count):
            part = pictures[number * self.group : (number + 1) * self.group]
            if (len(part), part.dtype) != (self._scratch.count, self._scratch.dtype):
                self._scratch = _Scratch(self.side, len(part), part.dtype)
            self._scratch.change(part, corners[number], weights[:, number])

    def _draw(
        self, count: int, rng: np.random.Generator, dtype: np.dtype[np.floating]
    ) -> tuple[NDArray[np.intp], FloatArray]:
        """Return, for every group and pixel, where its value comes from.

        Returns
        -------
        corners : ndarray of shape (count, side * side)
            The upper left of the four pixels around its place, in the picture with its margin.
        weights : ndarray of shape (4, count, side * side, 1)
            Of the four: upper left, upper right, lower left, lower right.
        """
        angle, most_slant, stretch, shift = (
            self.strength * most for most in (self.angle, self.slant, self.stretch, self.shift)
        )
        turn = rng.uniform(-angle, angle, count)
        slant = rng.uniform(-most_slant, most_slant, count)
        height, width = 1 + rng.uniform(-stretch, stretch, (2, count))
        move = rng.uniform(-shift, shift, (2, count))
        cos, sin = np.cos(turn), np.sin(turn)
        down, right = (
            axis.ravel() for axis in np.indices((self.side, self.side)) - (self.side - 1) / 2
        )
        matrix = (
            (cos * height, (slant * cos - sin) * width),
            (sin * height, (slant * sin + cos) * width),
        )
        before, rest = [], []
        for (by_down, by_right), by_all in zip(matrix, move, strict=True):
            place = np.multiply.outer(by_down, down) + np.multiply.outer(by_right, right)
            place += (by_all + (self.side - 1) / 2)[:, None]
            whole = np.floor(place)
            rest.append((place - whole).astype(dtype))
            # What lies farther out is as black as the margin.
            before.append(np.clip(whole, -_MARGIN, self.side).astype(np.intp) + _MARGIN)
        below, beside = rest
        weights = np.stack(
            [
                (1 - below) * (1 - beside),
                (1 - below) * beside,
                below * (1 - beside),
                below * beside,
            ]
        )
        return before[0] * (self.side + 2 * _MARGIN) + before[1], weights[..., None]


class _Scratch:
    """Memory for a group of pictures with one picture a column, so that a pixel is one row."""

    def __init__(self, side: int, count: int, dtype: np.dtype[np.floating]) -> None:
        line = side + 2 * _MARGIN
        self.count, self.dtype = count, dtype
        self._side = side
        self._neighbours = (0, 1, line, line + 1)
        self._padded = np.zeros((line, line, count), dtype)
        self._sum = np.empty((side * side, count), dtype)
        self._term = np.empty_like(self._sum)

    def change(self, pictures: FloatArray, corners: NDArray[np.intp], weights: FloatArray) -> None:
        inside = slice(_MARGIN, -_MARGIN)
        self._padded[inside, inside] = pictures.T.reshape(self._side, self._side, self.count)
        rows = self._padded.reshape(-1, self.count)
        for number, (neighbour, weight) in enumerate(zip(self._neighbours, weights, strict=True)):
            target = self._term if number else self._sum
            # mode="clip" lets take write straight into `out`; all rows are in range.
            np.take(rows, corners + neighbour, axis=0, out=target, mode="clip")
            target *= weight
            if number:
                self._sum += self._term
        pictures[...] = self._sum.T
