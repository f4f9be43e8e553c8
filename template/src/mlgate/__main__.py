"""`python -m mlgate`: the same front door."""

from mlgate.cli import entry

entry()
