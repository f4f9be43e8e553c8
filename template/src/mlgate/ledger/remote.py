"""The branch where a remote has the truth: looked at before a decision, and pushed only from what the decision saw."""

from __future__ import annotations

import contextlib
import random
import re
import time
from dataclasses import dataclass
from pathlib import Path

from mlgate.errors import ConfigError, InfraError
from mlgate.ledger import past
from mlgate.ledger.branch import Branch, Commit, Now, Overtaken
from mlgate.ledger.plumbing import Answer, ask, await_lock, common, objects, tell

TIMEOUT = 60.0  # seconds for one talk with the remote
PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds between tries, each with up to as much again by chance
EVERYTHING = 2_147_483_647  # what Git takes for a depth without end
LIMITS = ("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=30", "-c", "protocol.version=2")
# No second try would change these.
HOPELESS = re.compile(
    r"authentication failed|permission denied|could not read username|returned error: 40[134]|access denied"
    r"|does not appear to be a git repository|repository not found|repository '.*' not found|host key verification"
    r"|no such remote|unable to create|read-only file system|no space left|insufficient permission",
    re.IGNORECASE,
)
RACE = re.compile(
    r"\[rejected\]|stale info|fetch first|non-fast-forward|cannot lock ref|failed to update ref|already exists"
    r"|incorrect old value|failed to lock",
    re.IGNORECASE,
)
# Said of a push that met the remote's own `git gc`, which removes empty folders, and also of one that met a full disk.
PASSING = "unable to migrate objects"


@dataclass(frozen=True)
class RemoteBranch(Branch):
    """The branch `name` of `remote`; what was last seen of it is kept beside this repository's own branches."""

    remote: str = ""

    @property
    def ref(self) -> str:
        return f"refs/mlgate/remotes/{self.remote}/{self.name}"

    @property
    def seen(self) -> str:
        return self.ref

    @property
    def there(self) -> str:
        return f"refs/heads/{self.name}"

    @property
    def lock(self) -> str:
        return f"mlgate-{self.remote}-{self.name.replace('/', '-')}.lock"

    def sync(self) -> None:
        """Learn how the branch stands at the remote; silence is an error there, never an empty branch.

        Raises
        ------
        past.Rewritten
            If the remote lacks commits that were seen there.
        InfraError
            If it doesn't answer.
        """
        with self._alone():
            seen, head = self._remembered(), self._listed()
            if head == seen:
                return
            if head:
                head = self._fetched()
            past.refuse(self.folder, self.name, seen, head, self.remote)
            if head:
                self._remember(head)

    def turn(self) -> contextlib.AbstractContextManager[object]:
        """Nobody waits here for another's talk with the remote: there, the faster one wins."""
        return contextlib.nullcontext()

    def accept(self) -> list[str]:
        """As the remote has it now."""
        with self._alone():
            seen, head = self._remembered(), self._fetched() if self._listed() else ""
            gone = past.accept(self.folder, f"{self.remote}/{self.name}", self.ref, seen, head)
            if head and not gone:
                self._remember(head)
            return gone

    def log(self, head: str) -> list[Commit]:
        """The whole past, also where this clone is a shallow one."""
        found = super().log(head)
        border = common(self.folder) / "shallow"
        if found and border.is_file() and found[-1].commit in border.read_text().split():
            self._talk("fetch", "--no-tags", "--no-write-fetch-head", f"--depth={EVERYTHING}", self.remote, self.there)
            found = super().log(head)
        return found

    def advance(self, commit: str, parent: str, reason: str) -> None:
        """Push `commit`, whose parent is `parent`, if the remote's branch still stands there: Git compares and swaps.

        Raises
        ------
        Overtaken
            If the remote has moved on.
        InfraError
            If the remote refuses the push, or doesn't answer; a commit that arrived all the same is found by the next
            run, which then has nothing to do.
        """
        lease = f"--force-with-lease={self.there}:{parent}"
        flags = ("--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no", "--no-signed", lease)
        answer = self._talk("push", *flags, self.remote, f"{commit}:{self.there}", verdict="!\t")
        if answer.code and self._listed() != commit:  # a first try may have arrived, and its answer not
            said = next((line for line in answer.text.splitlines() if line.startswith("!")), answer.words)
            if RACE.search(said):
                raise Overtaken(f"{self.name} was written by someone else meanwhile", "run it again")
            raise InfraError(
                f"{self.remote} refuses {self.name}: {said.rpartition(chr(9))[2]} {answer.words}".strip(),
                "give this account the right to push to env/*, and look at the rules of that branch",
            )
        with self._alone():
            self._remember(commit)

    def _look(self, names: tuple[str, ...]) -> tuple[Now, str]:
        return self._found(names)  # `sync` has compared already

    def _listed(self) -> str:
        """The newest commit of the branch at the remote, or empty where it has no such branch."""
        rows = self._talk("ls-remote", "--quiet", self.remote, self.there).text.splitlines()
        return next((row.split("\t")[0] for row in rows if row.endswith(f"\t{self.there}")), "")

    def _fetched(self) -> str:
        """Get the branch's commits, without taking it for ours yet; its newest."""
        incoming = f"refs/mlgate/incoming/{self.remote}/{self.name}"
        await_lock(common(self.folder) / f"{incoming}.lock")
        flags = ("--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no")
        answer = self._talk("fetch", *flags, self.remote, f"+{self.there}:{incoming}")
        (found,) = objects(self.folder, [incoming])
        if found is None:
            raise InfraError(f"{self.remote} does not give {self.name}: {answer.words}", "run the same verb again")
        return found[0]

    def _remembered(self) -> str:
        (found,) = objects(self.folder, [self.ref])
        return found[0] if found else ""

    def _remember(self, head: str) -> None:
        await_lock(common(self.folder) / f"{self.ref}.lock")
        tell(self.folder, "update-ref", "--create-reflog", "-m", "seen", self.ref, head)

    def _talk(self, verb: str, *arguments: str, verdict: str = "") -> Answer:
        """Ask the remote, again after a pause where it did not; output with `verdict` is an answer if it lasts."""
        for pause in (*PAUSES, None):
            answer = ask(self.folder, *LIMITS, verb, *arguments, timeout=TIMEOUT)
            said = bool(verdict) and verdict in answer.text
            if not answer.code or (said and PASSING not in answer.text):
                return answer
            if pause is None or HOPELESS.search(answer.words):
                break
            time.sleep(pause * random.uniform(1, 2))  # noqa: S311 - no secret
        if said:
            return answer
        raise InfraError(
            f"{self.remote} does not answer `git {verb}`: {answer.words}",
            "check the network, the address (`git remote -v`) and your rights there, then run the same verb again",
        )


def known(folder: Path, remote: str) -> str:
    """The name of a remote, after Git was asked whether there is one; ConfigError lists those that are."""
    names = tell(folder, "remote").text.split()
    if remote not in names or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", remote):
        there = ", ".join(names) or "none"
        raise ConfigError(f"there is no remote {remote[:60]!r}; there are: {there}", "see `git remote -v`")
    return remote
