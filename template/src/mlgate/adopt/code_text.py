"""From the texts beside this module to code: blocks decided, values filled in, strings that are safe as literals."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from string import Template

WIDTH = 120


def render(name: str, flags: set[str], values: dict[str, str]) -> str:
    """The text `name` with its `#if flag` … `#else` … `#end` blocks decided and its `$$values` filled in."""
    kept: list[str] = []
    open_blocks: list[bool] = []
    for line in files("mlgate.adopt").joinpath("texts", f"{name}.txt").read_text("utf-8").splitlines():
        word = line.split(" ", 1)
        if word[0] == "#if":
            open_blocks.append(word[1] in flags)
        elif word[0] == "#else":
            open_blocks[-1] = not open_blocks[-1]
        elif word[0] == "#end":
            open_blocks.pop()
        elif all(open_blocks):
            kept.append(line)
    return Template("\n".join(kept) + "\n").substitute(values)


def literal(text: str) -> str:
    """A Python string; what could be mistaken for another letter, or can't be seen, is escaped."""
    shown = "".join(_letter(c) for c in text.replace("\\", "\\\\"))
    if '"' in shown and "'" not in shown:
        return f"'{shown}'"
    return '"' + shown.replace('"', '\\"') + '"'


def _letter(c: str) -> str:
    if c.isprintable() and (c.isascii() or (c.isalpha() and c < "\u0250")):
        return c
    code = ord(c)
    return f"\\x{code:02x}" if code < 1 << 8 else f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"


def names(values: Iterable[str], prefix: int) -> str:
    """A tuple of strings on one line, or one a line where it would be too long."""
    words = [literal(value) for value in values]
    line = f"({', '.join(words)}{',' if len(words) == 1 else ''})"
    if prefix + len(line) <= WIDTH:
        return line
    return "(\n" + "".join(f"    {word},\n" for word in words) + ")"
