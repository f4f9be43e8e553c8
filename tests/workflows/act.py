"""Runs a workflow for real: nektos/act on this machine, a clean environment, stand-ins, the forge."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from forge.server import Forge, Token

from mlgate.engine.replica import free_port

STAND_INS = Path(__file__).with_name("stand_ins")
USES = re.compile(r"uses:\s*([\w.-]+/[\w.-]+)((?:/[\w.-]+)*)@([0-9a-f]{40})")
GIVEN = re.compile(r"\$\{\{\s*(?:github\.token|secrets\.GITHUB_TOKEN)\s*\}\}")


@dataclass
class Job:
    """What became of one job: its result as GitHub names it, how long it worked, and what it printed."""

    result: str = "skipped"
    seconds: float = 0.0
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass
class Done:
    """A workflow that ran: exit code, jobs by id, what was attested, which jobs were given a cache, all summaries."""

    exit: int
    jobs: dict[str, Job]
    attested: list[dict[str, Any]]
    cached: dict[str, str]
    summary: str
    text: str

    def results(self) -> dict[str, str]:
        return {name: job.result for name, job in self.jobs.items()}

    def told(self) -> str:
        """For a failed assertion: each job's result and its last lines."""
        parts = [f"exit {self.exit}"]
        for name, job in self.jobs.items():
            parts.append(f"== {name}: {job.result}, {job.seconds:.0f} s\n" + "\n".join(job.lines[-40:]))
        return "\n".join(parts)


@dataclass
class Machine:
    """A runner: programs and folders that every run shares."""

    act: str
    uv: str
    folder: Path  # environments and bytecode of jobs, kept between runs
    cache: Path  # uv's

    def environ(self, home: Path) -> dict[str, str]:
        """Nothing of who runs the tests: what a fresh runner has, and where the stand-ins find their tools."""
        home.mkdir(parents=True, exist_ok=True)
        for name in ("attested", "cached"):
            (home / name).touch()
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(home),
            "TMPDIR": tempfile.gettempdir(),  # the session's; short, as sockets want it
            "LANG": "C.UTF-8",
            "XDG_CACHE_HOME": str(home / "cache"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "NO_PROXY": "127.0.0.1",
            "UV_CACHE_DIR": str(self.cache),
            "UV_PYTHON": sys.executable,
            "UV_PYTHON_DOWNLOADS": "never",
            "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"),
            "OMP_NUM_THREADS": "1",
            "DO_NOT_TRACK": "1",
            "STAND_IN_UV": self.uv,
            "STAND_IN_PYTHON": sys.executable,
            "STAND_IN_ARTIFACT": str(STAND_INS / "artifact.py"),
            "STAND_IN_CACHE": str(STAND_INS / "cache.py"),
            "STAND_IN_ENVIRONMENTS": str(self.folder / "environments"),
            "STAND_IN_ATTESTED": str(home / "attested"),
            "STAND_IN_CACHED": str(home / "cached"),
            "STAND_IN_TOKENS": str(home / "tokens.json"),
        } | {
            key: value
            for key, value in os.environ.items()
            if key.startswith(("UV_INDEX", "UV_DEFAULT_INDEX", "SSL_CERT", "NODE_EXTRA_CA_CERTS"))
        }

    def run(
        self, forge: Forge, workflows: Path, workflow: str, event: Event, home: Path, *, job: str = "",
        read_only: bool = False, timeout: float = 900, secrets: dict[str, str] | None = None,
        caches: Path | None = None, **environ: str,
    ) -> Done:  # fmt: skip
        """Run `workflow` (a file of `workflows`) on an event; `job` runs that job and what it needs.

        `caches` is the folder of a cache server, which there is none of otherwise.
        """
        environment = self.environ(home) | environ
        checkout = home / "workdir"
        tokens = give_tokens(forge, workflows, checkout / ".github" / "workflows", workflow, read_only)
        (home / "tokens.json").write_text(json.dumps(tokens), encoding="utf-8")
        (home / "event.json").write_text(json.dumps(event.payload), encoding="utf-8")
        subprocess.run(["git", "init", "-q", str(checkout)], check=True)
        command = [self.act, event.name, "-C", str(checkout), "-W", f".github/workflows/{workflow}"]
        command += [
            "-e",
            str(home / "event.json"),
            "-P",
            "ubuntu-24.04=-self-hosted",
            "-P",
            "ubuntu-latest=-self-hosted",
        ]
        command += ["--json", "--no-skip-checkout", "--concurrent-jobs", "2", "-a", event.actor]
        cached = ["--cache-server-addr", "127.0.0.1", "--cache-server-path", str(caches)]
        command += cached if caches else ["--no-cache-server"]
        command += ["--artifact-server-path", str(home / "artifacts"), "--artifact-server-addr", "127.0.0.1"]
        command += ["--artifact-server-port", str(free_port()), "-s", f"GITHUB_TOKEN={tokens['']}"]
        command += [word for key, value in (secrets or {}).items() for word in ("-s", f"{key}={value}")]
        command += ["-j", job] if job else []
        for name, folder in replacements(workflows.parents[1]).items():
            command += ["--local-repository", f"{name}={folder}"]
        for key, value in self.context(forge, event, workflow).items():
            command += ["--env", f"{key}={value}"]
        with (home / "act.log").open("w") as out:
            process = subprocess.run(
                command, env=environment, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                timeout=timeout, check=False,
            )  # fmt: skip
        return read_log(home, process.returncode)

    def context(self, forge: Forge, event: Event, workflow: str) -> dict[str, str]:
        """What GitHub sets and act does not, or not to this forge."""
        return {
            "GITHUB_WORKFLOW_REF": f"{forge.owner}/{forge.name}/.github/workflows/{workflow}@{event.ref}",
            "GITHUB_API_URL": forge.api,
            "GITHUB_SERVER_URL": forge.url,
            "GITHUB_REPOSITORY": f"{forge.owner}/{forge.name}",
            "GITHUB_REPOSITORY_OWNER": forge.owner,
            "GITHUB_REF": event.ref,
            "SHA_REF": event.sha,
            "GITHUB_RUN_ID": str(int(time.time() * 1000) % 2**31),
            "GITHUB_RUN_ATTEMPT": "1",
        }


