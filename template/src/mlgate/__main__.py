"""`python -m mlgate`: the same front door."""

from mlgate.cli import entry

if __name__ == "__main__":
    entry()
