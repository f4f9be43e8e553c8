"""Read and address a repository in which a loop ran: ports, reports, answers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx

from mlgate.engine.replica import free_ports


def give_ports(repository: Path) -> None:
    """Other ports than the defaults, so that loops can run side by side and beside a developer's demo."""
    path = repository / "params.yaml"
    text = path.read_text(encoding="utf-8")
    for environment, port in zip(("staging", "production"), free_ports(2), strict=True):
        text, found = re.subn(rf"(?m)^(    {environment}: )\d+", rf"\g<1>{port}", text)
        assert found == 1
    path.write_text(text, encoding="utf-8")


def ports(repository: Path) -> dict[str, int]:
    text = (repository / "params.yaml").read_text(encoding="utf-8")
    return {name: int(re.search(rf"(?m)^    {name}: (\d+)", text)[1]) for name in ("staging", "production")}


def report(repository: Path, verb: str) -> dict:
    return json.loads((repository / "reports" / f"{verb}.json").read_text(encoding="utf-8"))


def ask(repository: Path, environment: str, rows: list[dict]) -> httpx.Response:
    url = f"http://127.0.0.1:{ports(repository)[environment]}/predict"
    return httpx.post(url, json={"rows": rows}, timeout=30, trust_env=False)


def fast_path(repository: Path, environment: str) -> dict[str, str]:
    """Part of the fast path -> why it is off, empty where it is on."""
    text = httpx.get(f"http://127.0.0.1:{ports(repository)[environment]}/metrics", trust_env=False).text
    found = re.findall(r'(?m)^mlgate_fast_path\{part="(\w+)",reason="([^"]*)"\} ([01])', text)
    assert all((reason == "") == (value == "1") for _, reason, value in found)
    return {part: reason for part, reason, _ in found}
