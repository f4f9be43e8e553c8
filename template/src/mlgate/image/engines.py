"""The program on this machine that builds and runs images: docker, podman or buildah, whichever answers first."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlgate.errors import ConfigError, InfraError
from mlgate.project import run

NAMES = ("docker", "podman", "buildah")
CHOICE = "MLGATE_IMAGE_ENGINE"
NETWORK = "MLGATE_IMAGE_NETWORK"  # for engines that can't make a network of their own; a build downloads nothing
_ALIVE = {"docker": ("version", "--format", "{{.Server.Version}}"), "podman": ("info",), "buildah": ("version",)}


@dataclass(frozen=True)
class Engine:
    """How to call one engine; `buildx` where Docker has BuildKit's builder."""

    name: str
    buildx: bool = False

    @property
    def runs(self) -> bool:
        """Whether it can start what it built."""
        return self.name != "buildah"

    def say(self, *arguments: str, check: bool = True) -> str:
        """What the engine prints (stripped); InfraError with its own words where it fails."""
        environ = {**os.environ, **({} if self.buildx or self.name != "docker" else {"DOCKER_BUILDKIT": "0"})}
        return run([self.name, *arguments], Path.cwd(), environ=environ, check=check).strip()

    def inspect(self, image: str) -> dict[str, Any] | None:
        """What the engine knows of an image that it has; None where it has none of that name."""
        kind = ("inspect", "--type", "image") if self.name == "buildah" else ("image", "inspect")
        try:
            found = json.loads(self.say(*kind, image, check=False) or "[]")
        except ValueError:
            return None
        found = found[0] if isinstance(found, list) and found else found
        return found if isinstance(found, dict) and found else None

    def build(self, folder: Path, tag: str, labels: dict[str, str], epoch: int, fresh: bool = False) -> None:
        """Build the Dockerfile in `folder` as `tag`; with `fresh`, nothing of an earlier build is used."""
        words = ["--network", os.environ.get(NETWORK, "none"), "--tag", tag, *(["--no-cache"] if fresh else [])]
        words += [word for name, value in sorted(labels.items()) for word in ("--label", f"{name}={value}")]
        if self.buildx:
            epoch_is = f"SOURCE_DATE_EPOCH={epoch}"
            self.say("buildx", "build", "--load", "--provenance=false", "--build-arg", epoch_is, *words, str(folder))
        elif self.name == "docker":
            self.say("build", "--quiet", "--force-rm", *words, str(folder))
        else:  # layers are kept apart, so that a release with unchanged libraries ships the model alone
            self.say("build", "--layers", "--timestamp", str(epoch), *words, str(folder))

    def push(self, image: str, tag: str, loopback: bool) -> None:
        """Push `image` as `tag` with the login that this engine has; TLS may be missing on loopback only."""
        if self.name == "docker":
            self.say("tag", image, tag)
            self.say("push", "--quiet", tag)
        else:
            self.say("push", *(["--tls-verify=false"] if loopback else []), image, f"docker://{tag}")

    def pull(self, reference: str, loopback: bool) -> None:
        """Fetch an image by name; InfraError where that fails."""
        self.say("pull", "--quiet", *(["--tls-verify=false"] if loopback and self.name != "docker" else []), reference)

    def python(self, image: str, script: str) -> str:
        """What Python prints in a container of `image` without network, as the image's own user."""
        if self.runs:
            return self.say("run", "--rm", "--network", "none", "--entrypoint", "python3", image, "-c", script)
        name = self.say("from", image)
        try:
            return self.say("run", name, "--", "python3", "-c", script)
        finally:
            self.say("rm", name, check=False)

    def remove(self, image: str) -> None:
        """Forget a name of an image, and what nothing else names."""
        self.say("rmi", image, check=False)

    def logs(self, container: str) -> str:
        """What a container said, on both streams."""
        done = subprocess.run([self.name, "logs", "--tail", "50", container], capture_output=True, check=False)
        return (done.stdout + done.stderr).decode("utf-8", "replace")

    def steps(self, image: str) -> list[tuple[int, str]]:
        """Bytes and command of each step that made the image, the newest first; steps of no size left out."""
        if self.name == "podman":  # whose sizes are for people in any other format
            told = json.loads(self.say("history", "--format", "json", image))
            return [(step["size"], step.get("CreatedBy", "")) for step in told if step["size"] > 0]
        text = self.say("history", "--no-trunc", "--human=false", "--format", "{{.Size}}\t{{.CreatedBy}}", image)
        found = [line.partition("\t") for line in text.splitlines()]
        return [(int(size), command) for size, _, command in found if size.isdigit() and int(size) > 0]


def find() -> Engine:
    """The first engine that answers, or the one that MLGATE_IMAGE_ENGINE names.

    Raises
    ------
    ConfigError
        If MLGATE_IMAGE_ENGINE names none that we know.
    InfraError
        If none answers.
    """
    chosen = os.environ.get(CHOICE, "")
    if chosen and chosen not in NAMES:
        raise ConfigError(f"{CHOICE} is {chosen!r}", f"one of: {', '.join(NAMES)}")
    said = []
    for name in [chosen] if chosen else NAMES:
        if not (why := _why_not(name)):
            return Engine(name, buildx=name == "docker" and not _silent(name, "buildx", "version"))
        said.append(f"{name} {why}")
    mend = f"start Docker or install podman; {CHOICE} names another one; see docs/images.md"
    raise InfraError(f"no container engine answers: {'; '.join(said)}", mend)


def _why_not(name: str) -> str:
    return _silent(name, *_ALIVE[name]) if shutil.which(name) else "is not installed"


def _silent(name: str, *arguments: str) -> str:
    """Empty where the program ends well, else its last words."""
    try:
        done = subprocess.run([name, *arguments], capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not answer: {error}"
    words = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return "" if done.returncode == 0 else (words[-1] if words else f"ended with {done.returncode}")[:200]
