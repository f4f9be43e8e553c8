"""The champion gate: a challenger may replace the model in production only where it is shown to be no worse."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from mlgate.errors import DataError
from mlgate.gates.intervals import Interval, difference
from mlgate.gates.metrics import Metric
from mlgate.gates.power import pass_rate
from mlgate.report import Check

Array = NDArray[Any]


def champion_gate(
    y: Array,
    challenger: Array,
    champion: Array,
    clusters: Array | None,
    metric: Metric,
    margin: float,
    confidence: float,
) -> Check:
    """Non-inferiority: pass where the lower bound of challenger - champion is above -`margin`; `error` fails closed.

    Parameters
    ----------
    y : (n,) labels
    challenger, champion : scores of both models on the same rows
    clusters : (n,) keys of dependent rows, or None
    margin : a difference this small does not matter, in the metric's unit; signed so that higher is better
    confidence : one-sided, for example .975
    """
    title = "No worse than the champion"
    check = Check(id="champion", title=title, status="error", threshold=-margin, unit=metric.name)
    try:
        found = difference(y, challenger, champion, clusters, metric, confidence)
    except DataError as error:
        check.evidence, check.mend = str(error), error.mend
        return check
    check.observed, check.interval = found.value, (found.low, found.high)
    check.status = "pass" if found.low > -margin else "fail"
    if found.se == 0:
        check.evidence = "the predictions are identical to the champion's"
        return check
    rate = pass_rate(margin, found.se, found.df, confidence)
    check.evidence = f"{_words(found)}; between these two models an equal one passes in {100 * rate:.0f} % of cases"
    if check.status == "fail":
        worse = found.high < 0
        reason = "the challenger is worse" if worse else "nothing shows that it is no worse: more labelled rows"
        check.mend = f"{reason}; the margin is gates.champion.margin ({margin:g})"
    return check


def _words(found: Interval) -> str:
    by = f", {found.clusters:,} clusters" if found.clusters else ""
    return f"difference {found.value:+.4f}, lower bound {found.low:+.4f} ({found.method}{by})"
