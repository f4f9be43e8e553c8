"""The source as the tests of its shape see it: modules, what they import, how long they are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[2]
SOURCE = TEMPLATE / "template" / "src"
SHELL = ("cli", "console", "hooks", "preload", "story", "verbs", "warm", "__main__")
KERNEL = ("duration", "errors", "files", "no_secrets", "params", "project", "report", "yaml_file")
PURE = ("drift", "gates", "governance", "quality", "table")


@dataclass(frozen=True)
class Module:
    path: Path
    name: str
    tree: ast.Module
    lines: int

    @property
    def layer(self) -> str:
        """`shell`, `kernel`, `pure` or `edges`; `model` for what the user writes."""
        package, _, rest = self.name.partition(".")
        first = rest.partition(".")[0]
        if package == "model":
            return "model"
        return "shell" if first in SHELL else "kernel" if first in KERNEL else "pure" if first in PURE else "edges"

    def imports(self) -> Iterator[str]:
        """Every module it imports, also inside functions, in full: `mlgate.gates.floor`, `numpy`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.module, f"{self.path}: a relative import"
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                yield from {name if name in known() else node.module for name in names}

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        yield from (n for n in ast.walk(self.tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


@cache
def known() -> frozenset[str]:
    return frozenset(name_of(path) for path in SOURCE.rglob("*.py"))


@cache
def modules() -> tuple[Module, ...]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found.append(Module(path, name_of(path), ast.parse(text), text.count("\n")))
    return tuple(found)
