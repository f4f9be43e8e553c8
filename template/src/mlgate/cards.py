"""Reports as Markdown: what a commit message, a pull request or a summary shows of a verdict."""

from __future__ import annotations

from mlgate.report import Check, Report

_MARK = {"pass": "✅", "fail": "❌", "skip": "⏭️", "error": "⚠️"}
_CELL = 300  # characters of evidence in a table cell


def markdown(report: Report) -> str:
    """A report as Markdown: verdict, table of checks, what to do, notes. All text is escaped and inert."""
    lines = [f"**{report.verb}: {report.status}** in {report.seconds:.0f} s", ""]
    if report.checks:
        lines += ["| check | verdict | observed | threshold | evidence |", "|---|---|---|---|---|"]
        lines += [_row(check) for check in report.checks]
    mends = [check for check in report.checks if check.mend and check.status in ("fail", "error")]
    lines += [""] + [f"- {escape(check.id)}: {escape(check.mend)}" for check in mends]
    lines += [f"- {escape(note)}" for note in report.notes]
    return "\n".join(lines).rstrip() + "\n"


def _row(check: Check) -> str:
    cells = (check.id, f"{_MARK[check.status]} {check.status}", check.found, check.allowed)
    return "| " + " | ".join([*map(escape, cells), escape(check.evidence[:_CELL])]) + " |"


def escape(text: str) -> str:
    """Text that Markdown and HTML show as it is: no tags, links, mentions, tables, code or control characters."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    entities = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "`": "&#96;", "@": "&#64;"}
    entities |= {char: "\\" + char for char in "\\*_[]"}
    return "".join(entities.get(char, char) for char in printable)
