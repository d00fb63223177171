"""The report: what it says, what it warns of, what it writes; and the comparison of two runs."""

from __future__ import annotations

import html
import json
import re
import shutil
from dataclasses import replace
from functools import partial

import pandas as pd
import pytest
from result_folders import write_trial
from typer.testing import CliRunner

from rllib_zoo.analysis.diff.diff import compare
from rllib_zoo.analysis.options import ReportOptions
from rllib_zoo.analysis.report.cli import app
from rllib_zoo.analysis.report.html import TEMPLATES
from rllib_zoo.analysis.report.report import NothingToReportError, report
from rllib_zoo.analysis.results import load
from rllib_zoo.analysis.scoring.comparability import comparable_envs
from rllib_zoo.analysis.summary import summarise

FAST = ReportOptions(resamples=200, thresholds={"CartPole-v1": 4.0})


def write_results(folder):
    """Five seeds of one setting, five of another, and a failed trial."""
    trial = partial(write_trial, folder)
    for seed in range(5):
        rate = {"lr": 0.1, "seed": seed}
        trial(f"a{seed}", returns=(1.0, 2.0 + seed, 3.0 + seed), config=rate)
        trial(f"b{seed}", returns=(1.0, 5.0 + seed, 20.0 + seed), config={**rate, "lr": 0.2})
    trial("failed", returns=(1.0,), config={"lr": 0.2, "seed": 9}, status="ERROR")
    return folder


@pytest.fixture
def results(tmp_path):
    return write_results(tmp_path / "results")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Results and the folder of their report, both to read only: its figures take seconds to draw."""
    folder = tmp_path_factory.mktemp("written")
    report([write_results(folder / "results")], folder / "out", FAST)
    return folder / "results", folder / "out"


@pytest.fixture(scope="module")
def written_again(written):
    """What stood in the report's folder before it was written a second time, and a file of no report."""
    results, out = written
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    stale = out / "figures" / "old.png"
    stale.write_bytes(b"")
    report([results], out, FAST)
    return before, stale


def test_the_table_of_scores(results):
    summary = summarise(load([results]), thresholds={"CartPole-v1": 4.0}, resamples=200)
    first, second = summary.table.to_dict("records")
    assert (first["group"], first["runs"], first["iqm"]) == ("PPO lr=0.1", 5, 5.0)
    assert (first["lowest"], first["highest"], first["mean"]) == (3.0, 7.0, 5.0)
    assert (first["reached"], first["steps_to"]) == (4, 200.0)
    assert (second["group"], second["runs"], second["reached"]) == ("PPO lr=0.2", 6, 5)
    pair = summary.improvements["CartPole-v1"]["PPO lr=0.1", "PPO lr=0.2"]
    # Every one of five beats the failed run's 1, and nothing else: 5 of 30 pairs.
    assert pair.value == pytest.approx(5 / 30)


def test_deleting_a_seed_changes_the_table(results):
    summaries = [summarise(load([results]), resamples=200)]
    shutil.rmtree(results / "a4")
    summaries.append(summarise(load([results]), resamples=200))
    first, second = (summary.table.iloc[0] for summary in summaries)
    assert first["group"] == second["group"] == "PPO lr=0.1"
    assert (first["runs"], second["runs"], second["highest"]) == (5, 4, 6.0)


def test_the_same_call_writes_the_same(written_again):
    before, _ = written_again
    assert {file: file.read_bytes() for file in before} == before


def test_what_is_written(written):
    results, out = written
    scores = pd.read_csv(out / "scores.csv")
    assert len(scores) == 11
    assert set(scores["status"]) == {"done", "failed"}
    assert len(pd.read_csv(out / "curves.csv")) == 31
    names = {file.stem for file in (out / "figures").glob("*.svg")}
    assert names == {file.stem for file in (out / "figures").glob("*.png")}
    assert {
        "cartpole-v1-return-over-steps",
        "cartpole-v1-scores",
        "cartpole-v1-steps-to-4",
    } <= names
    command = (out / "command.txt").read_text()
    assert f"rllib report {results} --output {out}" in command
    assert "--threshold CartPole-v1=4" in command


