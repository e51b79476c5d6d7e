"""Samples for a model from files: pictures and arrays."""

import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numpy_impl.app.models import Classifier, picture_side
from numpy_impl.arrays import FloatArray, describe
from numpy_impl.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from PIL.Image import Image

WHITE = 255

# 16-bit grey, which Pillow would clip at 255 rather than scale.
_DEEP_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N")


class Sample(NamedTuple):
    """Where a sample comes from: a file, and the row of an array of several."""

    file: Path
    row: int | None

    def __str__(self) -> str:
        return str(self.file) if self.row is None else f"{self.file}[{self.row}]"


def read_samples(
    files: Sequence[Path], model: Classifier, *, invert: bool
) -> tuple[list[Sample], FloatArray]:
    """Read all files into one array of inputs.

    Parameters
    ----------
    files : sequence of Path
        Names ending in ``.npy`` are arrays: floating-point numbers are taken as they are, uint8
        as pixels; of shape (features,), (side, side), (samples, features) or
        (samples, side, side). All others are pictures.
    model : Classifier
        Says how many features a sample has and how pixels are scaled.
    invert : bool
        Whether the pictures are dark on light; they are then turned into light on dark.

    Returns
    -------
    samples : list of Sample
    inputs : ndarray of shape (samples, features)
        Of the model's dtype.

    Raises
    ------
    InputError
        If a file cannot be read or does not fit the model.
    MissingExtraError
        If there is a picture and Pillow is not installed.
    """
    if invert and model.scale is None:
        raise InputError("--invert", "a model of pictures", f"{str(model.path)!r}")
    samples: list[Sample] = []
    arrays = []
    for file in files:
        if file.suffix.lower() == ".npy":
            rows, several = _read_array(file, model)
        else:
            rows, several = _read_picture(file, model, WHITE if invert else 0), False
        samples += [Sample(file, row if several else None) for row in range(len(rows))]
        arrays.append(rows)
    inputs = np.concatenate(arrays)
    if invert and model.scale is not None:
        inputs = WHITE * model.scale - inputs
    return samples, inputs.astype(model.network.dtype, copy=False)


def _read_array(file: Path, model: Classifier) -> tuple[FloatArray, bool]:
    """Return inputs of shape (samples, features), and whether the file has an axis of samples."""
    try:
        # A file that NumPy opens by itself stays open when it is a damaged archive.
        with file.open("rb") as stream:
            array = np.load(stream, allow_pickle=False)
    except OSError as error:
        raise _unreadable(file, "a readable file", error) from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _unreadable(file, "an array of numbers in .npy format", error) from None
    if not isinstance(array, np.ndarray):
        array.close()
        raise InputError("FILE", "an array in .npy format", f"an archive in {str(file)!r}")
    sample_shapes: list[tuple[int, ...]] = [(model.features,)]
    side = picture_side(model.features)
    if side is not None:
        sample_shapes.append((side, side))
    several = array.shape not in sample_shapes
    if array.size == 0 or (several and array.shape[1:] not in sample_shapes):
        shapes = " or ".join(str(shape) for shape in sample_shapes)
        raise InputError(
            "FILE",
            f"one or more samples of shape {shapes}",
            f"{describe(array)} in {str(file)!r}",
        )
    return _as_inputs(file, array.reshape(-1, model.features), model), several


def _as_inputs(file: Path, rows: NDArray[Any], model: Classifier) -> FloatArray:
    if rows.dtype == np.uint8:
        return _scaled(file, rows, model)
    if rows.dtype.kind != "f":
        raise InputError(
            "FILE", "floating-point numbers or uint8 pixels", f"{rows.dtype} in {str(file)!r}"
        )
    low, high = float(rows.min()), float(rows.max())
    if not np.isfinite([low, high]).all():
        raise InputError("FILE", "finite numbers", f"NaN or infinity in {str(file)!r}")
    bottom, top = _range(model)
    # What the file's writer has computed may be rounded otherwise.
    if low < bottom or high - top > 1e-6 * top:
        raise InputError(
            "FILE",
            f"numbers from {bottom:g} to {top:g}, as the model's inputs",
            f"{low:g} to {high:g} in {str(file)!r}",
        )
    inputs: FloatArray = rows
    return inputs


def _range(model: Classifier) -> tuple[float, float]:
    """Return the smallest and the largest input that makes sense to a model."""
    if model.scale is not None:
        return 0.0, WHITE * model.scale
    largest = float(np.finfo(model.network.dtype).max)
    return -largest, largest


def _read_picture(file: Path, model: Classifier, background: int) -> FloatArray:
    """Return the inputs of one picture, of shape (1, features)."""
    side = picture_side(model.features)
    if side is None:
        raise InputError(
            "FILE", f"a .npy file, as {model.features} features are no square", f"{str(file)!r}"
        )
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise MissingExtraError("pillow", "cli", "reading a picture") from None
    try:
        with warnings.catch_warnings():
            # A picture of so many pixels that decoding it could exhaust the memory.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as picture:
                grey = _as_grey(picture, background)
    except UnidentifiedImageError:
        raise InputError("FILE", "a picture or a .npy file", f"{str(file)!r}") from None
    except (
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombWarning,
        Image.DecompressionBombError,
    ) as error:
        raise _unreadable(file, "a readable picture", error) from None
    if grey.size != (side, side):
        grey = grey.resize((side, side), Image.Resampling.LANCZOS)
    return _scaled(file, np.asarray(grey).reshape(1, model.features), model)


def _as_grey(picture: "Image", background: int) -> "Image":
    """Return a picture in 8-bit grey, on a background of this grey where it is transparent."""
    from PIL import Image

    if picture.mode in _DEEP_MODES:
        deep = np.asarray(picture).astype(np.int64).clip(0, 0xFFFF)
        return Image.fromarray((deep >> 8).astype(np.uint8))
    layer = picture.convert("RGBA")
    grey = Image.new("L", picture.size, background)
    grey.paste(layer.convert("L"), mask=layer.getchannel("A"))
    return grey


def _scaled(file: Path, pixels: NDArray[np.uint8], model: Classifier) -> FloatArray:
    if model.scale is None:
        raise InputError(
            "FILE",
            "floating-point numbers, as the model notes no scale for pixels",
            f"pixels in {str(file)!r}",
        )
    # As in training: the product of two numbers of the model's type.
    scaled: FloatArray = pixels * model.network.dtype.type(model.scale)
    return scaled


def _unreadable(file: Path, expected: str, error: Exception) -> InputError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return InputError("FILE", expected, f"{str(file)!r} ({reason})")
