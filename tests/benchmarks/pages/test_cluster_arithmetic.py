"""The cluster page's tables: the page equals the code, and the code equals arithmetic by hand."""

from __future__ import annotations

import re

import pytest

from rllib_zoo.benchmarks.pages import cluster_arithmetic
from rllib_zoo.benchmarks.pages.cluster_arithmetic import (
    PAGE,
    Sizes,
    _asynchronous,
    _synchronous,
    sizes_of,
    tables,
)


def test_the_page_has_the_tables_of_today():
    page = PAGE.read_text()
    [block] = re.findall(
        r"<!-- arithmetic:begin -->\n(.*?)\n<!-- arithmetic:end -->", page, re.DOTALL
    )
    assert block == tables(), "run: python -m rllib_zoo.benchmarks.pages.cluster_arithmetic"


def test_bytes_of_pong_by_hand():
    sizes = sizes_of("PPO")
    # Screens; action int64, 6 logits, log-prob, value, next value, reward; 3 flags.
    assert sizes.step_bytes == 42 * 42 * 4 + 8 + 4 * (6 + 4) + 3
    convolutions = (4 * 9 * 32 + 32) + 3 * (32 * 9 * 32 + 32)
    dense = (3 * 3 * 32 * 256 + 256) + (256 * 6 + 6) + (256 + 1)
    assert sizes.weights == convolutions + dense
    assert (sizes.num_envs, sizes.fragment, sizes.epochs) == (32, 64, 4)


def cells(lines):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_synchronous_row_by_hand():
    sizes = Sizes(step_bytes=1000, weights=250_000, num_envs=10, fragment=20, epochs=2)
    lines = _synchronous("X", sizes, per_core=400.0, learner=8000.0)
    assert "8,000 / 2 = 4,000 steps/s, which 10.0 runners fill" in lines[0]
    # 10 runners: batches of 2,000 steps, 4,000 steps/s of 1 kB, 2 batches/s x 10 x 1 MB.
    assert cells(lines)[4] == ["10", "2,000", "4,000", "4", "20", "2.0", "1", "8,000"]
    assert cells(lines)[6] == [
        "1,000",
        "200,000",
        "400,000",
        "400",
        "2,000",
        "2.0",
        "100",
        "800,000",
    ]


def test_an_asynchronous_row_by_hand(monkeypatch, tmp_path):
    learner = tmp_path / "learner.json"
    learner.write_text('{"applies_per_cpu_second": 200}')
    monkeypatch.setattr(cluster_arithmetic, "LEARNER", learner)
    sizes = Sizes(step_bytes=1, weights=250_000, num_envs=1, fragment=128, epochs=1)
    rows = cells(_asynchronous(sizes, per_runner=1280.0))[4:]
    # 10 runners x 1280 / 128 = 100 gradients/s of 1 MB: half of what the core applies.
    assert rows[0] == ["10", "128", "100", "100", "100", "50%", "9"]
    assert rows[-1] == ["1,000", "512", "2,500", "2,500", "2,500", "1250%", "999"]


@pytest.mark.parametrize("name", ["A2C", "A3C"])
def test_other_files_are_read(name):
    sizes = sizes_of(name)
    assert sizes.fragment_bytes == sizes.step_bytes * 16 * 20
    assert sizes.epochs == 1