def test_the_page_is_one_file_that_asks_for_nothing(written):
    page = (written[1] / "report.html").read_text()
    assert "status failed; short: 100 of 300 steps" in page
    library = (TEMPLATES / "plotly-basic.min.js").read_text()
    own = page.replace(library, "")
    assert len(library) < len(page) < 2_000_000
    assert not re.search(r"(?:src|href)=\"(?!#)", own)
    assert not re.search(r"url\((?!#)", own)
    assert "http" not in own


def test_every_figure_is_on_the_page_and_in_files(written):
    _, out = written
    page = (out / "report.html").read_text()
    plots = json.loads(re.search(r'id="plots">(.*?)</script>', page)[1])
    shown = re.findall(r'data-(?:figure|view)="([^"]*)"', page)
    for kind in ("svg", "png", "pdf"):
        assert {file.stem for file in (out / "figures").glob(f"*.{kind}")} == set(plots)
    assert set(shown) == set(plots)


def test_an_ordinary_sweep_has_a_line_per_kind_of_warning(trial, tmp_path):
    for number in range(12):
        trial(str(number), config={"lr": 0.1 + number}, status="RUNNING")
    done = CliRunner().invoke(
        app, [str(tmp_path / "results"), "-o", str(tmp_path / "out"), "--resamples", "100"]
    )
    assert done.exit_code == 0, done.output
    assert done.stderr.count("warning: ") == 4
    assert "warning: groups of a single run: 12 cases" in done.stderr
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Warnings: 4 kinds" in page
    assert page.count("a single run: no interval, and no comparison") == 12


def test_the_same_id_played_differently_is_never_compared(trial, tmp_path):
    for name, skip in (("a", 4), ("b", 4), ("c", 1)):
        signature = {"id": "ALE/Pong-v5", "frameskip": skip}
        trial(name, config={"env": "ALE/Pong-v5"}, manifest={"environment_signature": signature})
    runs = load([tmp_path / "results"]).runs
    env_labels, warnings = comparable_envs(runs)
    assert env_labels == ["ALE/Pong-v5 #1", "ALE/Pong-v5 #1", "ALE/Pong-v5 #2"]
    assert [warning.text for warning in warnings] == [
        "ALE/Pong-v5 was run in 2 variants, which are not compared; they differ in frameskip"
    ]


def test_too_few_runs_are_said(trial, tmp_path):
    trial("a")
    warnings = summarise(load([tmp_path / "results"]), resamples=100).warnings
    assert "CartPole-v1, PPO: a single run: no interval, and no comparison" in warnings


def test_nothing_to_report_writes_nothing(trial, tmp_path):
    path = trial(lines=["nonsense"])
    with pytest.raises(
        NothingToReportError, match=r"1 run was .* none of them with a result: .*: no results"
    ):
        report([path], tmp_path / "out", FAST)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["{results}", "--resamples", "100"], 0, "warning: "),
        (["{results}", "--measure", "last"], 2, "--measure: 'last' is unknown"),
        (["{results}", "--threshold", "x"], 2, "is not ENV=RETURN"),
        (["{results}", "--threshold", "CartPole-v1=nan"], 2, "is not ENV=RETURN"),
        (["{results}", "--threshold", "Cartpole-v1=1"], 2, "no run is of 'Cartpole-v1'"),
        (["{results}", "--baseline", "A2C"], 2, "unknown group 'A2C'"),
        (["{results}/a0/manifest.json"], 2, "does not exist"),
        (["{results}/a0/experiment_state-2026.json"], 2, "0 runs were found below"),
        (["{results}", "--as", "sb4"], 2, "--as: 'sb4' is unknown; choose from tune, "),
        (["{results}", "--as", "sb3"], 2, "0 runs were found below"),
        (["{results}/nowhere"], 2, "does not exist"),
        (["{empty}"], 2, "0 runs were found"),
    ],
)
def test_the_command(results, tmp_path, arguments, code, words):
    (tmp_path / "empty").mkdir()
    filled = [a.format(results=results, empty=tmp_path / "empty") for a in arguments]
    done = CliRunner().invoke(app, [*filled, "-o", str(tmp_path / "out")])
    assert done.exit_code == code, done.output
    assert words in " ".join(done.output.split())
    assert (tmp_path / "out" / "report.html").exists() == (code == 0)


