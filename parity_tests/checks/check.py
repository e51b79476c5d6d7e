"""What a check is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.measures import Comparison, require

Array = NDArray[Any]

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


@dataclass(frozen=True)
class Check:
    """Something that must hold.

    Attributes
    ----------
    id : str
        ``family/case/...``, which is also the id of the pytest test. For an operation of the
        catalogue ``family/operation/variant/...``.
    measure : callable
        Returns comparisons, all of which must pass; or None, and raises AssertionError if what it
        checks does not hold.
    verdict : callable, optional
        Raises AssertionError where `measure` shows a failure, without working out all comparisons.
    """

    id: str
    measure: Callable[[], Iterable[Comparison] | None]
    verdict: Callable[[], None] | None = None

    @property
    def family(self) -> str:
        """The kind of check, the first part of the id."""
        return self.id.partition("/")[0]

    def compare(self) -> list[Comparison]:
        """Return what is compared; AssertionError if a check without comparisons fails."""
        comparisons = self.measure()
        return [] if comparisons is None else list(comparisons)

    def judge(self, comparisons: list[Comparison]) -> None:
        """Raise AssertionError if a comparison failed."""
        if comparisons:
            require(comparisons)

    def run(self) -> None:
        """Compare as much as the verdict needs, and judge."""
        if self.verdict is not None:
            self.verdict()
        else:
            self.judge(self.compare())
