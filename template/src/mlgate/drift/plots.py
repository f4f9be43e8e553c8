"""Small SVG charts without a library: inert whatever the names are, legible on light and on dark."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Sequence

WIDTH, ROW, LEFT = 640, 22, 210
HEIGHT, BASE = 190, 150


def clean(text: object, limit: int = 60) -> str:
    """Text for HTML or SVG: escaped, without control or bidirectional characters, cut to `limit`."""
    kept = "".join(c if unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for c in str(text))
    return html.escape(kept if len(kept) <= limit else kept[: limit - 1] + "…", quote=True)


def pairs(title: str, labels: Sequence[str], reference: Sequence[float], current: Sequence[float]) -> str:
    """Two horizontal bars a label: the reference's share and the current one (0..1)."""
    top = max([*reference, *current, 1e-9])
    scale = (WIDTH - LEFT - 110) / top
    rows = []
    for i, (label, a, b) in enumerate(zip(labels, reference, current, strict=True)):
        y = 8 + i * ROW
        rows += [
            f'<text class="end" x="{LEFT - 8}" y="{y + 13}">{clean(label, 34)}</text>',
            f'<rect class="reference" x="{LEFT}" y="{y}" width="{max(a * scale, 0.5):.1f}" height="8" rx="1"/>',
            f'<rect class="current" x="{LEFT}" y="{y + 9}" width="{max(b * scale, 0.5):.1f}" height="8" rx="1"/>',
            f'<text class="small" x="{LEFT + max(a, b) * scale + 6:.1f}" y="{y + 13}">{_share(a)} → {_share(b)}</text>',
        ]
    return _svg(title, 12 + len(labels) * ROW, rows)


def lines(title: str, labels: Sequence[str], values: Sequence[float | None], bounds: Sequence[float | None]) -> str:
    """Values by window (None: not judged) and, dashed, what each must not exceed."""
    known = [value for value in [*values, *bounds] if value is not None]
    top, step = max([*known, 1e-9]) * 1.1, _step(len(labels))
    points = [(LEFT / 3 + step * (i + 0.5), BASE - (BASE - 12) * max(v, 0.0) / top, v) for i, v in _known(values)]
    marks = [(LEFT / 3 + step * (i + 0.5), BASE - (BASE - 12) * v / top, v) for i, v in _known(bounds)]
    content = [
        f'<polyline class="line" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)}"/>',
        *(f'<line class="bound" x1="{x - step / 2:.1f}" x2="{x + step / 2:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
          for x, y, _ in marks),
        *(f'<circle class="current" cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>{v:.4g}</title></circle>'
          for x, y, v in points),
    ]  # fmt: skip
    return _svg(title, HEIGHT, [*_axis(top, labels, step), *content])


def columns(title: str, labels: Sequence[str], values: Sequence[float], expected: Sequence[float]) -> str:
    """Upright bars by window and a dashed mark where the reference lets one expect them (0: unknown)."""
    top, step = max([*values, *expected, 1]) * 1.1, _step(len(labels))
    content = []
    for i, (value, mark) in enumerate(zip(values, expected, strict=True)):
        x, height = LEFT / 3 + step * (i + 0.2), (BASE - 12) * value / top
        box = f'x="{x:.1f}" y="{BASE - height:.1f}" width="{step * 0.6:.1f}" height="{height:.1f}"'
        content.append(f'<rect class="current" {box} rx="2"><title>{value:,.0f}</title></rect>')
        if mark:
            y = BASE - (BASE - 12) * mark / top
            ends = f'x1="{x - step * 0.1:.1f}" x2="{x + step * 0.7:.1f}" y1="{y:.1f}" y2="{y:.1f}"'
            content.append(f'<line class="bound" {ends}/>')
    return _svg(title, HEIGHT, [*_axis(top, labels, step), *content])


def _axis(top: float, labels: Sequence[str], step: float) -> list[str]:
    every = -(-len(labels) // 10)
    left = LEFT / 3
    found = []
    for value in (0.0, top / 2.2, top / 1.1):
        y = BASE - (BASE - 12) * value / top
        found.append(f'<line class="grid" x1="{left:.0f}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        found.append(f'<text class="small end" x="{left - 6:.0f}" y="{y + 4:.1f}">{_number(value)}</text>')
    for i, label in enumerate(labels):
        if i % every == 0:
            found.append(
                f'<text class="small middle" x="{left + step * (i + 0.5):.1f}" y="{BASE + 18}">{clean(label)}</text>'
            )
    return found


def _known(values: Sequence[float | None]) -> list[tuple[int, float]]:
    return [(i, value) for i, value in enumerate(values) if value is not None]


def _step(count: int) -> float:
    return (WIDTH - LEFT / 3) / max(count, 1)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.2g}"


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _svg(title: str, height: float, content: Sequence[str]) -> str:
    name = clean(title, 120)
    size = f'viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}"'
    return f'<svg {size} role="img" aria-label="{name}"><title>{name}</title>{"".join(content)}</svg>'
