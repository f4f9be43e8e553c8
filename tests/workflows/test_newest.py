"""The weekly run on the newest versions: what each kind of pin becomes, what is told of it, and the one issue."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

import newest
import newest_actions
import newest_go
import newest_issue
import newest_moves
import newest_packages
import pytest
import rules
from actionlib.rest import Client
from forge.server import Forge, Token
from forge.upstream import Upstream
from go_modules import proxy
from newest_moves import Move
from scene import NAME, OWNER, Scene

NEW = "f" * 40
CHECKOUT = "inputs: {persist-credentials: {}, ref: {}, sparse-checkout: {}}\nruns: {using: node28, main: x.js}\n"


@pytest.fixture
def forge(tmp_path: Path):
    bare = tmp_path / "origin.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    made = Forge(bare, OWNER, NAME)
    made.tokens["t"] = Token("newest", {"issues": "write"})
    yield made
    made.close()
    assert made.violations == []


@pytest.fixture
def client(forge: Forge) -> Client:
    return Client("t", f"{OWNER}/{NAME}", forge.api, wait=0)


@pytest.fixture
def checkout(template: Path, tmp_path: Path, run) -> Path:
    """A clone of this repository, to move its pins."""
    done = run(["git", "clone", "-q", str(template), str(tmp_path / "checkout")], tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path / "checkout"


def rows(root: Path) -> dict[str, dict[str, str]]:
    pins = tomllib.loads((root / "actions" / "pins.toml").read_text(encoding="utf-8"))
    return {row["name"]: row for row in pins["action"]}


def test_the_newest_release_of_an_action_is_pinned_wherever_it_is_used(checkout, forge, client) -> None:
    before = rows(checkout)
    forge.state.upstream = {name: Upstream(row["tag"], row["sha"], "inputs: {}") for name, row in before.items()}
    forge.state.upstream |= {
        "actions/checkout": Upstream("v8.0.0", NEW, CHECKOUT),
        "astral-sh/setup-uv": Upstream("v9.9.9", NEW, "inputs: {}"),
        "github/codeql-action": Upstream("codeql-bundle-v2.30.0", NEW, "inputs: {}"),
        "actions/cache": Upstream(),
    }
    found = {move.name: move for move in newest_actions.upgrade(checkout, client)}
    tag = before["actions/checkout"]["tag"]
    assert found.pop("actions/checkout") == Move(
        "action", "actions/checkout", tag, "v8.0.0", "takes no fetch-depth any more"
    )
    assert "which is no version" in found.pop("github/codeql-action").why
    assert "404" in found.pop("actions/cache").why
    assert found == {}, "an older line's release and what is newest already stay"
    after = rows(checkout)
    assert (after["actions/checkout"]["tag"], after["actions/checkout"]["sha"]) == ("v8.0.0", NEW)
    assert after["astral-sh/setup-uv"] == before["astral-sh/setup-uv"]
    assert list(rules.pins_are_the_table(rules.Folder(checkout, checkout / "actions" / "pins.toml"))) == []
    generated = rules.Folder(checkout / "template", checkout / "actions" / "pins.toml")
    assert list(rules.pins_are_the_table(generated)) == []
    assert any(f"actions/checkout@{NEW} # v8.0.0" in text for text in generated.texts.values())
    assert before["actions/checkout"]["sha"] not in str(generated.texts) + (
        checkout / "tests" / "workflows" / "test_runner.py"
    ).read_text(encoding="utf-8")


GO_MOD = """module example.org/tools

go 1.21

tool (
\texample.org/gone/cmd/gone
\texample.org/hammer/cmd/hammer
\tgithub.com/sigstore/cosign/v3/cmd/cosign
)

require (
\texample.org/gone v1.0.0
\texample.org/hammer v1.0.0
\tgithub.com/sigstore/cosign/v3 v3.1.3
)
"""
OWN_MOD = """module example.org/own

go 1.21

tool example.org/nail/cmd/nail

require example.org/nail v1.0.0
"""
CLUSTER_MOD = """module example.org/cluster

go 1.21

require (
\texample.org/hammer v1.0.0
\tk8s.io/api v0.1.0
\tk8s.io/kubernetes v1.1.0
)

replace k8s.io/api => k8s.io/api v0.1.0
"""
SOURCES_MOD = """module example.org/sources

go 1.21

