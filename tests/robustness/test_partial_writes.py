"""Commands whose output does not fit: the earlier output whole, one line, exit code 1, nothing left over."""

from __future__ import annotations

import contextlib
import os
import sys

import pytest
from algorithm_fixtures import small_config
from size_limit import size_limit
from small_disk import small_disk

from rllib_zoo.analysis.plots import figure_file
from rllib_zoo.experiments.cli import main as command
from rllib_zoo.experiments.paths import AGENTS
from rllib_zoo.experiments.provenance.trust import mark_as_own
from rllib_zoo.experiments.studies.keep import keep

AGENT = AGENTS / "cartpole-ppo"
SHORT = ("--config", '{"env_config": {"max_episode_steps": 40}}')
OLD_CONFIG = (
    "x: {run: PPO, env: CartPole-v0, stop: {training_iteration: 1}, config: {num_workers: 0}}\n"
)


@pytest.fixture(params=["full disk", "size limit"])
def output(request, tmp_path):
    """A folder, and a context in which less than 1 KiB can be written to it."""
    if request.param == "size limit":
        folder = tmp_path / "disk"
        folder.mkdir()
        yield folder, lambda: size_limit(1000), "File too large"
        return
    with small_disk(tmp_path / "disk", "8m") as disk:

        @contextlib.contextmanager
        def full():
            disk.fill()
            yield
            disk.empty()

        yield disk.folder, full, "No space left on device"


def rllib(monkeypatch, capsys, *arguments):
    """Exit code and error stream of the command, run in this process."""
    monkeypatch.setattr(sys, "argv", ["rllib", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        command.main()
    return ended.value.code, [line for line in capsys.readouterr().err.splitlines() if line]


def content(folder):
    """Every file's bytes by its path; without the filler of a full disk."""
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != ".filler")
    return {file.relative_to(folder): file.read_bytes() for file in files}


def folders(folder):
    return sorted(path for path in folder.rglob("*") if path.is_dir())


def refused(output, monkeypatch, capsys, *arguments):
    """The error line of a command that finds no room; nothing has changed after it."""
    folder, no_room, reason = output
    before, inside = content(folder), folders(folder)
    with no_room():
        code, lines = rllib(monkeypatch, capsys, *arguments)
    assert code == 1
    assert content(folder) == before
    assert folders(folder) == inside
    assert len(lines) == 1, lines
    (line,) = lines
    assert reason in line
    return line


@pytest.fixture
def quick_figures(monkeypatch):
    """Drawing takes most of a report's time; what is written stays of the real size."""
    saved = figure_file._saved

    def quick(figure, box, suffix, *options, **metadata):
        return saved(figure, box, "svg") if suffix == "svg" else os.urandom(20_000)

    monkeypatch.setattr(figure_file, "_saved", quick)


@pytest.mark.usefixtures("quick_figures")
def test_a_report_that_does_not_fit_leaves_the_earlier_one(
    output, trial, tmp_path, monkeypatch, capsys
):
    trial("a", returns=(1.0, 2.0))
    report = ["report", tmp_path / "results", "--output", output[0] / "report", "--resamples", 100]
    assert rllib(monkeypatch, capsys, *report)[0] == 0
    trial("b", returns=(1.0, 5.0), config={"lr": 0.5})
    line = refused(output, monkeypatch, capsys, *report)
    assert line.startswith(f"{output[0] / 'report'}: ")
    assert line.endswith("nothing was written")
    before = content(output[0])
    assert rllib(monkeypatch, capsys, *report)[0] == 0
    assert content(output[0]) != before


def test_episodes_that_do_not_fit_leave_the_earlier_ones(output, monkeypatch, capsys):
    (file := output[0] / "episodes.csv").write_text("earlier\n")
    arguments = ["evaluate", AGENT, *SHORT, "--episodes", 100, "--out", file]
    refused(output, monkeypatch, capsys, *arguments)


def test_a_migrated_file_that_does_not_fit_is_not_left(output, tmp_path, monkeypatch, capsys):
    old = tmp_path / "old.yaml"
    old.write_text("# a comment that is kept\n" * 200 + OLD_CONFIG)
    folder, no_room, reason = output
    with no_room():
        code, (line,) = rllib(monkeypatch, capsys, "migrate", old, "-o", folder / "new.yaml")
    assert code in (1, 2)  # a file that the command reads back before does not fit, either
    assert reason in line
    assert content(folder) == {}


def test_a_table_that_does_not_fit_leaves_the_page(output, monkeypatch, capsys):
    page = output[0] / "page.md"
    page.write_text("<!-- agents:begin -->\nold\n<!-- agents:end -->\n")
    folder, no_room, reason = output
    with no_room():
        code, (line,) = rllib(monkeypatch, capsys, "agent", "list", "--write", page)
    assert code == 2
    assert line == f"{page}: cannot be written: {reason}"
    assert list(content(folder).values()) == [b"<!-- agents:begin -->\nold\n<!-- agents:end -->\n"]


def test_a_video_that_does_not_fit_leaves_the_earlier_one(output, monkeypatch, capsys):
    """The encoder, a process of its own, writes below TMPDIR, is cut off, and exits as if it were not."""
    folder, no_room, _ = output
    (folder / "episode-0.mp4").write_bytes(b"earlier")
    with no_room():
        code, lines = rllib(
            monkeypatch, capsys, "evaluate", AGENT, *SHORT, "--episodes", 1, "--video", folder
        )
    assert code == 1
    assert content(folder) == {(folder / "episode-0.mp4").relative_to(folder): b"earlier"}
    assert len([line for line in lines if "episode-0.mp4: " in line]) == 1
    assert not [line for line in lines if "Traceback" in line]


@pytest.fixture(scope="module")
def brief_checkpoint(ray_session, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    algorithm = small_config("PPO").build_algo()
    algorithm.save_to_path(folder / "checkpoint_000000")
    algorithm.stop()
    assert mark_as_own(folder)
    return folder


@pytest.mark.ray
def test_an_agent_that_does_not_fit_leaves_the_earlier_one(
    output, brief_checkpoint, monkeypatch, capsys
):
    folder = output[0] / "agent"
    export = ["agent", "export", brief_checkpoint, "-o", folder, "--episodes", 1]
    assert rllib(monkeypatch, capsys, *export)[0] == 0
    refused(output, monkeypatch, capsys, *export, "--force")
    assert rllib(monkeypatch, capsys, *export, "--force")[0] == 0
    assert len(list(output[0].glob("agent*"))) == 2


def test_kept_results_that_do_not_fit_leave_the_earlier_ones(output, trial, tmp_path):
    trial("a", returns=[1.0] * 500, manifest={"source_text": "x" * 5000})
    folder, no_room, reason = output
    keep(tmp_path / "results" / "a", folder, every=100)
    before = content(folder)
    assert len(before) == 2
    with no_room(), pytest.raises(OSError, match=reason):
        keep(tmp_path / "results" / "a", folder, every=100)
    assert content(folder) == before
