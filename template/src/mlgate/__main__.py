"""`mlgate` and `python -m mlgate`: the same front door."""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing has begun: until a verb runs, Ctrl-C ends us without a word

from mlgate.cli import entry

if __name__ == "__main__":
    entry()
