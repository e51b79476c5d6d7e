"""What a network must beat."""

from collections.abc import Callable, Iterator
from typing import Any

from numpy_impl import baselines
from parity_tests.arguments.entries.common import (
    FLOAT32,
    GENERATOR,
    count,
    floats,
    labels,
    number,
    numbers,
    rng,
)
from parity_tests.arguments.trying import Entry, using


def baseline_entries() -> Iterator[Entry]:
    """Yield what a network must beat."""
    x, y = numbers(20, 3), rng().integers(0, 3, 20)
    fresh: dict[str, Callable[..., Any]] = {
        "KNearestNeighbors": baselines.KNearestNeighbors,
        "NearestCentroid": baselines.NearestCentroid,
        "RandomFeatures": lambda: baselines.RandomFeatures(7, rng=rng()),
        "SoftmaxRegression": lambda: baselines.SoftmaxRegression(max_iter=3),
    }
    constructors = {
        "KNearestNeighbors": {"n_neighbors": count(3)},
        "RandomFeatures": {"n_components": count(7), "alpha": number(0.5), "rng": GENERATOR},
        "SoftmaxRegression": {"alpha": number(0.5), "max_iter": count(3)},
    }
    for name, make in fresh.items():
        kind: Any = getattr(baselines, name)
        if name in constructors:
            yield Entry(
                name,
                lambda kind=kind, **given: using(
                    lambda: kind(**given), lambda made: made.fit(x, y).scores(x)
                ),
                constructors[name],
            )  # type: ignore[misc]

        def fitted(make: Any = make, **given: Any) -> Any:
            return make().fit(**given).scores(x)

        rows = floats(x, also=("y",), dtype=None)
        yield Entry(f"{name}.fit", fitted, {"x": rows, "y": labels(y)})
        for method in ("predict", "scores"):
            some = floats(
                x[:5], dtype=FLOAT32, fits=lambda s: len(s) == 2 and s[0] > 0 and s[1] == 3
            )
            yield Entry(
                f"{name}.{method}",
                lambda x_=x, make=make, method=method, **given: getattr(make().fit(x_, y), method)(
                    **given
                ),
                {"x": some},
            )  # type: ignore[misc]
    yield Entry(
        "RandomFeatures.hidden",
        lambda x_=x, **given: fresh["RandomFeatures"]().fit(x_, y).hidden(**given),
        {"x": floats(x[:5], dtype=FLOAT32, fits=lambda s: len(s) == 2 and s[1] == 3)},
    )
