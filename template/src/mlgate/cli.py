"""The front door: one subcommand a verb, imported only when it is called, and one exit code for each way to end."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import sys
import tempfile
import threading
import traceback
from pathlib import Path

import click

from mlgate.errors import INFRASTRUCTURE, USAGE, MlgateError

INTERRUPTED = 130  # as shells say it: 128 + SIGINT

# How long OpenMP's threads spin for more work before they sleep. Seconds of one fit, alone on two cores and beside a
# second one: libgomp's own choice 2.1 and over 50, no spinning at all 4.3 and 3.9, a thousand times 2.1 and 6.4.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "passive"  # for runtimes other than libgomp, which looks at the next one first
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# Imports make a million objects that stay, and Python would search them for cycles after each 700 new ones.
gc.set_threshold(100_000, 50, 50)

VERBS = {
    "ingest": "Take a new raw snapshot into data/ and version it.",
    "pull": "Fetch data and models from the DVC remote.",
    "push": "Send data and models to the DVC remote.",
    "validate": "Check contracts and data quality.",
    "train": "Fit the pipeline on the training rows and record the run.",
    "evaluate": "Gate the model: floor, and champion in production.",
    "prove": "Run each gate on its own bad input and expect red.",
    "package": "Build the Bento that goes into production, and its image.",
    "deploy": "Commit a release to an environment and start it.",
    "promote": "Copy the staging release to production.",
    "rollback": "Return an environment to an earlier release.",
    "freeze": "Let nothing new come to an environment until it is lifted.",
    "status": "Show what each environment should run and does run.",
    "history": "Show the releases of an environment.",
    "lineage": "From a digest back to data, code, metrics and people.",
    "serve": "Run what an environment's ledger names.",
    "replay": "Send recorded or generated traffic to an environment.",
    "monitor": "Look for drift in live traffic and decide.",
    "retrain": "New data, same pipeline, same gates, a branch with the report.",
    "adopt": "Make any table the project.",
    "doctor": "Check tools and configuration, each with its mend.",
    "demo": "Tell the whole loop step by step.",
}


class _Lazy(click.Group):
    """Lists the verbs from the table above, so that `--help` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"mlgate.verbs.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs, in the order of the loop"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """Keep main deployable: version the data, gate the model, deploy it by Git, watch it.

    \b
    Example:  uv run mlgate demo
    Exit:     0 pass, 1 a gate failed (data or model), 2 usage or configuration, 3 infrastructure.
    """


def main(argv: list[str] | None = None) -> int:
    """Run one verb and return its exit code; a problem ends in one message, never in a traceback."""
    try:
        result = cli.main(args=argv, prog_name="mlgate", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Abort:
        return _interrupted()
    except KeyboardInterrupt:
        return _interrupted()
    except click.ClickException as error:
        error.show()
        return USAGE
    except MlgateError as error:
        _say(f"error: {error}" + (f"\n  next: {error.mend}" if error.mend else ""))
        return error.code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INFRASTRUCTURE
    except OSError as error:
        _say(f"error: {error}\n  next: check the disk, the rights and the network, then run the same verb again")
        return INFRASTRUCTURE
    except Exception:  # the outermost layer: what we did not foresee is kept for a bug report, not shown
        return _unforeseen()


def _interrupted() -> int:
    _say("interrupted: nothing was left half-written; run the same verb again")
    return INTERRUPTED


def _unforeseen() -> int:
    here = Path(".mlgate") if Path("params.yaml").exists() else Path(tempfile.gettempdir())
    log = Path(os.environ.get("MLGATE_STATE") or here) / "crash.log"
    words = traceback.format_exc()
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(words, encoding="utf-8")
        where = f"the traceback is in {log}"
    except OSError:
        where = words
    _say(f"error: a bug in mlgate or in src/model: {words.strip().splitlines()[-1]}\n  next: {where}")
    return INFRASTRUCTURE


def _say(message: str) -> None:
    click.echo(message, err=True)


def _once_more(lost: sys.UnraisableHookArgs) -> None:
    """Give a Ctrl-C again that came while Python ran a callback of its own, where it prints what is raised and goes on.

    An import has such callbacks. Raised here it would be lost as well.
    """
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    main_thread = threading.main_thread().ident or 0
    again = threading.Timer(0.01, signal.pthread_kill, [main_thread, signal.SIGINT])
    again.daemon = True
    with contextlib.suppress(RuntimeError):  # Python is ending
        again.start()


def entry() -> None:
    """What a terminal starts: `main`, and an end that a late or second Ctrl-C cannot spoil."""
    sys.unraisablehook = _once_more
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # from `mlgate.__main__`, for the time of the imports
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()  # Python's end would search all there is twice: 0.2 s after most verbs, 0.9 s after `train`
    if code == INTERRUPTED:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(code)  # at once: threads may still wait for work, and Python would report the signal, not the code
    sys.exit(code)
