"""What is committed is what the results give; and the gate and pages on results by hand."""

from __future__ import annotations

import importlib.metadata
import re
import shutil

import pytest
from kept_runs import cell, keep_run, row, study, threshold

from rllib_zoo.analysis.report.generated_sections import between, has_marks
from rllib_zoo.experiments.cli.main import app
from rllib_zoo.experiments.cli.reference import reference
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.studies.catalog import STUDIES
from rllib_zoo.experiments.studies.figures import KINDS, figures_of
from rllib_zoo.experiments.studies.publish import (
    CLI_PAGE,
    FIGURES,
    PAGE,
    SECTIONS,
    filled_pages,
    image_of,
    page_of,
    update_pages,
)

RESULTS = ROOT / "results"
REMEDY = "run: rllib study report --update"


MARKED = [*((p, s) for p, sections in SECTIONS.items() for s in sections), (CLI_PAGE, "options")]


@pytest.mark.parametrize(("page", "section"), MARKED)
def test_every_section_has_its_marks_once(page, section):
    text = (ROOT / page).read_text()
    assert text.count(f"<!-- {section}:begin -->") == text.count(f"<!-- {section}:end -->") == 1
    assert has_marks(text, section)


def test_pages_with_sections_are_what_the_results_and_the_code_give():
    pages = filled_pages(list(STUDIES.values()), RESULTS, ROOT, reference(app))
    assert set(pages) >= {ROOT / page for page in (*SECTIONS, CLI_PAGE, "docs/pg.md")}
    assert all(file.read_text() == text for file, text in pages.items()), REMEDY


def test_the_page_of_results_and_its_figures_are_what_the_results_give():
    # One test, so that one of pytest's processes draws them, once.
    drawn = {study.name: list(figures_of(study, RESULTS)) for study in STUDIES.values()}
    page = page_of(list(STUDIES.values()), RESULTS, drawn)
    assert page == (ROOT / PAGE).read_text(), REMEDY
    images = dict(image_of(figure) for figures in drawn.values() for figure in figures)
    assert {file.name for file in (ROOT / FIGURES).iterdir()} == set(images), REMEDY
    assert all(len(content) < 150_000 for content in images.values())
    pinned = re.search(r"^matplotlib==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    # Another matplotlib writes the same picture as another file.
    if pinned and pinned[1] == importlib.metadata.version("matplotlib"):
        for name, content in images.items():
            assert (ROOT / FIGURES / name).read_bytes() == content, f"{name}: {REMEDY}"


def test_a_lost_seed_changes_the_pages(tmp_path):
    shutil.copytree(RESULTS, tmp_path / "results")
    (tmp_path / "results" / "algorithms_compared" / "cartpole-ppo" / "seed2003.json").unlink()
    undrawn: dict[str, list] = {name: [] for name in STUDIES}
    page = page_of(list(STUDIES.values()), tmp_path / "results", undrawn)
    assert "| `cartpole-ppo` | 29 of 30 | 1 not run |" in page
    assert "| `cartpole-ppo.yaml` | 29 of 30 (1 not done) |" in page
    readme = filled_pages([], tmp_path / "results", ROOT, "")[ROOT / "README.md"]
    assert "29 of 30 seeds solved" in readme
    assert "29 of 30 seeds solved" not in (ROOT / "README.md").read_text()


def lines(study_, results, *, rates=(100, 190)):
    for cell_, rate in zip(study_.cells, rates, strict=True):
        for seed in cell_.seeds:
            rows = [row(1_000, 1.0, staleness=1.0), row(1_000 + 10 * rate, 2.0, seconds=11)]
            rows[0] |= {"gradient_variance": 8.0, "gradient_squared_norm": 2.0}
            keep_run(results, study_.name, cell_, seed, rows)


def test_every_kind_of_figure_is_drawn_twice_alike(tmp_path):
    cells = [cell(f"r{n}", value=n) for n in (1, 2)]
    every = study(*cells, figures=tuple(KINDS), axis="runners")
    lines(every, tmp_path)
    first, second = (list(figures_of(every, tmp_path)) for _ in range(2))
    names = {figure.name for figure in first}
    assert len(names) == len(first) >= len(KINDS)
    assert [figure.svg for figure in first] == [figure.svg for figure in second]
    assert all("PPO" in figure.svg for figure in first)


def test_a_study_without_runs_has_no_figures(tmp_path):
    assert not list(figures_of(study(cell("pong"), figures=tuple(KINDS)), tmp_path))


def test_update_writes_pages_and_drops_old_figures(tmp_path):
    (tmp_path / FIGURES).mkdir(parents=True)
    (tmp_path / FIGURES / "tiny-old.svg").write_text("old")
    (tmp_path / FIGURES / "drawn-by-hand.svg").write_text("mine")
    (tmp_path / FIGURES / "tiny-folder").mkdir()
    (tmp_path / "README.md").write_text("<!-- results:begin -->\nold\n<!-- results:end -->\n")
    one = study(cell("r1", value=1), thresholds=[threshold("r1")])
    lines(one, tmp_path / "results", rates=(100,))
    update_pages([one], tmp_path / "results", tmp_path, "")
    page = (tmp_path / PAGE).read_text()
    assert "2 of 2 runs are done" in page
    assert "| `r1` | 18 reached within 40,000 steps with 2 seeds | 0 of 2 done | missed |" in page
    assert all(
        (tmp_path / PAGE.parent / name).exists() for name in re.findall(r"\((figures/.*)\)", page)
    )
    left = {file.name for file in (tmp_path / FIGURES).iterdir()}
    assert "tiny-old.svg" not in left
    assert {"drawn-by-hand.svg", "tiny-folder"} <= left
    assert (tmp_path / "README.md").read_text().startswith("<!-- results:begin -->\n|  | A2C |")


def test_update_outside_of_a_checkout(tmp_path):
    with pytest.raises(FileNotFoundError, match="not a checkout"):
        update_pages([], tmp_path, tmp_path, "")
    assert not list(tmp_path.iterdir())


def test_only_the_marked_section_changes():
    text = "a\n<!-- games:begin -->\nold\n<!-- games:end -->\nb\n"
    assert between(text, "games", "new") == text.replace("old", "new")
    assert between("no marks\n", "games", "new") == "no marks\n"
