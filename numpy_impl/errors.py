"""The errors this library raises for bad input, all of one shape.

Every message reads ``argument: expected ..., got ...``, so that a caller knows
what to change without reading our code, and a command line can print it as is.
"""

__all__ = ["CheckpointError", "DataError", "DivergenceError", "InputError", "MissingExtraError"]


class InputError(ValueError):
    """An argument is not what was expected.

    Parameters
    ----------
    argument : str
        Name of the argument as the caller knows it.
    expected : str
        What would have been accepted.
    got : str
        What came.
    """

    def __init__(self, argument: str, expected: str, got: str) -> None:
        super().__init__(f"{argument}: expected {expected}, got {got}")
        self.argument = argument
        self.expected = expected
        self.got = got

    def __reduce__(self) -> tuple[type["InputError"], tuple[str, str, str]]:
        # Exceptions are rebuilt from `args`, which here holds the message, not the three parts.
        return type(self), (self.argument, self.expected, self.got)


class DataError(InputError):
    """A data file is missing, damaged or of another format."""


class CheckpointError(InputError):
    """A checkpoint is missing, damaged or does not fit the model."""


class MissingExtraError(ImportError):
    """An optional package is needed and not installed.

    Parameters
    ----------
    package : str
        Name of the package on PyPI.
    extra : str
        The extra of this distribution that installs it.
    purpose : str
        What it was needed for.
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {package}, which is not installed; "
            f"install it with: pip install 'numpy-mlp[{extra}]'"
        )
        self.package = package
        self.extra = extra
        self.purpose = purpose

    def __reduce__(self) -> tuple[type["MissingExtraError"], tuple[str, str, str]]:
        return type(self), (self.package, self.extra, self.purpose)


class WorkerError(RuntimeError):
    """A process of a training with several workers could not be made, died or failed."""


class DivergenceError(ArithmeticError):
    """A network computes numbers that are not finite: its training has diverged.

    Parameters
    ----------
    quantity : str
        What is not finite.
    value : float
        What came.
    where : str
        Where it came from, and when it was noticed.
    checkpoint : str, optional
        The last one written, from before.
    """

    def __init__(
        self, quantity: str, value: float, where: str, checkpoint: str | None = None
    ) -> None:
        remains = "" if checkpoint is None else f"; the last good checkpoint is {checkpoint}"
        super().__init__(
            f"{quantity}: expected a finite number, got {value} {where}{remains}; "
            "try a lower learning rate"
        )
        self.quantity = quantity
        self.value = value
        self.where = where
        self.checkpoint = checkpoint

    def during(self, epoch: int, step: int) -> "DivergenceError":
        """Return the same error, with the epoch and the step, from 1, unless it says so already."""
        if self.where.startswith("in epoch"):
            return self
        where = f"in epoch {epoch}, step {step}, {self.where}"
        return DivergenceError(self.quantity, self.value, where, self.checkpoint)

    def after(self, checkpoint: object) -> "DivergenceError":
        """Return the same error, with the last checkpoint before it; None if there is none."""
        path = None if checkpoint is None else str(checkpoint)
        return DivergenceError(self.quantity, self.value, self.where, path)

    def __reduce__(self) -> tuple[type["DivergenceError"], tuple[str, float, str, str | None]]:
        return type(self), (self.quantity, self.value, self.where, self.checkpoint)
