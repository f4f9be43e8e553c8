"""The engine `container`: releases as containers of Docker or podman, the image by its digest, with as few rights as
it takes to answer."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from mlgate.engine.bundles import bundle_of
from mlgate.engine.leftovers import FOLDER
from mlgate.engine.local import Local
from mlgate.engine.records import Launch, State
from mlgate.engine.replica import NAME, PORT
from mlgate.engine.unpack import unpack
from mlgate.errors import DataError, InfraError
from mlgate.files import write_atomic
from mlgate.image import engines
from mlgate.image.build import labels_of, tag_of
from mlgate.image.context import PORT as INSIDE
from mlgate.image.context import STATE
from mlgate.image.inside import USER
from mlgate.image.labels import BENTO
from mlgate.image.reference import Reference
from mlgate.packing.release import Release
from mlgate.serving.pseudonym import FILE, read_key

WRITABLE = ("history", "predictions")  # all that a container may write, beside what vanishes with it
PROCESSES = 256
FINDS = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "CONTAINER_HOST", "CONTAINERS_CONF", "XDG_RUNTIME_DIR")
SCRATCH = "/tmp:rw,nosuid,nodev,noexec,size=256m"  # noqa: S108 - in the container


@dataclass(frozen=True)
class Image:
    """An image that `client` has: `reference` names its digest."""

    client: engines.Engine
    reference: str


class Containers(Local):
    """A copy is the client's `run` in the foreground: it ends when the container does, and passes SIGTERM on."""

    name = "container"

    def bundle(self, release: Release) -> Path:
        """The release's files, taken out of its image where this machine never built it."""
        image = self.image(release)
        if not (self.project.state / "releases" / release.hex).is_dir():
            unpack(image.client, image.reference, self.project, release)
        return bundle_of(self.project, release)

    def image(self, release: Release) -> Image:
        """The image of a release on this machine: pulled by digest, or the one built here where none was pushed.

        Raises
        ------
        DataError
            If there is none, or what is there was not built from this release.
        InfraError
            If no container engine answers, or the registry does not give the image.
        """
        client = engines.find()
        if not client.runs:
            raise InfraError(f"{client.name} builds images and runs none", "install Docker or podman")
        reference = release.container or tag_of(self.project, release)
        found = client.inspect(reference)
        if found is None and release.container:
            client.pull(reference, Reference.parse(reference).loopback)
            found = client.inspect(reference)
        if found is None:
            mend = "run `mlgate package --image` there, or push it"
            raise DataError(f"release {release.version} has no image on this machine", mend)
        if (said := labels_of(found).get(BENTO, "nothing")) != release.image:
            message = f"{reference} was built from {said}, and release {release.version} is {release.image}"
            raise DataError(message, "run `mlgate package --image` again")
        return Image(client, release.container or str(found["Id"]))

    def launch(self, environment: str, release: Release, bundle: Path) -> Launch:
        folder, image = self.project.environment_state(environment), self.image(release)
        client = image.client.name
        user = os.geteuid() or USER
        _prepare(State(folder), client, user)
        inside = f"{STATE}/environments/{environment}"
        slug = self.project.params.project.slug
        name = f"mlgate-{slug}-{environment}-{NAME}"
        words = [client, "run", "--rm", "--name", name, "--pull", "never", "--log-driver", "none"]
        words += ["--publish", f"127.0.0.1:{PORT}:{INSIDE}", *self._confined(client, user)]
        words += ["--label", f"{FOLDER}={folder}", "--label", f"mlgate.project={slug}"]
        words += ["--label", f"mlgate.environment={environment}", "--label", f"mlgate.version={release.version}"]
        for own in WRITABLE:
            words += ["--mount", f"type=bind,source={folder / own},target={inside}/{own}"]
        words += ["--env", f"MLGATE_ENVIRONMENT={environment}", "--env", f"MLGATE_ENVIRONMENT_STATE={inside}"]
        words += [*self._key(folder, user), image.reference]
        found = {name: os.environ[name] for name in FINDS if name in os.environ}
        remove = [client, "rm", "--force", "--volumes", name]
        return Launch(
            image=release.image, version=release.version, engine=self.name, command=words, remove=remove,
            environ=found, folder=folder,
        )  # fmt: skip

    def _confined(self, client: str, user: int) -> list[str]:
        """No rights, no writing beside its own folders, and limits that another program's life can depend on."""
        words = ["--user", f"{user}:{os.getegid() or USER}", "--read-only", "--tmpfs", SCRATCH]
        words += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", str(PROCESSES)]
        words += ["--memory", f"{self.project.params.deploy.memory_mb}m"]
        return [*words, *(["--userns", "keep-id"] if client == "podman" and os.geteuid() else [])]

    def _key(self, folder: Path, user: int) -> list[str]:
        """The pseudonym key as a file that `user` can read: a restart by the proxy must find the same, whoever calls,
        and what a variable holds is told to everybody who may inspect the container."""
        key, path = read_key(self.project.state), folder / FILE
        new = path.with_name(f".{FILE}.new")  # the copy that serves has the former one until this is whole
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "wb") as stream:
            stream.write(key)
        _give(new, user)
        new.replace(path)
        return ["--mount", f"type=bind,source={path},target={STATE}/{FILE},readonly"]


def _prepare(state: State, client: str, user: int) -> None:
    """The folders that a container writes in belong to its user; with which client it ran is kept for clearing up."""
    for name in WRITABLE:
        top = state.folder / name
        top.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in (top, *top.iterdir()):
            _give(path, user)
    write_atomic(state.client_path, client.encode())


def _give(path: Path, user: int) -> None:
    if os.geteuid() == 0:
        with contextlib.suppress(FileNotFoundError):  # a log that was rotated away just now
            os.chown(path, user, user)
