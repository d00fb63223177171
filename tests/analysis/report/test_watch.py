"""The report that is drawn again while training goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
from result_folders import result

from rllib_zoo.analysis.report import watch as watching


def until(condition, what, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def test_results_that_change_are_drawn_again_and_others_not(trial, tmp_path, monkeypatch):
    """Three looks: at the start, after a new result, after nothing; then Ctrl-C."""
    path = trial()
    drawn, looks = [], iter((True, False))

    def pause(_):
        if next(looks, None) is None:
            raise KeyboardInterrupt
        if len(drawn) == 1:
            with (path / "result.json").open("a") as file:
                file.write(json.dumps(result(4, 5.0)) + "\n")

    monkeypatch.setattr(watching.time, "sleep", pause)
    watching.watch(lambda: drawn.append(0), [tmp_path / "results"], tmp_path / "out")
    assert len(drawn) == 2


def test_the_reports_own_files_are_no_change(trial, tmp_path):
    trial()
    before = watching._state([tmp_path], tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.html").write_text("")
    assert watching._state([tmp_path], tmp_path / "out") == before


@pytest.mark.slow
def test_the_command_draws_again_and_ends_with_a_page_that_stays(trial, tmp_path):
    path = trial(lines=[])
    arguments = [tmp_path / "results", "-o", tmp_path / "out", "--resamples", "100", "--watch"]
    command = [sys.executable, "-m", "rllib_zoo.analysis", *map(str, arguments)]
    page = tmp_path / "out" / "report.html"
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(15)
        assert process.poll() is None, "it waits for the first result"
        (path / "result.json").write_text(json.dumps(result(1, 5.0)) + "\n")
        until(page.exists, "a page")
        assert watching.RELOAD.format(watching.PAUSE_S) in page.read_text()
        with (path / "result.json").open("a") as file:
            file.write(json.dumps(result(2, 17.25)) + "\n")
        until(lambda: "17.2" in (tmp_path / "out" / "table.md").read_text(), "the second result")
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert out.count("report: ") >= 2
    assert "waiting: 1 runs were found" in err
    assert "stopped" in err
    assert "Traceback" not in err
    assert "data-reload=" not in page.read_text()[:200]