require (
\texample.org/gone v1.0.0
\texample.org/hammer v1.0.0
)
"""
MAIN = "package main\n\nfunc main() {}\n"
TESTED = 'package main\n\nimport _ "example.org/absent"\n'
CLUSTER = """package main

import (
\t_ "example.org/hammer"
\t_ "k8s.io/api"
\t_ "k8s.io/kubernetes"
)

func main() {}
"""
STAGED = """
require (
\tk8s.io/api v0.0.0
\tk8s.io/new v0.0.0
)

replace (
\tk8s.io/api => ./staging/src/k8s.io/api
\tk8s.io/new => ./staging/src/k8s.io/new
)
"""


@pytest.fixture
def go_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needs) -> None:
    """A module proxy in a folder, as Go's own protocol has it; only what is in it exists."""
    needs("go")
    uses = 'package kubernetes\n\nimport (\n\t_ "k8s.io/api"\n\t_ "k8s.io/new"\n)\n'
    proxy(
        tmp_path / "proxy",
        {
            ("example.org/gone", "v1.0.0"): {"gone.go": "package gone\n", "cmd/gone/main.go": MAIN},
            ("example.org/hammer", "v1.0.0"): {"hammer.go": "package hammer\n", "cmd/hammer/main.go": MAIN},
            ("example.org/hammer", "v1.2.0"): {"hammer.go": "package hammer\n", "cmd/hammer/main.go": MAIN},
            ("example.org/nail", "v1.0.0"): {"cmd/nail/main.go": MAIN},
            ("example.org/nail", "v1.1.0"): {"cmd/nail/main.go": MAIN, "cmd/nail/main_test.go": TESTED},
            ("github.com/sigstore/cosign/v3", "v3.1.3"): {"cmd/cosign/main.go": MAIN},
            ("github.com/sigstore/cosign/v3", "v3.2.0"): {"cmd/cosign/main.go": MAIN},
            ("k8s.io/api", "v0.1.0"): {"api.go": "package api\n"},
            ("k8s.io/api", "v0.2.0"): {"api.go": "package api\n"},
            ("k8s.io/new", "v0.2.0"): {"new.go": "package new\n"},
            ("k8s.io/kubernetes", "v1.1.0"): {"kubernetes.go": "package kubernetes\n"},
            ("k8s.io/kubernetes", "v1.2.0"): {"kubernetes.go": uses, "go.mod": STAGED},
        },
    )
    with (tmp_path / "proxy" / "example.org" / "gone" / "@v" / "list").open("a") as out:
        out.write("v1.1.0\n")  # told of, and not to be had
    settings = {"GOPROXY": f"file://{tmp_path / 'proxy'}", "GOMODCACHE": str(tmp_path / "modules"), "GOSUMDB": "off"}
    for key, value in (settings | {"GOTOOLCHAIN": "local"}).items():
        monkeypatch.setenv(key, value)
    yield
    subprocess.run(["go", "clean", "-modcache"], check=True)  # Go makes it read-only


def test_every_go_program_moves_and_the_cluster_with_all_of_kubernetes_staging(go_proxy, tmp_path) -> None:
    root = tmp_path / "root"
    for name in ("cluster", "extensions", "own"):
        (root / "tools" / name).mkdir(parents=True)
    (root / "tools" / "go.mod").write_text(GO_MOD, encoding="utf-8")
    (root / "tools" / "cluster" / "go.mod").write_text(CLUSTER_MOD, encoding="utf-8")
    (root / "tools" / "cluster" / "main.go").write_text(CLUSTER, encoding="utf-8")
    (root / "tools" / "extensions" / "go.mod").write_text(SOURCES_MOD, encoding="utf-8")
    (root / "tools" / "own" / "go.mod").write_text(OWN_MOD, encoding="utf-8")
    for name in ("go.sum", "cluster/go.sum", "extensions/go.sum", "own/go.sum"):
        (root / "tools" / name).touch()
    action = root / "actions" / "deploy" / "action.yml"
    action.parent.mkdir(parents=True)
    action.write_text("      with:\n        cosign-release: v3.1.3\n", encoding="utf-8")
    found = newest_go.upgrade(root)
    gone = [move for move in found if move.why]
    assert [move.name for move in gone] == ["example.org/gone/cmd/gone", "own/go.mod", "example.org/gone"]
    assert all(word in move.why for word, move in zip(("gone", "example.org/absent", "gone"), gone, strict=True))
    assert [(move.name, move.before, move.after) for move in found if not move.why] == [
        ("example.org/hammer", "v1.0.0", "v1.2.0"),
        ("github.com/sigstore/cosign/v3", "v3.1.3", "v3.2.0"),
        ("example.org/nail", "v1.0.0", "v1.1.0"),
        ("example.org/hammer", "v1.0.0", "v1.2.0"),
        ("k8s.io/api", "v0.1.0", "v0.2.0"),
        ("k8s.io/kubernetes", "v1.1.0", "v1.2.0"),
        ("example.org/hammer", "v1.0.0", "v1.2.0"),
    ]
    extensions = root / "tools" / "extensions"
    assert "example.org/hammer v1.2.0" in (extensions / "go.mod").read_text(encoding="utf-8")
    assert "example.org/hammer v1.2.0 h1:" in (extensions / "go.sum").read_text(encoding="utf-8")
    cluster = (root / "tools" / "cluster" / "go.mod").read_text(encoding="utf-8")
    assert "k8s.io/new => k8s.io/new v0.2.0" in cluster, "a module that Kubernetes did not have before"
    assert "cosign-release: v3.2.0" in action.read_text(encoding="utf-8"), "what the workflows install"


