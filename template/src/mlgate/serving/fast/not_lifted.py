"""Why something has no fast equal: a reason that an operator reads, never an error of the service."""

from __future__ import annotations


class NotLiftedError(Exception):
    """This pipeline, contract or feature can't be computed without frames; the text says which part."""
