"""A report is whole or absent, fails closed, and shows foreign text as text."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlgate.cards import escape, markdown
from mlgate.console import show
from mlgate.errors import InfraError
from mlgate.files import digest_tree, write_atomic, write_json
from mlgate.report import Check, Report

SCHEMA = Path(__file__).parents[3] / "docs" / "report.schema.json"


def report(*statuses):
    return Report(verb="evaluate", checks=[Check(id=f"c{i}", title="t", status=s) for i, s in enumerate(statuses)])


@pytest.mark.parametrize(
    ("statuses", "status", "code"),
    [
        ((), "pass", 0),
        (("pass", "skip"), "pass", 0),
        (("skip",), "skip", 0),
        (("pass", "fail"), "fail", 1),
        (("fail", "error", "pass"), "error", 1),
    ],
)
def test_the_worst_check_decides_and_an_error_never_passes(statuses, status, code):
    closed = report(*statuses).close()
    assert (closed.status, closed.exit_code) == (status, code)


@pytest.mark.parametrize(
    ("observed", "interval", "threshold", "words"),
    [
        (221_715, None, 5000, ("221,715 rows", "5,000")),
        (48_213.7, (48_000.2, 48_500.9), None, ("48,214 [48,000, 48,501] rows", "")),
        (0.59512, (0.5461, 0.649), 0.4, ("0.5951 [0.5461, 0.649] rows", "0.4")),
        (0.0, None, -0.04, ("0 rows", "-0.04")),
        (float("nan"), None, float("inf"), ("nan rows", "inf")),
        (3e20, None, None, ("3e+20 rows", "")),
        (None, None, None, ("rows", "")),
    ],
)
def test_numbers_are_written_as_people_write_them(observed, interval, threshold, words):
    check = Check(
        id="rows", title="t", status="pass", observed=observed, interval=interval, threshold=threshold, unit="rows"
    )
    assert (check.found, check.allowed) == words
    assert f"| {escape(check.found)} | {check.allowed} |" in markdown(Report(verb="validate", checks=[check]))


def test_a_report_survives_its_file(tmp_path):
    written = report("pass", "fail").close()
    written.write(tmp_path / "reports" / "evaluate.json")
    assert Report.read(tmp_path / "reports" / "evaluate.json") == written


def test_a_reader_sees_the_old_file_when_the_disk_refuses_the_new_one(tmp_path):
    path = tmp_path / "value.json"
    write_json(path, {"a": 1})
    code = (
        "import resource, signal, sys\nfrom pathlib import Path\nfrom mlgate.files import write_atomic\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "from mlgate.errors import InfraError\n"
        "try:\n    write_atomic(Path(sys.argv[1]), b'x' * 1000)\n"
        "except InfraError as error:\n    print(error)\n    sys.exit(error.code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "cannot write" in done.stdout
    assert json.loads(path.read_text()) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["value.json"]


def test_numbers_that_json_cannot_say_are_refused(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "value.json", {"a": float("nan")})
    assert not (tmp_path / "value.json").exists()


def test_the_digest_of_a_folder_sees_content_and_names_and_refuses_links(tmp_path):
    write_atomic(tmp_path / "a" / "x", b"1")
    first = digest_tree(tmp_path)
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "y")
    assert digest_tree(tmp_path) != first
    (tmp_path / "a" / "link").symlink_to("y")
    with pytest.raises(InfraError, match="symlink"):
        digest_tree(tmp_path)


def test_foreign_text_in_a_report_is_inert_markdown():
    hostile = "<script>alert(1)</script> | `x` @everyone [a](http://b) **b** \x1b[31m\n# h"
    text = markdown(
        Report(verb="v", checks=[Check(id=hostile, title="t", status="fail", evidence=hostile, mend=hostile)])
    )
    row = next(line for line in text.splitlines() if line.startswith("| &lt;script"))
    for harmful in ("<script", "\x1b", "@everyone"):
        assert harmful not in text
    assert row.count("|") == 6
    assert not any(line.startswith("# h") for line in text.splitlines())


def test_the_published_schema_is_the_models():
    assert json.loads(SCHEMA.read_text()) == Report.model_json_schema()


def test_a_digest_in_a_log_stands_on_one_line_and_a_narrow_terminal_is_respected(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    report = Report(verb="lineage", checks=[Check(id="metric/average_precision", title="t", status="pass")])
    report.checks[0].evidence = f"Bento {digest}"
    monkeypatch.delenv("COLUMNS", raising=False)
    show(report)
    assert digest in capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "60")
    show(report)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60
