"""The file of the lab."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from numpy_impl import lab
from parity_tests.arguments.entries.common import GENERATOR, always, labels, numbers, rng
from parity_tests.arguments.trying import Argument, Entry
from parity_tests.inputs import BATCH, CLASSES, FEATURES, HIDDEN


def lab_entries() -> Iterator[Entry]:
    """Yield what the file of the lab has; it stands alone, and raises Python's ValueError."""
    x = numbers(BATCH, FEATURES)
    for kind in (lab.PlainNetwork, lab.NeuralNetwork):

        def make(kind: Any = kind) -> Any:
            return kind(FEATURES, HIDDEN, CLASSES, rng=rng())

        name = kind.__name__
        for method in ("forward", "predict"):
            yield Entry(
                f"{name}.{method}",
                lambda X, make=make, method=method: getattr(make(), method)(X),  # noqa: N803
                {
                    "X": Argument(
                        "numbers",
                        always(x),
                        fits=lambda s: len(s) == 2 and s[0] > 0 and s[1] == FEATURES,
                    )
                },
                (ValueError,),
            )  # type: ignore[misc]

        def trained(X: Any, y: Any, make: Any = make) -> Any:  # noqa: N803
            made = make()
            return [made.train_step(X, y), made.W1]

        both = {"X": Argument("numbers", always(x), also=("y",)), "y": labels()}
        yield Entry(f"{name}.train_step", trained, both, (ValueError,))
        for method in ("gradients", "backward"):

            def learned(X: Any, y: Any, probs: Any, make: Any = make, method: str = method) -> Any:  # noqa: N803
                made = make()
                made.forward(x)
                return [getattr(made, method)(X, y, probs), made.W1]

            three = {
                **both,
                "probs": Argument("numbers", lambda make=make: make().forward(x), also=("y",)),
            }  # type: ignore[misc]
            yield Entry(f"{name}.{method}", learned, three, (ValueError,))
    pictures = rng().random((3, 784)).astype(np.float32)
    yield Entry(
        "warp",
        lab.warp,
        {
            "pictures": Argument(
                "numbers", always(pictures), fits=lambda s: len(s) == 2 and s[0] > 0 and s[1] == 784
            )
        }
        | {"rng": GENERATOR},
        (ValueError,),
    )
