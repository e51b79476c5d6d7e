"""A declaration that was worked out, with how sure each part of it is."""

import re
import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from parity_tests.kit.network import Network

SURE, LIKELY, GUESS = "sure", "likely", "guess"
_WIDTH = 99
_IMPORTS = {
    "copy.": "import copy",
    "reduce(": "from functools import reduce",
    "np.": "import numpy as np",
    "followed(": "from parity_tests.kit.recognition import followed",
    "global_arrays(": "from parity_tests.kit.recognition import global_arrays",
    "uninitialized(": "from parity_tests.kit.recognition import uninitialized",
    "with_globals(": "from parity_tests.kit.recognition import with_globals",
}


@dataclass(frozen=True)
class Convention:
    """One thing that was found out about a network.

    Attributes
    ----------
    name : str
        What it is about, such as ``"batch"``.
    value : str
        What was found.
    certainty : {"sure", "likely", "guess"}
        ``"sure"`` is what a recomputation gave again, ``"likely"`` what behaves so, ``"guess"``
        what only its name or its place says.
    why : str
        What says so.
    """

    name: str
    value: str
    certainty: str
    why: str


@dataclass(frozen=True)
class Proposal:
    """A declaration of somebody's network.

    Attributes
    ----------
    network : Network
        What it declares.
    fields : mapping
        The arguments of `Network`, as Python code.
    conventions : tuple of Convention
        What was found, and how sure it is.
    imports : tuple of str
        Statements that the declaration needs beside the definitions it names.
    """

    network: Network
    fields: Mapping[str, str]
    conventions: tuple[Convention, ...]
    imports: tuple[str, ...] = ()

    @property
    def is_bare(self) -> bool:
        """Whether it is a single layer, or several without any activation between them."""
        hidden = [c.value for c in self.conventions if c.name == "hidden activation"]
        return any(set(value.split(", ")) <= {"none", "identity"} for value in hidden)

    def to_source(self) -> str:
        """Return the declaration as Python code, to be put behind the definitions it names."""
        text = " ".join(self.fields.values())
        # Their own class may have the same name.
        own = "Network" in re.findall(r"\w+", text)
        lines = [f"from parity_tests.kit.network import Network{' as Declared' * own}"]
        lines = [line for word, line in _IMPORTS.items() if word in text] + lines
        lines += self.imports
        lines.append(f"network = {'Declared' if own else 'Network'}(")
        lines += [f"    {name}={source}," for name, source in self.fields.items()]
        lines.append(")")
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "declaration": dict(self.fields),
            "conventions": [asdict(convention) for convention in self.conventions],
        }

    def __str__(self) -> str:
        """The declaration, and a line for every convention."""
        lines = [self.to_source()]
        width = max((len(c.name) for c in self.conventions), default=0)
        for found in self.conventions:
            start = f"{found.name:<{width}}  {found.certainty:<6}  "
            text = f"{found.value}: {found.why}"
            lines.append(
                textwrap.fill(
                    text, _WIDTH, initial_indent=start, subsequent_indent=" " * len(start)
                )
            )
        return "\n".join(lines)
