"""YAML as configuration needs it: plain values only, so that no file can run code or exhaust memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mlgate.errors import ConfigError

LIMIT = 256 * 1024  # bytes; a hand-written parameter file is a hundredth of this


class _Plain(yaml.SafeLoader):
    """Refuses aliases (the billion-laughs attack), explicit tags and duplicate keys, which YAML allows."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it out
        where: Any = event.start_mark
        if isinstance(event, yaml.events.AliasEvent):
            raise yaml.constructor.ConstructorError(None, None, "aliases (*name) are not allowed", where)
        if getattr(event, "anchor", None):
            raise yaml.constructor.ConstructorError(None, None, "anchors (&name) are not allowed", where)
        if getattr(event, "tag", None):
            raise yaml.constructor.ConstructorError(None, None, "tags (!name) are not allowed", where)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key is not plain text", key_node.start_mark)
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"duplicate key {key!r}", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """Read a YAML file of plain values.

    Raises
    ------
    ConfigError
        If the file is missing, too large, not UTF-8 or not plain YAML; names file and line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", "restore it with `git checkout`") from error
    return parse_yaml(content, str(path))


def parse_yaml(content: bytes, path: str) -> Any:
    """Plain values from YAML that came from elsewhere than a file; `path` is what errors call it."""
    if len(content) > LIMIT:
        raise ConfigError(f"{path} has {len(content):,} bytes, more than {LIMIT:,}", "keep data out of configuration")
    try:
        return yaml.load(content.decode("utf-8"), Loader=_Plain)  # noqa: S506 - a SafeLoader, and stricter
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (byte {error.start})", "save it as UTF-8") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deeply", "flatten it") from error
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else path
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError(f"{where}: {problem}", "fix this line") from error
