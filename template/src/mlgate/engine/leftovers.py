"""Containers of an environment that nothing records any more, as their client and their starter were killed."""

from __future__ import annotations

import subprocess

from mlgate.engine.records import Replica, State

FOLDER = "mlgate.folder"  # the label by which a container says whose it is


def clear(state: State, keep: Replica | None) -> None:
    """Remove every container of this environment but that of `keep`; nothing where none was ever started here."""
    if not state.client_path.exists():
        return
    client = state.client_path.read_text()
    listing = [client, "ps", "--all", "--filter", f"label={FOLDER}={state.folder}", "--format", "{{.Names}}"]
    try:
        done = subprocess.run(listing, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # it was uninstalled, and its containers are nobody's
        return
    kept = keep.remove[-1] if keep and keep.remove else ""
    if names := [name for name in done.stdout.split() if name != kept]:
        command = [client, "rm", "--force", "--volumes", *names]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