def test_a_cluster_that_can_t_be_moved_is_left_as_it_was(go_proxy, tmp_path) -> None:
    module = tmp_path / "cluster"
    module.mkdir()
    (module / "go.mod").write_text(CLUSTER_MOD.replace("hammer", "gone"), encoding="utf-8")
    (module / "go.sum").touch()
    (module / "main.go").write_text(CLUSTER.replace("hammer", "gone"), encoding="utf-8")
    (stuck,) = newest_go.cluster(module)
    assert "example.org/gone" in stuck.why
    assert (module / "go.mod").read_text(encoding="utf-8") == CLUSTER_MOD.replace("hammer", "gone")


def test_packages_move_in_both_locks_and_in_npm_s(tmp_path, run) -> None:
    for folder in (tmp_path, tmp_path / "template"):
        folder.mkdir(exist_ok=True)
        text = (
            '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.11,<3.15"\ndependencies = ["iniconfig>=2"]\n'
        )
        (folder / "pyproject.toml").write_text(text, encoding="utf-8")
        assert run(["uv", "lock", "-q", "--resolution", "lowest"], folder).returncode == 0
    for folder in (tmp_path, tmp_path / "template"):  # a lock remembers how it was made
        lock = folder / "uv.lock"
        lock.write_text(re.sub(r"\n\[options\]\n.*?\n(?=\n)", "\n", lock.read_text(encoding="utf-8"), flags=re.DOTALL))
    (move,) = newest_packages.upgrade(tmp_path)
    assert (move.name, move.before) == ("iniconfig", "2.0.0")
    assert move.after > "2.0.0"
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "package.json").write_text('{"dependencies": {"esbuild": "0.27.2"}}', encoding="utf-8")
    (move,) = newest_packages.upgrade_npm(tmp_path)
    assert (move.kind, move.name, move.before) == ("npm", "esbuild", "0.27.2")
    lock = json.loads((tmp_path / "tools" / "package-lock.json").read_text(encoding="utf-8"))
    assert lock["packages"]["node_modules/esbuild"]["version"] == move.after
    assert not (tmp_path / "tools" / "node_modules").exists()


