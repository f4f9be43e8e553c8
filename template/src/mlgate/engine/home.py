"""What a copy of a release keeps while it runs, BentoML's own files and temporary ones: gone with it, killed or not."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
from pathlib import Path

HOME, TEMPORARY = ".home", "temporary"


def home_of(record: Path) -> Path:
    """The folder beside the copy's record."""
    return record.with_suffix(HOME)


def furnish(record: Path) -> dict[str, str]:
    """Make the home of a copy that is about to start; return the variables that lead there.

    BentoML empties the metrics that it finds in its home when it starts: each copy has its own. Temporary files are
    where this machine keeps such, as a socket's path may have 108 characters; the link is made first, so that a kill
    at any moment leaves nothing that `clear` does not find.
    """
    home = home_of(record)
    home.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.gettempdir()) / f"mlgate-{secrets.token_hex(8)}"
    (home / TEMPORARY).symlink_to(temporary)
    temporary.mkdir(mode=0o700)
    return {"BENTOML_HOME": str(home), "TMPDIR": str(temporary)}


def clear(home: Path) -> None:
    """Remove a home and the temporary files of its copy, which has ended."""
    with contextlib.suppress(OSError):
        shutil.rmtree((home / TEMPORARY).readlink(), ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)


def clear_all(copies: Path, keep: Path | None) -> None:
    """Remove every home but that of the copy whose record is `keep`."""
    for home in copies.glob(f"*{HOME}"):
        if keep is None or home != home_of(keep):
            clear(home)
