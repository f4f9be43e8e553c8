"""A feature may use what was known at that moment and nothing else, and must be the same offline and online."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from model.features import FEATURES, HISTORY, features


@pytest.fixture(scope="module")
def rows(trained) -> pd.DataFrame:
    return trained.frame.tail(6000).reset_index(drop=True)


def test_features_have_the_columns_that_they_promise(rows) -> None:
    assert tuple(features(rows, None).columns) == FEATURES


def test_removing_later_rows_changes_no_feature(rows) -> None:
    earlier = rows.head(4000)
    pd.testing.assert_frame_equal(features(rows, None).head(4000), features(earlier, None), check_exact=True)


def test_changing_later_rows_changes_no_feature(rows) -> None:
    changed = rows.copy()
    changed.loc[4000:, "amount"] = 9999.0
    changed.loc[4000:, "category"] = "other"
    changed.loc[4000:, "customer_id"] = rows["customer_id"][0]
    pd.testing.assert_frame_equal(features(rows, None).head(4000), features(changed, None).head(4000), check_exact=True)


def test_the_target_is_no_source_of_features(rows) -> None:
    inputs = rows.drop(columns=["is_fraud", "label_time"])
    pd.testing.assert_frame_equal(features(rows, None), features(inputs, None), check_exact=True)


def test_one_row_with_its_history_has_the_features_that_it_had_in_training(trained) -> None:
    frame = trained.frame
    offline = features(frame, None)
    for place in np.random.default_rng(5).integers(len(frame) // 2, len(frame), 40):
        row = frame.iloc[[place]]
        moment = row["timestamp"].iloc[0]
        window = (frame["timestamp"] < moment) & (frame["timestamp"] >= moment - pd.Timedelta(days=HISTORY.days))
        related = np.logical_or.reduce([frame[key] == row[key].iloc[0] for key in HISTORY.keys])
        history = frame.loc[window & related, list(HISTORY.columns)]
        pd.testing.assert_frame_equal(features(row, history), offline.iloc[[place]], check_exact=True)
