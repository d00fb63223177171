"""The gallery: every agent that ships, from its record, with a short and small recording."""

from __future__ import annotations

from PIL import Image, ImageSequence

from rllib_zoo.benchmarks.pages.gallery import IMAGES, PAGE, SECONDS, page
from rllib_zoo.experiments.evaluation.agent_table import agent_folders
from rllib_zoo.experiments.paths import AGENTS, ROOT


def test_the_page_is_what_the_agents_give():
    assert page(AGENTS) == (ROOT / PAGE).read_text(), "run: make gallery"


def test_every_agent_has_a_short_and_small_recording():
    names = {folder.name for folder in agent_folders(AGENTS)}
    files = sorted((ROOT / IMAGES).iterdir())
    assert {file.stem for file in files} == names, "run: make gallery"
    for file in files:
        assert file.stat().st_size <= 300_000
        frames = ImageSequence.Iterator(Image.open(file))
        assert SECONDS * 900 < sum(frame.info["duration"] for frame in frames) <= 10_000