@dataclass
class Event:
    """What GitHub tells a workflow: the event's name, its payload, and where it stands."""

    name: str
    ref: str
    sha: str
    payload: dict[str, Any]
    actor: str = "ada"


def give_tokens(forge: Forge, workflows: Path, copies: Path, workflow: str, read_only: bool) -> dict[str, str]:
    """A token a job, with the rights that the workflow grants that job; one for those who don't say which, with all.

    act knows one token a run. So each job's own one stands in a copy of the workflow, where it says `github.token`.
    """
    copies.mkdir(parents=True, exist_ok=True)
    tokens: dict[str, str] = {}
    for path in sorted(workflows.glob("*.yml")):
        text = path.read_text(encoding="utf-8")
        if path.name == workflow or "workflow_call" in text:
            tokens |= _job_tokens(forge, path, read_only)
        (copies / path.name).write_text(_named(text, tokens), encoding="utf-8")
    granted: dict[str, str] = {}
    for token in tokens.values():
        for key, level in forge.tokens[token].permissions.items():
            granted[key] = "write" if "write" in (level, granted.get(key)) else level
    tokens[""] = _token(forge, "any", granted)
    return tokens


def _job_tokens(forge: Forge, workflow: Path, read_only: bool) -> dict[str, str]:
    content = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    found = {}
    for name, job in content["jobs"].items():
        granted = job.get("permissions", content.get("permissions", {"contents": "read"}))
        keyed = {
            key.replace("-", "_"): "read" if read_only and level == "write" else level for key, level in granted.items()
        }
        found[name] = _token(forge, name, keyed)
    return found


def _token(forge: Forge, job: str, permissions: dict[str, str]) -> str:
    value = f"ghs_{len(forge.tokens):04d}{os.urandom(8).hex()}"
    forge.tokens[value] = Token(job, permissions)
    return value


def _named(text: str, tokens: dict[str, str]) -> str:
    """The workflow with each job's own token in the place of `github.token`."""
    job, lines = "", []
    for line in text.splitlines():
        if found := re.match(r"  ([\w-]+):\s*(#.*)?$", line):
            job = found[1]
        lines.append(GIVEN.sub(tokens.get(job, r"\g<0>"), line))
    return "\n".join(lines) + "\n"


def replacements(github: Path) -> dict[str, Path]:
    """`owner/repo@sha` of every third-party action that is used → its stand-in; an action without one is an error."""
    found = {}
    for path in [*github.rglob("*.yml"), *github.rglob("*.yaml")]:
        for name, _, sha in USES.findall(path.read_text(encoding="utf-8")):
            assert (STAND_INS / name).is_dir(), f"{path} uses {name}: give it a stand-in in {STAND_INS}"
            found[f"{name}@{sha}"] = STAND_INS / name
    return found


def read_log(home: Path, code: int) -> Done:
    jobs: dict[str, Job] = {}
    spans: dict[str, list[datetime]] = {}
    said, summaries = [], []
    for line in (home / "act.log").read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            said.append(line)
            continue
        said.append(str(entry.get("msg", "")).rstrip("\n"))
        if entry.get("command") == "summary":
            summaries.append(entry["content"])
        name = entry.get("jobID")
        if not name:
            continue
        job = jobs.setdefault(name, Job())
        job.lines.append(str(entry.get("msg", "")).rstrip("\n"))
        spans.setdefault(name, []).append(datetime.fromisoformat(entry["time"]))
        if "jobResult" in entry:
            job.result = entry["jobResult"]
    for name, moments in spans.items():
        jobs[name].seconds = (max(moments) - min(moments)).total_seconds()
    attested = [json.loads(line) for line in (home / "attested").read_text(encoding="utf-8").splitlines()]
    cached = dict(line.split(" ", 1) for line in (home / "cached").read_text(encoding="utf-8").splitlines())
    return Done(code, jobs, attested, cached, "\n".join(dict.fromkeys(summaries)), "\n".join(said))
