"""Slopes of long runs: a leak is detected, noise that drifts for minutes is not a leak."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from rllib_zoo.benchmarks.reliability.endurance import last_result, processes_of
from rllib_zoo.benchmarks.reliability.endurance_report import (
    COLUMNS,
    SECTION,
    report_of,
    slope_interval,
    table,
)
from rllib_zoo.experiments.paths import ROOT

HOURS = np.arange(720) / 360  # two hours, every 10 seconds


def wandering(generator, strength=0.97):
    """Noise that forgets within some five minutes, standard deviation about 1."""
    shocks = generator.normal(size=len(HOURS)) * np.sqrt(1 - strength**2)
    values = np.empty(len(HOURS))
    value = generator.normal()
    for i, shock in enumerate(shocks):
        value = values[i] = strength * value + shock
    return values


def test_the_slope_is_that_of_least_squares():
    values = 3.0 + 5.0 * HOURS + np.sin(HOURS * 40)
    slope, low, high = slope_interval(HOURS, values)
    assert slope == pytest.approx(np.polyfit(HOURS, values, 1)[0])
    assert low < slope < high
    assert slope_interval(HOURS, values) == (slope, low, high)
    assert slope_interval(HOURS, values, seed=1) != (slope, low, high)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(0)
    held = independent = 0
    for _ in range(100):
        values = wandering(generator)
        _, low, high = slope_interval(HOURS, values, resamples=300)
        held += low <= 0.0 <= high
        centred = HOURS - HOURS.mean()
        slope = centred @ values / (centred @ centred)
        error = values.std() / np.sqrt(centred @ centred)
        independent += abs(slope) <= 1.96 * error
    assert held >= 80  # blocks of a finite series are a little narrow
    assert independent < 50  # what is wrong with an interval for independent samples


def write(folder, leak=0.0, threads=30, slower=0.0, seconds=7200, private=True):
    generator = np.random.default_rng(1)
    file = folder / "samples.csv"
    with file.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=COLUMNS)
        writer.writeheader()
        steps = 0.0
        for i in range(seconds // 10):
            hours, training = i / 360, {}
            if i > 2:  # the first result comes later
                steps += 10 * (2000 - slower * hours + generator.normal() * 20)
                training = {"steps": int(steps), "training_seconds": 10 * i, "iterations": i}
            for role, pid, base, busy in (
                ("command", 1, 300, 9.0),
                ("trainer", 2, 700, 0.5),
                ("runner", 3, 400, 0.25),
                ("runner", 4, 400, 0.25),
            ):
                memory = base + generator.normal() + (leak * hours if role == "trainer" else 0)
                row = {
                    "seconds": 10 * i,
                    "role": role,
                    "pid": pid,
                    "pss_mib": memory,
                    "descriptors": 20,
                    "cpu_seconds": steps / 1000 * busy,
                    "private_mib": 100 + memory if private else "",
                }
                writer.writerow(
                    {**row, "threads": threads + int(hours * 2) * (role == "runner"), **training}
                )
    return file


def verdicts(file):
    return {line["name"]: line["flat"] for line in report_of(file)["lines"]}


def test_a_leak_a_growing_count_and_a_slowdown_are_found(tmp_path):
    flat = verdicts(write(tmp_path, leak=50.0, slower=200.0))
    assert not flat["trainer: memory (PSS), MiB"]
    assert not flat["runner: threads"]
    assert not flat["steps/s"]
    # Slower by the clock, for the same time on the cores.
    assert flat["steps per CPU second of trainer and runners"]
    assert flat["command: memory (PSS), MiB"]
    assert flat["runner: memory (PSS), MiB"]
    assert flat["trainer: threads"]


def test_private_memory_is_told_where_it_was_sampled(tmp_path):
    assert not verdicts(write(tmp_path, leak=50.0))["trainer: private memory, MiB"]
    assert not any("private" in name for name in verdicts(write(tmp_path, private=False)))


def test_a_step_is_seen_in_the_means_of_equal_spans(tmp_path):
    lines = report_of(write(tmp_path))["lines"]
    (line,) = [line for line in lines if line["name"] == "runner: threads"]
    # Of two runners: 30 threads each, one more after half an hour, an hour, …
    assert line["parts"] == pytest.approx([60, 60, 62, 62, 62, 64, 64, 64, 66, 66, 66], abs=1.1)


def test_a_change_below_the_bound_is_flat_and_says_why(tmp_path):
    (line,) = [
        line
        for line in report_of(write(tmp_path, leak=2.0))["lines"]
        if line["name"].startswith("trainer: mem")
    ]
    assert line["low"] > 0
    assert (line["flat"], line["why"]) == (True, "below the bound")
    assert line["per_hour"] == pytest.approx(2.0, abs=0.2)


def test_the_warm_up_is_left_out_and_runners_are_added_up(tmp_path):
    report = report_of(write(tmp_path))
    (line,) = [line for line in report["lines"] if line["name"].startswith("runner: mem")]
    assert 790 < line["mean"] < 810
    (line,) = [line for line in report["lines"] if "CPU second" in line["name"]]
    assert line["mean"] == pytest.approx(1000.0)
    assert report["minutes"] == pytest.approx(119.3, abs=0.2)
    assert report_of(write(tmp_path, seconds=10))["lines"] == []


GROWING = """
import sys
print("ready", flush=True)
sys.stdin.readline()
handles = [open(sys.executable, "rb") for _ in range(7)]
ballast = bytearray(b"x") * (64 * 2**20)
print("grown", flush=True)
sys.stdin.readline()
"""


def test_processes_are_counted_as_the_kernel_does():
    """In a process that does nothing else: this one frees memory whenever it likes."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", GROWING], **pipes) as child:
        assert child.stdout.readline() == "ready\n"
        (before,) = processes_of(child.pid)
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline() == "grown\n"
        (after,) = processes_of(child.pid)
        child.communicate("\n")
    assert after["role"] == "command"
    assert after["descriptors"] - before["descriptors"] == 7
    assert 63 < float(after["pss_mib"]) - float(before["pss_mib"]) < 70
    for name in ("private_mib", "anonymous_mib"):
        assert 63 < float(after[name]) - float(before[name]) < 70
    assert (before["threads"], after["threads"]) == (1, 1)


