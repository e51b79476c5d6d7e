"""What a planted fault is."""

from dataclasses import dataclass

from parity_tests.kit.verdicts import DIFFERS


@dataclass(frozen=True)
class Fault:
    """A change to the text of a network that was right.

    Attributes
    ----------
    name : str
        What is wrong.
    network : str
        Name of the network in `parity_tests.kit.catalogue.correct.CORRECT`.
    old, new : str
        Text that occurs once in the network's file, and what it is replaced by.
    aspect : str
        Where the kit must find it: one of `parity_tests.kit.verdicts.ASPECTS`.
    cause : str or None
        The name that it must get, a key of one of the tables of causes; None if no name is right.
    also : tuple of str
        Names that say the same in other words, or what follows from the fault elsewhere.
    status : str
        `CONVENTION` for what is another way of writing it, equal for some hyperparameters: the kit
        must name it, and must not call it wrong.
    """

    name: str
    network: str
    old: str
    new: str
    aspect: str
    cause: str | None
    also: tuple[str, ...] = ()
    status: str = DIFFERS
