"""The README's images: what the results give, the same every time, and small."""

from __future__ import annotations

import importlib.metadata
import re

import imageio.v3 as imageio
import numpy as np
import pytest
from kept_runs import cell, keep_run, row, study

from rllib_zoo.experiments.paths import AGENTS, RESULTS, ROOT
from rllib_zoo.experiments.studies.figures import held_curves
from rllib_zoo.experiments.studies.readme_figures import (
    AGENT,
    ASSETS,
    SECONDS,
    learning_curves,
    recording,
)
from rllib_zoo.experiments.studies.runs import runs_of

CURVES = ROOT / ASSETS / "pong-learning-curves.png"
GIF = ROOT / ASSETS / f"{AGENT}.gif"


def test_a_line_does_not_end_with_its_first_run(tmp_path):
    one = study(cell("one"))
    keep_run(tmp_path, "tiny", one.cells[0], 3, [row(1_000, 0.0), row(2_000, 18.0)])
    keep_run(tmp_path, "tiny", one.cells[0], 4, [row(1_000, 0.0), row(2_000, 1.0), row(9_000, 6.0)])
    curves = held_curves(one, runs_of(one, tmp_path), tmp_path)["PPO"]
    common = curves.complete.common()
    assert common.grid_G[-1] == 9_000
    # The first run holds the score it ended with; the mean goes on with both.
    np.testing.assert_array_equal(common.values_RG[:, -1], [18.0, 6.0])
    assert not any(x[-1] > 2_000 for x, _ in curves.tails)


def test_the_committed_curves_are_what_the_results_give():
    pinned = re.search(r"^matplotlib==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned
    if pinned[1] != importlib.metadata.version("matplotlib"):
        pytest.skip("another matplotlib writes the same picture in other bytes")
    assert learning_curves(RESULTS) == CURVES.read_bytes(), "run: make figures"


def test_the_committed_recording_is_a_game_of_the_agent():
    seconds = 0.3
    made = recording(AGENTS / AGENT, seconds)
    assert made == recording(AGENTS / AGENT, seconds)
    frames, whole = (imageio.imread(data, extension=".gif") for data in (made, GIF.read_bytes()))
    assert whole.shape[1:] == (420, 320, 3) == frames.shape[1:]
    # Equal frames in a row are one that is shown for longer: 15 a second are the most there can be.
    assert 0.9 * 15 * SECONDS <= len(whole) <= 15 * SECONDS
    np.testing.assert_array_equal(frames[0], whole[0])
