"""The newest of what is in Go: tools of tools/go.mod, the test cluster with all of Kubernetes, its extensions' source.

A program is built with what its own go.mod asks for: only the programs move, and what they need with them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from caches import building
from newest_moves import ROOT, Move, StuckError, between
from programs import FLAGS, go

KIND = "go"
KUBERNETES = "k8s.io/kubernetes"
NOISE = re.compile(r"^go: downloading |; switching to go")
INSTALLED = re.compile(r"(?m)^(\s+cosign-release: )v\S+$")


def upgrade(root: Path = ROOT) -> list[Move]:
    """What each go.mod of tools/ has, by what it is for."""
    module = root / "tools"
    with building():
        moved = programs(module)
        install(root, versions(module).get("github.com/sigstore/cosign/v3", ""))
        for own in sorted(path.parent for path in module.glob("*/go.mod")):
            if tools(own):
                moved += programs(own)
        return [*moved, *cluster(module / "cluster"), *sources(module / "extensions")]


def programs(module: Path) -> list[Move]:
    """Move each tool on its own, so that one that can't be had holds back no other."""
    before, stuck = versions(module), []
    for package in tools(module):
        try:
            run(module, "get", f"{package}@latest")
        except StuckError as error:
            stuck.append(Move(KIND, package, "", "", str(error)))
    try:
        run(module, "mod", "tidy")
    except StuckError as error:
        stuck.append(Move(KIND, f"{module.name}/go.mod", "", "", str(error)))
    return [*between(KIND, before, versions(module)), *stuck]


def cluster(module: Path) -> list[Move]:
    """Kubernetes with the replacements that its own go.mod makes, then whatever else is required by name."""
    before, kept = versions(module), {path: path.read_bytes() for path in map(module.joinpath, ("go.mod", "go.sum"))}
    try:
        version = run(module, "list", "-m", "-f", "{{.Version}}", f"{KUBERNETES}@latest").strip()
        whole = json.loads(run(module, "mod", "download", "-json", f"{KUBERNETES}@{version}"))
        staged = [
            entry["Old"]["Path"]
            for entry in described(module, whole["GoMod"])["Replace"]
            if entry["New"]["Path"].startswith("./staging/")
        ]
        staging = "v0" + version.removeprefix("v1")
        named = {path for path in before if path in staged}
        words = [f"-replace={path}={path}@{staging}" for path in staged]
        words += [f"-require={path}@{staging}" for path in sorted(named)]
        run(module, "mod", "edit", *words, f"-require={KUBERNETES}@{version}")
        run(module, "get", *(f"{path}@latest" for path in sorted(set(before) - named - {KUBERNETES})))
        run(module, "mod", "tidy")
    except StuckError as error:
        for path, content in kept.items():
            path.write_bytes(content)
        return [Move(KIND, "tools/cluster", "", "", str(error))]
    return between(KIND, before, versions(module))


def sources(module: Path) -> list[Move]:
    """Modules of which only the source is taken: there is no build that they have to agree on."""
    moves = []
    for path, before in versions(module).items():
        try:
            version = run(module, "list", "-m", "-f", "{{.Version}}", f"{path}@latest").strip()
            if version != before:
                fetched = json.loads(run(module, "mod", "download", "-json", f"{path}@{version}"))
                run(module, "mod", "edit", f"-require={path}@{version}")
                summed(module / "go.sum", path, version, fetched)
                moves.append(Move(KIND, path, before, version))
        except StuckError as error:
            moves.append(Move(KIND, path, before, before, str(error)))
    return moves


def summed(sums: Path, path: str, version: str, fetched: dict[str, Any]) -> None:
    """What Go's checksum database vouched for, in the place of the sums of another version."""
    kept = [line for line in sums.read_text(encoding="utf-8").splitlines() if not line.startswith(f"{path} ")]
    new = [f"{path} {version} {fetched['Sum']}", f"{path} {version}/go.mod {fetched['GoModSum']}"]
    sums.write_text("\n".join(sorted([*kept, *new])) + "\n", encoding="utf-8")


def install(root: Path, version: str) -> None:
    """The workflows install the cosign that the tests drive."""
    for path in sorted((root / "actions").glob("*/action.yml")):
        text = path.read_text(encoding="utf-8")
        if version and (changed := INSTALLED.sub(rf"\g<1>{version}", text)) != text:
            path.write_text(changed, encoding="utf-8")


def versions(module: Path) -> dict[str, str]:
    """What a module requires by name, or holds a tool: path → version."""
    held = tools(module)
    return {
        entry["Path"]: entry["Version"]
        for entry in described(module)["Require"]
        if not entry.get("Indirect") or any(f"{tool}/".startswith(f"{entry['Path']}/") for tool in held)
    }


def tools(module: Path) -> list[str]:
    """The packages that a module holds as its tools; not every Go names the key where there are none."""
    return [tool["Path"] for tool in described(module).get("Tool") or []]


def described(module: Path, file: str = "go.mod") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(module, "mod", "edit", "-json", file))
    return found


def run(module: Path, *words: str) -> str:
    """Go's answer; a newer Go is fetched where a program asks for one and the machine does not forbid it."""
    with building() as caches:
        environ = {"GOTOOLCHAIN": "auto", **os.environ, **caches, "GOFLAGS": f"-mod=mod {FLAGS}"}
        done = subprocess.run([*go(), *words], cwd=module, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [" ".join(line.split()) for line in done.stderr.splitlines() if not NOISE.search(line)]
        raise StuckError(f"go {words[0]}: {' '.join(lines)[:400]}")
    return done.stdout
