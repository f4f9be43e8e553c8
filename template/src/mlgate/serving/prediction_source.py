"""A prediction log that lies elsewhere: a folder, or an object store that fsspec has a driver for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlgate.errors import ConfigError, InfraError

DRIVERS = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "az": "adlfs",
    "ssh": "paramiko",
    "sftp": "paramiko",
}


def files(source: str, environment: str) -> Iterator[bytes]:
    """The content of every `*.jsonl` below `source`, in the order of their paths; none where there is no such folder.

    Parameters
    ----------
    source
        A path or URL; `{environment}` in it stands for the environment's name.

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
        names = sorted(system.glob(f"{path.rstrip('/')}/**/*.jsonl"))
        for name in names:
            yield system.cat_file(name)
    except FileNotFoundError:
        return
    except (ImportError, ValueError) as error:
        package = DRIVERS.get(url.partition("://")[0], "its driver, see the list of fsspec")
        raise ConfigError(f"monitor.source: {_words(error)}", f"`uv add --optional pipeline {package}`") from error
    except Exception as error:  # each driver has exceptions of its own
        mend = "check monitor.source, the credentials and the network, then run it again"
        raise InfraError(f"the prediction log at {_shown(url)} can't be read: {_words(error)}", mend) from error


def _shown(url: str) -> str:
    return re.sub(r"//[^/@]+@", "//", url)


def _words(error: Exception) -> str:
    return _shown((str(error).strip().splitlines() or [type(error).__name__])[0])[:200]
