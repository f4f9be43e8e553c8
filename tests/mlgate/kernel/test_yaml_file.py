"""params.yaml and its kind come from pull requests: they must not run code, grow without bound or surprise."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlgate.errors import ConfigError
from mlgate.yaml_file import LIMIT, parse_yaml, read_yaml

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (BOMB, "anchors"),
        ("a: *missing\n", "aliases"),
        ("a: !!python/object/apply:os.system [touch x]\n", "tags"),
        ("a: !include other.yaml\n", "tags"),
        ("a: 1\nb: 2\na: 3\n", "duplicate key 'a'"),
        ("a: [1, 2\n", "params.yaml:2"),
        ("a: 1\n\tb: 2\n", "params.yaml:2"),
        ("? [a, b]\n: 1\n", "params.yaml"),
        ("[" * 50_000, "params.yaml"),
        ("a: " + "x" * LIMIT, "bytes"),
    ],
)
def test_case_25_yaml_that_is_more_than_plain_values_is_refused_with_its_line(tmp_path, content, words):
    path = tmp_path / "params.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        read_yaml(path)


def test_case_25_a_bomb_is_refused_within_64_mb_and_a_second_of_processor_time(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(BOMB, encoding="utf-8")
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom mlgate.yaml_file import read_yaml\n"
        "from mlgate.errors import ConfigError\nbefore = resource.getrusage(resource.RUSAGE_SELF)\n"
        "try:\n    read_yaml(Path(sys.argv[1]))\nexcept ConfigError:\n"
        "    after = resource.getrusage(resource.RUSAGE_SELF)\n"
        "    assert after.ru_utime - before.ru_utime < 1, after\n"
        "    assert (after.ru_maxrss - before.ru_maxrss) * 1024 < 64e6, after\n    sys.exit(2)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr


PIECES = st.sampled_from(
    ["a", "b: ", "- ", "\n", "\n  ", " ", "&a ", "*a", "<<: ", "!!int ", "!x ", "? ", "| ", "> ", "[", "]", "{", "}",
     ",", "#", "'", '"', "1", "0x_", "0b_", "-0_7", "1e400", ".nan", "-.inf", "12:61:99", "2001-99-99", "=", "~", "y",
     "2026-01-01T00:00:00+99:99", "%YAML 9.9", "---\n", "...\n", "\t", "\x00", "\ufeff", "\u2028", "9" * 5000, "é", "@"]
)  # fmt: skip


@given(content=st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=60))
@settings(max_examples=600, deadline=None)
def test_case_25_whatever_stands_in_a_file_it_is_plain_values_or_one_configuration_error(content):
    refusal = None
    try:
        assert plain(parse_yaml(content.encode("utf-8", "surrogatepass"), "params.yaml"))
    except ConfigError as error:
        refusal = error
    assert refusal is None or (str(refusal).startswith("params.yaml") and refusal.mend)


def plain(value):
    if isinstance(value, dict):
        return all(plain(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return all(map(plain, value))
    return value is None or isinstance(value, (str, int, float, date, bytes))


def test_plain_values_keep_their_types(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("a: 1\nb: [x, 2.5, null, true]\nc: {d: é}\n", encoding="utf-8")
    assert read_yaml(path) == {"a": 1, "b": ["x", 2.5, None, True], "c": {"d": "é"}}


def test_a_file_that_is_missing_or_not_utf_8_is_named(tmp_path):
    with pytest.raises(ConfigError, match="nowhere"):
        read_yaml(Path(tmp_path / "nowhere.yaml"))
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("a: é".encode("latin-1"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_yaml(latin)
