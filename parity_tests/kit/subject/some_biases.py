"""Layers of which some have a bias and others have none."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations, islice

# Shapes that may be of a bias or not, and ways in which biases are given to layers.
_MOST_EITHER, _MOST_CHOICES = 6, 1000


def with_some_biases(
    shapes: Sequence[tuple[int, ...]],
) -> Iterator[list[tuple[int, int | None]]]:
    """Yield layers of which some have no bias, the likeliest first.

    A matrix of one row or one column may be a bias, or the weights of a layer with one output.
    """
    vectors = [n for n, shape in enumerate(shapes) if is_vector(shape)]
    certain = [n for n in vectors if len(shapes[n]) < 2]
    either = [n for n in vectors if len(shapes[n]) == 2][:_MOST_EITHER]
    for count in range(len(either) + 1):
        for taken in combinations(either, count):
            biases = sorted([*certain, *taken])
            weights = [n for n in range(len(shapes)) if n not in biases]
            if not 0 < len(biases) < len(weights):
                continue
            choices = islice(combinations(weights, len(biases)), _MOST_CHOICES)
            for owners in sorted(choices, key=partial(_apart, biases)):
                own = dict(zip(owners, biases, strict=True))
                yield [(weight, own.get(weight)) for weight in weights]


def _apart(biases: Sequence[int], owners: Sequence[int]) -> tuple[int, int]:
    """Return how many biases are not beside their weights, and how many come before them."""
    pairs = list(zip(biases, owners, strict=True))
    return (
        sum(abs(bias - owner) != 1 for bias, owner in pairs),
        sum(bias < owner for bias, owner in pairs),
    )


def is_vector(shape: tuple[int, ...]) -> bool:
    """Whether an array of this shape has one axis alone that is longer than one."""
    return sum(size > 1 for size in shape) <= 1
