"""``docs/peers.md`` names every format, library, label and column name that the readers know."""

import pytest

from rllib_zoo.analysis.files import record
from rllib_zoo.analysis.readers.registry import READERS
from rllib_zoo.analysis.readers.series import facts
from rllib_zoo.analysis.readers.series.layouts import KEYS, LAYOUTS, NAMES
from rllib_zoo.experiments.paths import ROOT

PAGE = (ROOT / "docs" / "peers.md").read_text()


@pytest.mark.parametrize("name", READERS)
def test_every_format_has_a_row(name):
    assert f"\n| `{name}` |" in PAGE


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.library or "RLlib")
def test_every_library_has_a_row_with_its_return(layout):
    rows = [r for r in PAGE.splitlines() if r.startswith(f"| {layout.library or 'RLlib'}")]
    assert any(f"`{name}`" in row for row in rows for name in layout.columns["return_mean"])


def test_every_column_name_is_listed():
    for column, names in {**NAMES, **KEYS}.items():
        assert f"| `{column}` | {', '.join(f'`{name}`' for name in names)} |" in PAGE


def test_every_label_tells_whether_it_is_compared():
    rows = {
        row.rsplit("| ", 1)[-1]: row
        for row in PAGE.splitlines()
        if row.endswith((" no |", " yes |"))
    }
    apart = "".join(row for row in PAGE.splitlines() if row.endswith("| no |"))
    (compared,) = [row for end, row in rows.items() if end == "yes |"]
    assert all(f"`{label}`" in apart for label in record.APART)
    for label in (record.FRAME_LENGTHS, record.UPPER_BOUND, record.LOWER_BOUND):
        assert f"`{label}`" in compared


def test_every_key_of_the_facts_is_shown():
    assert all(f"\n{key}: " in PAGE for key in facts.KEYS)
    assert facts.ABOUT in PAGE
