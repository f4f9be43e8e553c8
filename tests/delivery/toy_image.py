"""The toy service as an image: a layer on the base image, pushed without a container engine in a second."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from importlib.metadata import distribution
from pathlib import Path

from containers import quiet

TOY = Path(__file__).parents[1] / "mlgate" / "delivery" / "toy_service.py"
LIBRARIES = ("uvicorn", "starlette", "anyio", "h11", "click", "idna", "typing_extensions", "sniffio")
SITE, BENTO, PROGRAM = "mlgate/site", "mlgate/bento", "mlgate/toy/toy_service.py"


def push(crane: str, base: str, repository: str, bundle: Path, digest: str, version: str, fault: str = "none") -> str:
    """REPOSITORY@sha256:… of an image that holds `bundle` and runs the toy with `fault`, as the user 10001."""
    tag = f"{repository}:{version}"
    with tempfile.NamedTemporaryFile(suffix=".tar") as layer:
        with tarfile.open(layer.name, "w") as archive:
            _libraries(archive)
            archive.add(TOY, PROGRAM)
            for path in sorted(bundle.rglob("*")):
                if path.is_file() and path.name != "release.json":
                    archive.add(path, f"{BENTO}/{path.relative_to(bundle)}")
            compiled = tarfile.TarInfo(f"{BENTO}/src/__pycache__/model.pyc")  # as a real image has them
            archive.addfile(compiled, io.BytesIO())
        quiet(crane, "append", "--insecure", "-b", base, "-f", layer.name, "-t", tag)
    entry = ["python3", f"/{PROGRAM}", "3000", version, fault]
    words = ["--entrypoint", ",".join(entry), "--user", "10001:10001", "--label", f"mlgate.bento-digest={digest}"]
    words += ["--env", f"PYTHONPATH=/{SITE}", "--env", "TOY_HOST=0.0.0.0", "--env", "PYTHONDONTWRITEBYTECODE=1"]
    words += ["--env", "MLGATE_ENVIRONMENT_STATE=/tmp"]
    quiet(crane, "mutate", "--insecure", *words, "-t", tag, tag)
    return f"{repository}@{quiet(crane, 'digest', '--insecure', tag)}"


def _libraries(archive: tarfile.TarFile) -> None:
    for name in LIBRARIES:
        try:
            found = distribution(name)
        except ImportError:  # of another version of anyio
            continue
        for file in found.files or []:
            path = Path(str(found.locate_file(file)))
            if path.suffix in (".py", ".typed") and ".." not in file.parts:
                archive.add(path, f"{SITE}/{file}")


def labels(inspected: str) -> dict[str, str]:
    return dict(json.loads(inspected)[0]["Config"]["Labels"])
