"""What a cause is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """What may be wrong.

    Attributes
    ----------
    title : str
        What it is, as the end of a sentence.
    advice : str
        What to look at.
    """

    title: str
    advice: str