def test_two_groups_that_differ(trial, tmp_path):
    for seed in range(5):
        for name, rate, height in (("a", 0.1, 1.0), ("b", 0.2, 50.0)):
            manifest = {"packages": {"ray": "2.60.0", "torch": f"2.{name}"}, "git": {"commit": "x"}}
            config = {"lr": rate, "seed": seed}
            trial(f"{name}/{seed}", returns=(height + seed,), config=config, manifest=manifest)
    found = compare(tmp_path / "results" / "a", tmp_path / "results" / "b")
    texts = [str(difference) for difference in found.differences]
    assert texts == [
        "package: torch is 2.a in the first, 2.b in the second",
        "configuration: lr is 0.1 in the first, 0.2 in the second",
    ]
    assert "differ more than seeds explain" in found.verdict


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        (1, "too few runs to test"),
        (3, "too few runs to test what seeds explain (at best p = 0.10)"),
        (4, "seeds may explain the difference"),
    ],
)
def test_what_seeds_explain(trial, tmp_path, seeds, words):
    for seed in range(seeds):
        trial(f"a/{seed}", returns=(float(seed),), config={"seed": seed})
        trial(f"b/{seed}", returns=(seed + 0.1,), config={"seed": seed})
    found = compare(tmp_path / "results" / "a", tmp_path / "results" / "b")
    assert found.differences == ()
    assert words in found.verdict


def test_a_folder_without_results_cannot_be_compared(trial, tmp_path):
    trial("a")
    trial("b", lines=[])
    with pytest.raises(ValueError, match="has no run with a result"):
        compare(tmp_path / "results" / "a", tmp_path / "results" / "b")


def test_other_environments_are_not_compared(trial, tmp_path):
    trial("a/0")
    trial("b/0", config={"env": "Pendulum-v1"})
    found = compare(tmp_path / "results" / "a", tmp_path / "results" / "b")
    assert found.verdict.startswith("CartPole-v1 and Pendulum-v1: scores of different environments")


def test_a_folder_of_several_things_is_refused(trial, tmp_path):
    trial("a/0")
    trial("b/0", config={"lr": 0.1})
    trial("b/1", config={"lr": 0.2})
    with pytest.raises(ValueError, match=r"PPO lr=0\.1 on CartPole-v1, PPO lr=0\.2 on CartPole-v1"):
        compare(tmp_path / "results" / "a", tmp_path / "results" / "b")


def test_a_figure_of_an_earlier_report_is_gone(written_again):
    _, stale = written_again
    assert not stale.exists()


def test_the_seed_reaches_the_figures(written, tmp_path):
    results, out = written
    report([results], tmp_path / "out", replace(FAST, seed=FAST.seed + 1))
    name = "figures/cartpole-v1-return-over-steps.png"
    assert (out / name).read_bytes() != (tmp_path / "out" / name).read_bytes()


def test_an_output_that_is_a_file_is_refused_first(results, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(NotADirectoryError, match="is a file"):
        report([results], tmp_path / "out", FAST)
    assert (tmp_path / "out").read_text() == "mine"


def test_names_of_any_kind_are_text(trial, tmp_path):
    """No markup, formula or element of a page, and none that a legend leaves out."""
    names = ("$x$", "[red]y[-red]", "_z<b>", ":smile:")
    for seed, name in enumerate(names):
        trial(name, config={"env": "[/]<script>$a$", "seed": seed, "lr": name})
    words = [str(tmp_path / "results"), "-o", str(tmp_path / "out"), "--resamples", "100"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    page = (tmp_path / "out" / "report.html").read_text()
    own = page.replace((TEMPLATES / "plotly-basic.min.js").read_text(), "")
    assert "_z<b>" not in own
    assert "<b>[/]&lt;script&gt;$a$: learning curves" in own
    assert all(html.escape(f"PPO lr={name}") in own for name in names)
    assert "<script>$a$" not in own