def test_what_can_t_be_asked_at_all_is_red_and_the_other_kinds_go_on(tmp_path, monkeypatch, capsys) -> None:
    def broken() -> list[Move]:
        raise newest_moves.StuckError("the proxy is down")

    kinds = {"go": broken, "npm": lambda: [Move("npm", "x", "1", "2")]}
    monkeypatch.setattr(newest, "KINDS", kinds)
    monkeypatch.setattr(newest, "write", lambda moves: newest_moves.write(moves, tmp_path / "newest.json"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    assert newest.main([]) == 1
    assert [move.name for move in newest_moves.read(tmp_path / "newest.json")] == ["all", "x"]
    assert "the proxy is down" in (tmp_path / "summary").read_text(encoding="utf-8")
    assert newest.main(["npm"]) == 0
    assert newest.main(["cargo"]) == 2


def test_the_newest_python_that_is_allowed_is_chosen_for_the_steps_that_follow(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("GITHUB_ENV", str(tmp_path / "env"))
    (tmp_path / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.11,<3.13"\n', encoding="utf-8")
    (move,) = newest_packages.choose_python(tmp_path)
    assert (tmp_path / "env").read_text() == "UV_PYTHON=3.12\n"
    assert "is out; requires-python says >=3.11,<3.13" in move.note
    assert move.why == "", "a Python that nobody promised to run on is told, and breaks nothing"


JUNIT = """<testsuites><testsuite><testcase classname="tests.a" name="good"/>
<testcase classname="tests.b" name="an &lt;img&gt; is red"><failure>no</failure></testcase></testsuite></testsuites>"""


def test_one_issue_is_opened_when_red_updated_and_closed_when_green(forge, client, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(newest_issue, "KEPT", tmp_path / "newest.json")
    monkeypatch.setattr(newest_issue, "JUNIT", tmp_path / "newest.xml")
    forge.state.open_issue("Not ours", f"{newest_issue.MARKER}\ncopied", [], by="eve")
    assert newest_issue.kept(client, "success") == ""
    assert newest_issue.kept(client, "failure").endswith("/issues/2")
    said = forge.state.issues[2]["body"]
    assert "ended before anything was moved" in said
    assert "No test was run" in said
    newest_moves.write([Move("npm", "x", "1", "2"), Move("go", "y", "v1", "v1", "gone")], tmp_path / "newest.json")
    (tmp_path / "newest.xml").write_text(JUNIT, encoding="utf-8")
    monkeypatch.setattr(newest_issue, "moves", lambda: newest_moves.read(tmp_path / "newest.json"))
    assert newest_issue.kept(client, "failure").endswith("/issues/2")
    said = forge.state.issues[2]["body"]
    assert said.index("| go | y | v1 | v1 | gone |") < said.index("is red") < said.index("| npm | x | 1 | 2 |")
    assert "<img>" not in said
    assert newest_issue.kept(client, "cancelled").endswith("/issues/2")
    writes = forge.writes()
    assert newest_issue.kept(client, "success") == ""
    assert forge.state.issues[2]["state"] == "closed"
    assert "Green" in forge.state.comments[2][0]["body"]
    assert forge.state.issues[1]["state"] == "open"
    assert len(forge.writes()) == len(writes) + 2


RUN = """#!/bin/sh
test "$ARGS" = --junitxml=build/newest.xml || exit 3
git diff --quiet -- tools/package.json && exit 4
printf '%s' '<testsuite><testcase classname="tests.b" name="red"><failure/></testcase></testsuite>' >build/newest.xml
exit 1
"""


def test_the_weekly_run_moves_tests_and_tells(template, machine, tmp_path, run) -> None:
    clone = tmp_path / "clone"
    bare = tmp_path / "origin.git"
    assert run(["git", "clone", "-q", str(template), str(clone)], tmp_path).returncode == 0
    assert run(["git", "clone", "-q", "--bare", str(template), str(bare)], tmp_path).returncode == 0
    scene = Scene(tmp_path, machine, clone, bare, Forge(bare, OWNER, NAME))
    package = json.loads((clone / "tools" / "package.json").read_text(encoding="utf-8"))
    package["dependencies"]["esbuild"] = "0.27.2"
    scene.git("remote", "set-url", "origin", str(bare))
    scene.commit("A test that fails", {".ci/run": RUN, "tools/package.json": json.dumps(package)})
    scene.push_main()
    pins = rows(clone)
    scene.forge.state.upstream = {name: Upstream(row["tag"], row["sha"]) for name, row in pins.items()}
    try:
        done = scene.run("newest.yml", scene.scheduled(), GOPROXY="off", GOTOOLCHAIN="local")
    finally:
        scene.forge.close()
    assert scene.forge.violations == []
    assert done.results() == {"newest": "failure", "tell": "success", "all-green": "failure"}, done.told()
    (issue,) = scene.forge.state.issues.values()
    assert "tests.b::red" in issue["body"], done.told()
    assert "| npm | esbuild | 0.27.2 |" in issue["body"]
    assert "GOPROXY=off" in issue["body"]
    assert "actions/runs/" in issue["body"]
    assert scene.refs()["main"] == scene.git("rev-parse", "HEAD"), "nothing is committed"
