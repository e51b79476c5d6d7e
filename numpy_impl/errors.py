"""The errors this library raises for bad input, all of one shape.

Every message reads ``argument: expected ..., got ...``, so that a caller knows
what to change without reading our code, and a command line can print it as is.
"""


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


class DivergenceError(ArithmeticError):
    """Training met a loss that is not a finite number.

    Parameters
    ----------
    epoch, step : int
        When, both from 1; the step within the epoch.
    loss : float
        What came.
    """

    def __init__(self, epoch: int, step: int, loss: float) -> None:
        super().__init__(
            f"loss: expected a finite number, got {loss} in epoch {epoch}, step {step}; "
            "the parameters are those before that step. Try a lower learning rate"
        )
        self.epoch = epoch
        self.step = step
        self.loss = loss

    def __reduce__(self) -> tuple[type["DivergenceError"], tuple[int, int, float]]:
        return type(self), (self.epoch, self.step, self.loss)
