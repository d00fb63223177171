"""Tables as CSV: the same bytes as pandas writes."""

import numpy as np
import pandas as pd
import pytest

from rllib_zoo.analysis.files import table_csv
from rllib_zoo.analysis.files.table_csv import write_table


@pytest.mark.parametrize("chunk", [2, 1000])
def test_the_bytes_are_those_of_pandas(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(table_csv, "CHUNK", chunk)
    numbers = [1.0, 2e6, -0.0, 0.0, 1e-5, 1e300, 5e-324, np.nan, np.inf, -np.inf, 12345.678]
    texts = ["PPO", "lr=1, 2", 'a "name"', "", "two\nlines", "é", "#", "a b", "x", "y", "'z'"]
    table = pd.DataFrame({
        "run": range(len(numbers)), "group": pd.Series(texts, dtype=object), "value": numbers,
        "short, or not": [True, False] * 5 + [True], "none": np.nan,
    })  # fmt: skip
    write_table(tmp_path / "ours.csv", table)
    table.dropna(axis=1, how="all").to_csv(tmp_path / "theirs.csv", index=False)
    assert (tmp_path / "ours.csv").read_bytes() == (tmp_path / "theirs.csv").read_bytes()
