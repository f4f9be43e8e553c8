"""Ctrl-C at a moment that we choose: what must happen together is not torn apart by it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class _Shield:
    """Takes the place of Python's handler and remembers that Ctrl-C came; while `open`, it interrupts at once."""

    came = False
    open = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        if self.open:
            raise KeyboardInterrupt


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Let Ctrl-C wait until the block is over; it interrupts only then, or where a part of it is `open_to_ctrl_c`.

    A shield within a shield is part of the outer one.
    """
    former = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or former is not signal.default_int_handler:
        yield
        return
    shield = _Shield()
    signal.signal(signal.SIGINT, shield)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
        if shield.came:
            raise KeyboardInterrupt


@contextlib.contextmanager
def open_to_ctrl_c() -> Iterator[None]:
    """A part of a shielded block that may be given up at any moment, for example while it waits."""
    shield = signal.getsignal(signal.SIGINT)
    if not isinstance(shield, _Shield):
        yield
        return
    shield.open = True
    try:
        if shield.came:
            raise KeyboardInterrupt
        yield
    finally:
        shield.open = False
