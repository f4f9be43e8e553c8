"""A prediction log where it lies: this machine's folder, another one, or a store that fsspec has a driver for."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from mlgate.errors import ConfigError, InfraError
from mlgate.serving.prediction_read import blocks

DRIVERS = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "az": "adlfs",
    "ssh": "paramiko",
    "sftp": "paramiko",
}
_OURS = re.compile(r"(\d{4}-\d{2}-\d{2})-\d+-[0-9a-f]{8}\.jsonl")  # as `PredictionLog` names a file, by its day


def here(folder: Path, since: datetime | None = None) -> Iterator[bytes]:
    """The log in a folder of this machine, in blocks of whole lines; `since` as in `files`."""
    for name in recent(sorted(map(str, folder.glob("*.jsonl"))), since):
        with contextlib.suppress(FileNotFoundError), Path(name).open("rb") as stream:  # the oldest go meanwhile
            yield from blocks(stream)


def files(source: str, environment: str, since: datetime | None = None) -> Iterator[bytes]:
    """Every `*.jsonl` below `source`, in the order of their paths and in blocks of whole lines; none without a folder.

    Parameters
    ----------
    source
        A path or URL; `{environment}` in it stands for the environment's name.
    since
        Files are left out whose names say that what they hold was answered before (UTC without zone).

    Raises
    ------
    ConfigError
        If there is no driver for the URL, with the package that brings it.
    InfraError
        If the store can't be reached or refuses; without a password that stands in the URL.
    """
    import fsspec

    url = source.replace("{environment}", environment)
    try:
        system, path = fsspec.core.url_to_fs(url)
        for name in recent(sorted(system.glob(f"{path.rstrip('/')}/**/*.jsonl")), since):
            with contextlib.suppress(FileNotFoundError), system.open(name, "rb") as stream:
                yield from blocks(stream)
    except FileNotFoundError:
        return
    except (ImportError, ValueError) as error:
        package = DRIVERS.get(url.partition("://")[0], "its driver, see the list of fsspec")
        raise ConfigError(f"monitor.source: {_words(error)}", f"`uv add --optional pipeline {package}`") from error
    except Exception as error:  # each driver has exceptions of its own
        mend = "check monitor.source, the credentials and the network, then run it again"
        raise InfraError(f"the prediction log at {_shown(url)} can't be read: {_words(error)}", mend) from error


def recent(names: list[str], since: datetime | None) -> list[str]:
    """Without the files of days before `since`, but for the newest of them, which shows that there was traffic."""
    days = {name: day for name in names if since and (day := _day(name)) and day <= since - timedelta(days=1)}
    left_out = set(sorted(days, key=lambda name: days[name])[:-1])
    return [name for name in names if name not in left_out]


def _day(name: str) -> datetime | None:
    """The day on which all of a file was answered, by its name; None where it is not one of the service's names."""
    match = _OURS.fullmatch(re.split(r"[/\\]", name)[-1])
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(match[1]) if match else None
    return None


def _shown(url: str) -> str:
    return re.sub(r"//[^/@]+@", "//", url)


def _words(error: Exception) -> str:
    return _shown((str(error).strip().splitlines() or [type(error).__name__])[0])[:200]