def test_the_last_whole_result_counts(tmp_path):
    assert last_result(tmp_path) == {}
    trial = tmp_path / "exp" / "trial"
    trial.mkdir(parents=True)
    lines = [
        json.dumps(
            {
                "training_iteration": i,
                "time_total_s": i / 3,
                "num_env_steps_sampled_lifetime": 10 * i,
            }
        )
        for i in (1, 2, 3)
    ]
    (trial / "result.json").write_text("\n".join([*lines, lines[0][:30]]))
    assert last_result(tmp_path) == {"steps": 30, "training_seconds": "1.00", "iterations": 3}


def test_the_table_of_the_page_is_that_of_the_kept_samples():
    """Regenerate: `python -m rllib_zoo.benchmarks.reliability.endurance --report-only`."""
    page = (ROOT / "docs" / "reliability.md").read_text()
    (shown,) = re.findall(
        f"<!-- {SECTION}:begin -->\n(.*?)\n<!-- {SECTION}:end -->", page, re.DOTALL
    )
    folder = ROOT / "results" / "endurance"
    if not (folder / "report.json").exists():
        assert shown == "Not run yet."
        return
    kept = json.loads((folder / "report.json").read_text())
    assert shown == table(kept)
    again = report_of(folder / "samples.csv")
    assert shown == table({**again, "about": kept["about"]})
    lines, kept_lines = again.pop("lines"), kept.pop("lines")
    assert again == {key: value for key, value in kept.items() if key != "about"}
    # But for last bits: those of a product follow the vector instructions and the memory's alignment.
    for line, kept_line in zip(lines, kept_lines, strict=True):
        assert line.pop("parts") == pytest.approx(kept_line.pop("parts"))
        assert line == pytest.approx(kept_line)
