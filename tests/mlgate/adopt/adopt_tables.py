"""Tables of each kind, made here so that no other file is needed, and the state of a repository to compare."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd

GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]


def commit(root: Path) -> None:
    subprocess.run([*GIT, "add", "-A"], cwd=root, check=True)
    subprocess.run([*GIT, "commit", "-q", "-m", "state"], cwd=root, check=True)


def state(root: Path) -> dict[str, bytes]:
    """Every file of the project but what verbs keep for themselves."""
    own = {".git", ".mlgate", "reports", "__pycache__"}
    files = [p for p in root.rglob("*") if p.is_file() and not own & set(p.relative_to(root).parts)]
    return {str(p.relative_to(root)): p.read_bytes() for p in files if ".dvc/tmp" not in p.as_posix()}


def loans(rows: int = 400) -> pd.DataFrame:
    """Binary with every kind of column and every kind of name."""
    rng = np.random.default_rng(7)
    risk = rng.normal(size=rows)
    bad = risk + rng.normal(size=rows) > 0.3
    words = np.array(["late", "payment", "house", "car", "school", "holiday", "repair", "family"])
    return pd.DataFrame(
        {
            "loan id": [f"L{n:05d}" for n in range(rows)],
            "Größe (€)": np.round(np.exp(risk), 3),
            "class": rng.choice(["a", "b", "c"], rows),
            "2nd score": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows)),
            'the "quoted" one': rng.integers(0, 9, rows),
            "年齢": rng.integers(20, 70, rows),
            "region": rng.choice([f"region {n:03d}" for n in range(60)], rows),
            "purpose": [" ".join(rng.choice(words, 6)) for _ in range(rows)],
            "opened": pd.date_range("2019-01-01", periods=rows, freq="D").strftime("%d.%m.%Y"),
            "married": rng.choice(["True", "False"], rows),
            "country": "NZ",
            "e-mail": [f"person{n}@example.org" for n in range(rows)],
            "customer_id": rng.integers(100, 100 + rows // 3, rows),
            "empty": np.nan,
            "outcome_code": np.where(bad, 9, 1),
            "zip": [f"{n:05d}" for n in rng.integers(1000, 1040, rows)],
            "repaid?": np.where(bad, "no", "yes"),
        }
    )


def sales(rows: int = 2_400) -> pd.DataFrame:
    """Regression over time, large enough for trees."""
    rng = np.random.default_rng(3)
    shop = rng.choice(["north", "south", "east"], rows)
    price = rng.uniform(1, 5, rows)
    sold = 50 + 20 * (shop == "north") - 6 * price + rng.normal(0, 4, rows)
    when = pd.date_range("2024-01-01", periods=rows, freq="h")
    return pd.DataFrame({"when": when, "shop": shop, "price": price, "flat": 1, "sold": sold})
