"""Under plain cookiecutter: makes the first commit, the pure template, and says what to do next.

Under cruft this does nothing: cruft bakes in temporary folders on every diff and update, and a repository made
there swallows the next update without a word. Only plain cookiecutter tells a hook its `_output_dir`.
Deterministic and offline; a missing git or identity is said, and the bake stands.
"""

import json
import os
import subprocess
import sys

# tojson escapes single quotes, so no answer can end this string
ANSWERS = json.loads(r'{{ cookiecutter | tojson }}')  # fmt: skip

# Settings of this machine that could change or stop the first commit.
PLAIN = {
    "commit.gpgSign": "false",
    "core.autocrlf": "false",
    "core.excludesFile": "",
    "gc.auto": "0",
    "init.defaultBranch": "main",
}
FALLBACK = {"user.name": "mlgate", "user.email": "mlgate@localhost"}


def main():
    first = first_commit()
    slug, owner = ANSWERS["project_slug"], ANSWERS["owner"]
    steps = {
        "card-fraud": ["uv run mlgate demo", "uv run mlgate doctor"],
        "own-table": [
            "uv run mlgate adopt FILE --target COLUMN",
            "git add -A && git commit -m data && uv run dvc repro",
        ],
    }[ANSWERS["use_case"]]
    print(f"\n{slug} is baked for {owner}; {first}. Next:\n")
    for step in [f"cd {slug}", *steps]:
        print(f"  {step}")


def first_commit():
    """Commit everything to `main` of a new repository; a phrase that says what was done."""
    if os.path.lexists(".git"):
        return "its Git repository was there: commit when you like"
    try:
        git("init", "-q")
        git("add", "-A")
        name = ANSWERS["project_name"]
        git("commit", "-q", "--no-verify", "-m", f"Start {name} from the mlgate template", identity=missing_identity())
    except FileNotFoundError:
        return "git is not installed, so there is no first commit"
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        words = (error.stderr or b"").decode("utf-8", "replace").strip() or str(error)
        return f"git made no first commit ({words.splitlines()[-1]})"
    return "the first commit is the pure template"


def missing_identity():
    configured = git("config", "--get-regexp", r"^user\.", check=False).stdout.decode("utf-8", "replace")
    return {key: value for key, value in FALLBACK.items() if f"{key} " not in configured}


def git(*arguments, identity=None, check=True):
    settings = [word for key, value in {**PLAIN, **(identity or {})}.items() for word in ("-c", f"{key}={value}")]
    # a bake started from a Git hook inherits that repository's GIT_DIR and index
    inherited = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY"}
    environ = {key: value for key, value in os.environ.items() if key not in inherited}
    command = ["git", *settings, *arguments]
    return subprocess.run(command, env=environ, capture_output=True, check=check, timeout=60, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    if "_output_dir" in ANSWERS:
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
        main()
