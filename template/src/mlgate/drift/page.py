"""The report for people: one self-contained HTML page and its Markdown twin. Every name in them is inert text."""

from __future__ import annotations

import re

from mlgate.drift import plots
from mlgate.drift.decay import check
from mlgate.drift.decision import Alarm
from mlgate.drift.plots import clean
from mlgate.drift.view import View, sentence, unit

MOST = 12  # columns drawn
STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6876; --paper: #fff; --card: #f4f6f8; --rule: #d5dbe1;
  --reference: #9aa7b4; --current: #1769c2; --bound: #b4440f; --good: #1b7f4b; --bad: #b3261e; --warn: #8a6100; }
@media (prefers-color-scheme: dark) { :root { --ink: #e5eaf0; --soft: #a3afbb; --paper: #14191f; --card: #1d242c;
  --rule: #36414c; --reference: #7d8a97; --current: #6db3ff; --bound: #ff9d6b; --good: #5ad19a; --bad: #ff8a80;
  --warn: #f2c14e; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 46rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; overflow-wrap: anywhere; }
h3 { font-size: .95rem; font-weight: 600; color: var(--soft); margin: 1rem 0 .25rem; }
p { margin: .4rem 0; overflow-wrap: anywhere; } .soft { color: var(--soft); }
.verdict { border-left: 6px solid var(--good); background: var(--card); padding: .75rem 1rem; border-radius: 4px;
  margin: 1rem 0; } .verdict b { font-size: 1.2rem; }
.retrain, .rollback, .investigate { border-color: var(--bad); } .watch { border-color: var(--warn); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--rule);
  overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; }
td:first-child { min-width: 12em; } td:nth-child(2) { white-space: nowrap; }
svg { max-width: 100%; height: auto; display: block; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .small { fill: var(--soft); font-size: 11px; } .end { text-anchor: end; } .middle { text-anchor: middle; }
.reference { fill: var(--reference); } .current { fill: var(--current); } .grid { stroke: var(--rule); }
.line { fill: none; stroke: var(--current); stroke-width: 2; }
.bound { stroke: var(--bound); stroke-width: 2; stroke-dasharray: 5 3; }
.key span { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .3em 0 .8em; }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def html_page(view: View, n: int) -> str:
    """The page: verdict, traffic, and for each alarmed column its distribution, missing share and effect by window."""
    decision, title = view.decision, f"Drift in {view.environment}"
    names = list(dict.fromkeys(alarm.finding.column for alarm in (*decision.alarms, *decision.watched)))
    span = f"windows from {clean(view.since)} to {clean(view.until)}, UTC"
    body = [
        f"<h1>{clean(title)}</h1>",
        f'<p class="soft">model {clean(view.version)} · {span}</p>',
        f'<div class="verdict {decision.word}"><b>{decision.word}</b><p>{clean(decision.reason, 300)}</p></div>',
        *_table(view, n),
        "<h2>Traffic by window, rows</h2>",
        plots.columns(
            "rows by window", view.starts, [w.traffic for w in view.windows], [w.expected for w in view.windows]
        ),
        '<p class="soft">Dashed: the median of the reference at that phase of the season.</p>',
        *_performance(view),
        *(line for name in names[:MOST] for line in _column(view, name)),
        *([f"<p>{len(names) - MOST} more columns are in the table above.</p>"] if len(names) > MOST else []),
        *(f'<p class="soft">{clean(line, 600)}</p>' for line in _limits(view)),
    ]
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    head += '<meta name="viewport" content="width=device-width">'
    return (
        f"<!doctype html>\n<html lang=en><head>{head}<title>{clean(title)}</title><style>{STYLE}</style></head><body>\n"
        + ("\n".join(body) + "\n</body></html>\n")
    )


def markdown(view: View, n: int) -> str:
    """The same in Markdown, without plots."""
    decision = view.decision
    rows = [(a, "alarm") for a in decision.alarms] + [(a, "watch") for a in decision.watched]
    table = [f"| {mark(a.finding.column)} | {word} | {mark(sentence(a, n))} |" for a, word in rows]
    traffic = [
        f"| {start} | {w.traffic:,} | {w.expected:,.0f} | {len(w.flagged) if w.findings else 'not judged'} |"
        for start, w in zip(view.starts, view.windows, strict=True)
    ]
    return "\n".join(
        [
            f"# Drift in {mark(view.environment)}: {decision.word}",
            "",
            f"{mark(decision.reason)}. Model {mark(view.version)}.",
            "",
            f"Windows from {mark(view.since)} to {mark(view.until)}, UTC.",
            "",
            *(["| column | | what |", "|---|---|---|", *table, ""] if table else []),
            "| window | rows | expected | findings |",
            "|---|---|---|---|",
            *traffic,
            "",
            *([f"{mark(check(view.decay).title)}: {mark(check(view.decay).evidence)}", ""] if view.decay else []),
            *(f"Never seen in {mark(name)}: {', '.join(map(mark, values))}\n" for name, values in view.unseen.items()),
            *(f"{mark(line)}\n" for line in _limits(view)),
        ]
    )


def mark(text: object) -> str:
    """Text that Markdown leaves alone: no markup, no link, no mention, no second line."""
    return re.sub(r"([\\`*_{}\[\]()#+!|~@:-])", r"\\\1", clean(text, 300))


def _table(view: View, n: int) -> list[str]:
    rows = [(a, "alarm") for a in view.decision.alarms] + [(a, "watch") for a in view.decision.watched]
    if not rows:
        return []
    cells = [
        f"<tr><td>{clean(a.finding.column)}</td><td>{w}</td><td>{clean(sentence(a, n), 200)}</td></tr>" for a, w in rows
    ]
    return ["<h2>What moved</h2><table><tr><th>column</th><th></th><th>what</th></tr>", *cells, "</table>"]


def _performance(view: View) -> list[str]:
    """The live metric on labels by stretch, and the least that is as good as the holdout."""
    if view.decay is None:
        return []
    said, stretches = check(view.decay), view.decay.stretches
    found = ["<h2>Performance on labels</h2>"]
    if stretches:
        labels = [f"{stretch.start:%m-%d}" for stretch in stretches]
        bounds = [said.threshold] * len(stretches)
        found.append(plots.lines(f"{said.unit} by time", labels, [s.found.value for s in stretches], bounds))
        found.append(f'<p class="soft">{clean(said.unit)}; dashed: the holdout\'s, less the margin that matters.</p>')
    return [*found, f'<p class="soft">{clean(said.evidence, 600)}</p>']


def _column(view: View, name: str) -> list[str]:
    mine: list[Alarm] = [a for a in (*view.decision.alarms, *view.decision.watched) if a.finding.column == name]
    shape = view.shape(name)
    found = [
        f"<h2>{clean(name)}</h2>",
        '<p class="key soft">Share of rows<span class="reference" style="background:var(--reference)"></span>reference'
        '<span style="background:var(--current)"></span>newest window</p>',
        plots.pairs(f"distribution of {name}", shape.labels, shape.reference, shape.current),
    ]
    if name in view.unseen:
        found.append(f"<p>Never seen before: {', '.join(clean(value) for value in view.unseen[name])}</p>")
    for alarm in mine:
        values, bounds = view.effects(alarm)
        found += [
            f"<h3>{clean(alarm.finding.aspect)}: {unit(alarm)} by window, threshold dashed</h3>",
            plots.lines(f"effect on {name} by window", view.starts, values, bounds),
        ]
    missing = view.missing(name)
    if any(missing) and not any(alarm.finding.aspect == "missing" for alarm in mine):
        found += ["<h3>missing: share of rows by window</h3>", plots.lines("missing share", view.starts, missing, [])]
    return found


def _limits(view: View) -> list[str]:
    found = []
    if not view.profile.timed:
        found.append("Rows have no time: they are judged as independent of each other, without a season.")
    if view.uncalibrated:
        found.append(f"Uncalibrated, so they open nothing: {', '.join(view.uncalibrated)} (too few reference windows).")
    if view.unwatched:
        found.append(f"Not in the prediction log, so not watched: {', '.join(view.unwatched)}.")
    return found
