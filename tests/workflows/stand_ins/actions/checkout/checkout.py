"""Check out as actions/checkout does: one ref at one depth, by the job's token, kept only where asked to."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from pathlib import Path

ENV = os.environ


def main() -> None:
    folder = Path(ENV["GITHUB_WORKSPACE"], ENV["FOLDER"])
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise SystemExit(f"error: {folder} is not empty")
    server = ENV["GITHUB_SERVER_URL"]
    jobs = json.loads(Path(ENV["STAND_IN_TOKENS"]).read_text(encoding="utf-8"))
    token = ENV["TOKEN"] or jobs[ENV["GITHUB_JOB"]]
    header = "AUTHORIZATION: basic " + base64.b64encode(f"x-access-token:{token}".encode()).decode()
    key = f"http.{server}/.extraheader"

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"error: git {words[0]} ended with exit code {done.returncode}")
        return done.stdout.strip()

    git("init", "--quiet")
    git("remote", "add", "origin", f"{server}/{ENV['REPOSITORY']}")
    git("config", "--local", key, header)
    start, refspecs, branch = target()
    depth = ["--depth", ENV["DEPTH"]] if ENV["DEPTH"] != "0" else []
    if not depth:
        refspecs = ["+refs/heads/*:refs/remotes/origin/*", *([] if branch else refspecs)]
        start = (ENV["GITHUB_SHA"] if branch and not ENV["REF"] else "") or start
    tags = [] if ENV["TAGS"] == "true" or not depth else ["--no-tags"]
    git("-c", "protocol.version=2", "fetch", "--quiet", "--prune", *tags, *depth, "origin", *refspecs)
    if ENV["SPARSE"]:
        git("sparse-checkout", "set", *ENV["SPARSE"].split())
    git("checkout", "--quiet", "--force", *(["-B", branch, start] if branch else ["--detach", start]))
    if ENV["PERSIST"] != "true":
        git("config", "--local", "--unset-all", key)
    commit = git("rev-parse", "HEAD")
    print(f"checked out {ENV['REPOSITORY']} {branch or start} at {commit}, depth {ENV['DEPTH']}")
    with open(ENV["GITHUB_OUTPUT"], "a", encoding="utf-8") as out:
        out.write(f"commit={commit}\nref={branch or start}\n")


def target() -> tuple[str, list[str], str]:
    """Where to stand, what to fetch for it, and the local branch, if it is one."""
    ref = ENV["REF"] or ENV["GITHUB_REF"]
    sha = "" if ENV["REF"] else ENV["GITHUB_SHA"]
    if re.fullmatch("[0-9a-f]{40}", ref):
        return ref, [ref], ""
    if ref.startswith("refs/pull/"):
        local = "refs/remotes/" + ref.removeprefix("refs/")
        return local, [f"+{sha or ref}:{local}"], ""
    if ref.startswith("refs/tags/"):
        return ref, [f"+{sha or ref}:{ref}"], ""
    name = ref.removeprefix("refs/heads/")
    local = f"refs/remotes/origin/{name}"
    return local, [f"+{sha or 'refs/heads/' + name}:{local}"], name


main()
