"""The three ways a verb can stop, each with its exit code: your data, your setup, something outside."""

PASS, GATE_FAILED, USAGE, INFRASTRUCTURE = 0, 1, 2, 3


class MlgateError(Exception):
    """A problem that the reader can act on: what is wrong, and what to do next (`mend`)."""

    code = INFRASTRUCTURE

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.mend = mend


class DataError(MlgateError):
    """The data or the model is at fault (exit 1)."""

    code = GATE_FAILED


class TooEarlyError(DataError):
    """There is nothing to judge yet (exit 1)."""


class ConfigError(MlgateError):
    """The configuration or the call is at fault (exit 2)."""

    code = USAGE


class InfraError(MlgateError):
    """Something outside is at fault: disk, port, Git, MLflow, a process (exit 3)."""

    code = INFRASTRUCTURE
