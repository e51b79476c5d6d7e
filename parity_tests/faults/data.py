"""Faults in what feeds batches."""

from parity_tests.faults.fault import Fault

_LOADER = "numpy_impl.data.loader"

FAULTS: tuple[Fault, ...] = (
    Fault(
        "labels shuffled apart from images",
        _LOADER,
        "DataLoader._make",
        "targets = self._targets[rows]",
        "targets = self._targets[rows if order is None else np.sort(rows)]",
        ("loader/pairing",),
    ),
    Fault(
        "the same order every epoch",
        _LOADER,
        "DataLoader.draw",
        "self._rng.permutation(self.samples)",
        "np.random.default_rng(0).permutation(self.samples)",
        ("loader/pairing",),
    ),
    Fault(
        "last batch always dropped",
        _LOADER,
        "DataLoader.__len__",
        "rest and not self.drop_last",
        "False",
        ("loader/batches", "loader/pairing"),
    ),
    Fault(
        "pixels not scaled",
        _LOADER,
        "DataLoader._fill",
        "target *= self._scale",
        "pass",
        ("loader/pixels",),
    ),
    Fault(
        "the same rows again in a long batch",
        _LOADER,
        "DataLoader._fill",
        "np.take(self._inputs, rows[part],",
        "np.take(self._inputs, rows[: len(target)],",
        ("loader/pixels",),
    ),
    Fault(
        "the same rows again in a long batch that is not shuffled",
        _LOADER,
        "DataLoader._fill",
        "self._inputs[rows][part]",
        "self._inputs[rows][: len(target)]",
        ("loader/pixels",),
    ),
)
