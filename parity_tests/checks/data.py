"""The data on their way in."""

from collections.abc import Iterator
from functools import partial

import numpy as np

import numpy_impl as ours
from numpy_impl.data.loader import Draw
from parity_tests.checks.check import Check
from parity_tests.inputs import BATCH


def checks(seed: int) -> Iterator[Check]:
    """Yield the checks of the data loader."""
    yield Check("loader/pairing", partial(check_loader_pairing, seed))
    yield Check("loader/batches", partial(check_loader_batches, seed))
    yield Check("loader/pixels", partial(check_loader_pixels, seed))


def check_loader_pairing(seed: int) -> None:
    """Every sample comes once per epoch, with its own target, in an order that changes."""
    samples = 101
    inputs = np.arange(samples * 3, dtype=np.float32).reshape(samples, 3)
    targets = 7 * np.arange(samples)
    loader = ours.DataLoader(
        inputs, targets, batch_size=BATCH, shuffle=True, rng=np.random.default_rng(seed)
    )
    orders = []
    for _ in range(2):
        batches = [(x.copy(), y.copy()) for x, y in loader]
        x = np.concatenate([batch for batch, _ in batches])
        y = np.concatenate([batch for _, batch in batches])
        np.testing.assert_array_equal(y, 7 * (x[:, 0] / 3), "a target of another sample")
        np.testing.assert_array_equal(x, inputs[y // 7], "a row that is no row of the data")
        np.testing.assert_array_equal(np.sort(y), targets, "samples lost or twice")
        orders.append(y)
    assert not np.array_equal(orders[0], targets), "not shuffled"
    assert not np.array_equal(orders[0], orders[1]), "the same order twice"


def check_loader_batches(seed: int) -> None:
    """Batch sizes, the short last batch and drop_last; in order without shuffling."""
    rng = np.random.default_rng(seed)
    inputs, targets = rng.standard_normal((23, 3)), rng.integers(0, 5, 23)
    for drop_last, sizes in ((False, [7, 7, 7, 2]), (True, [7, 7, 7])):
        loader = ours.DataLoader(
            inputs, targets, batch_size=BATCH, drop_last=drop_last, dtype=np.float64
        )
        batches = list(loader)
        assert [len(x) for x, _ in batches] == sizes
        assert [len(y) for _, y in batches] == sizes
        assert len(loader) == len(sizes)
        kept = sum(sizes)
        np.testing.assert_array_equal(np.concatenate([x for x, _ in batches]), inputs[:kept])
        np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), targets[:kept])


def check_loader_pixels(seed: int) -> None:
    """Bytes come out as floats times the scale, the same with and without a buffer."""
    rng = np.random.default_rng(seed)
    # Batches longer than what is taken at a time, and no multiple of that.
    samples, long = 701, 307
    pixels = rng.integers(0, 256, (samples, 3), dtype=np.uint8)
    pixels[0] = 0, 255, 128
    targets = rng.integers(0, 5, samples)
    for dtype in (np.float32, np.float64):
        expected = pixels / 255.0
        for size in (BATCH, long):
            loader = ours.DataLoader(pixels, targets, batch_size=size, scale=1 / 255, dtype=dtype)
            order = rng.permutation(samples)
            buffer = np.full((size, 3), np.nan, dtype)
            fresh = [x for x, _ in loader]
            reused = [x.copy() for x, _ in loader.batches(out=buffer)]
            shuffled = [x.copy() for x, _ in loader.batches(out=buffer, draw=Draw(order, 0))]
            for batches, rows in ((fresh, slice(None)), (reused, slice(None)), (shuffled, order)):
                x = np.concatenate(batches)
                assert x.dtype == dtype
                np.testing.assert_allclose(x, expected[rows], rtol=2 * np.finfo(dtype).eps, atol=0)
            assert not np.shares_memory(fresh[0], fresh[1]), "batches share memory"
