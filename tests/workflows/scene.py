"""A repository on the forge and a developer's clone: branches, pull requests, merges, and events from them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from act import Done, Event, Machine
from forge.server import Forge
from forge.smart_git import protect

OWNER, NAME = "ada", "card-fraud"
IDENTITY = ["-c", "user.name=Ada Tester", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]


@dataclass
class Scene:
    """One scenario's world, its own from end to end."""

    folder: Path
    machine: Machine
    clone: Path
    bare: Path
    forge: Forge
    runs: list[Done] = field(default_factory=list)

    @classmethod
    def of(cls, world: Path, folder: Path, machine: Machine) -> Scene:
        """Copies of the prepared clone and of its bare origin."""
        clone = Path(shutil.copytree(world / "clone", folder / "clone", symlinks=True))
        bare = Path(shutil.copytree(world / "origin.git", folder / "origin.git", symlinks=True))
        scene = cls(folder, machine, clone, bare, Forge(bare, OWNER, NAME))
        scene.git("remote", "set-url", "origin", str(bare))
        protect(bare)
        return scene

    def git(self, *words: str, at: Path | None = None, stdin: str | None = None) -> str:
        done = subprocess.run(
            ["git", *IDENTITY, *words], cwd=at or self.clone, capture_output=True, text=True, check=False, input=stdin
        )
        assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
        return done.stdout.strip()

    def refs(self) -> dict[str, str]:
        """Branches of the forge, name → commit."""
        listed = self.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", at=self.bare)
        return {line.split()[0].removeprefix("refs/heads/"): line.split()[1] for line in listed.splitlines()}

    def show(self, branch: str, path: str) -> str:
        return self.git("show", f"refs/heads/{branch}:{path}", at=self.bare)

    def commit(self, message: str, files: dict[str, str | bytes]) -> str:
        """Write files in the clone and commit them, hooks aside, as someone hostile would."""
        for name, content in files.items():
            path = self.clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "-f", "--", *files)
        self.git("commit", "-q", "--no-verify", "-m", message)
        return self.git("rev-parse", "HEAD")

    def push_main(self) -> Event:
        """Move main on the forge to the clone's HEAD, as a merged pull request does."""
        before = self.refs()["main"]
        self.git("push", "-q", "origin", "HEAD:refs/heads/main")
        return self.pushed(before)

    def pushed(self, before: str = "0" * 40) -> Event:
        sha = self.refs()["main"]
        repository = self.forge.state.description.example("full-repository")
        payload = {"ref": "refs/heads/main", "before": before, "after": sha, "deleted": False}
        payload |= {"repository": repository | self._repository(), "head_commit": {"id": sha, "message": "merge"}}
        return Event("push", "refs/heads/main", sha, payload)

    def pull_request(self, branch: str, title: str = "A change", body: str = "", fork: str = "") -> Event:
        """A pull request of the clone's HEAD, its head and its merge with main on the forge."""
        state, head = self.forge.state, self.git("rev-parse", "HEAD")
        number = state.count + 1
        self.git("push", "-q", "origin", f"{head}:refs/pull/{number}/head")
        if not fork:
            self.git("push", "-q", "origin", f"{head}:refs/heads/{branch}")
        main = self.refs()["main"]
        tree = self.git("merge-tree", "--write-tree", main, head, at=self.bare).splitlines()[0]
        merge = self.git("commit-tree", tree, "-p", main, "-p", head, "-m", f"Merge {head} into {main}", at=self.bare)
        self.git("update-ref", f"refs/pull/{number}/merge", merge, at=self.bare)
        pull = state.open_pull(title, body, branch, "main", by="eve" if fork else "ada", fork=fork)
        return self.pull_event(pull)

    def pull_event(self, pull: dict[str, Any], action: str = "opened") -> Event:
        number = pull["number"]
        merge = self.git("rev-parse", f"refs/pull/{number}/merge", at=self.bare)
        payload = {"action": action, "number": number, "pull_request": pull}
        payload |= {"repository": pull["base"]["repo"] | self._repository(), "sender": pull["user"]}
        return Event("pull_request", f"refs/pull/{number}/merge", merge, payload, actor=pull["user"]["login"])

    def scheduled(self, cron: str = "0 6 * * *") -> Event:
        payload = {"schedule": cron, "repository": self._repository()}
        return Event("schedule", "refs/heads/main", self.refs()["main"], payload)

    def dispatched(self, **inputs: str) -> Event:
        payload = {"ref": "refs/heads/main", "inputs": inputs, "repository": self._repository()}
        return Event("workflow_dispatch", "refs/heads/main", self.refs()["main"], payload)

    def _repository(self) -> dict[str, Any]:
        state = self.forge.state
        full = {"name": NAME, "full_name": f"{OWNER}/{NAME}", "default_branch": "main", "private": True, "fork": False}
        return full | {"owner": state.user(OWNER), "html_url": f"https://github.com/{OWNER}/{NAME}"}

    def run(self, workflow: str, event: Event, **options: Any) -> Done:
        """Run a workflow of the repository as it is on the event's commit."""
        home = self.folder / f"run-{len(self.runs)}"
        source = home / "source"
        source.mkdir(parents=True)
        archive = subprocess.run(
            ["git", "archive", event.sha, ".github"], cwd=self.bare, capture_output=True, check=True
        ).stdout
        subprocess.run(["tar", "-x", "-C", str(source)], input=archive, check=True)
        done = self.machine.run(self.forge, source / ".github" / "workflows", workflow, event, home, **options)
        self.runs.append(done)
        return done
