"""What a check is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


@dataclass(frozen=True)
class Check:
    """Something that must hold.

    Attributes
    ----------
    id : str
        ``family/case/variant``, which is also the id of the pytest test.
    run : callable
        Raises AssertionError if it does not hold.
    """

    id: str
    run: Callable[[], None]

    @property
    def family(self) -> str:
        """The kind of check, the first part of the id."""
        return self.id.partition("/")[0]
