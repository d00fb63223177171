"""Every injected fault in one table: how often it was tried, and what was lost.

`python -m rllib_zoo.benchmarks.reliability.faults` reads the records of the other benchmarks in
`results/faults` and fills a section of `docs/reliability.md`; single faults are those of slow tests.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.report.tables import markdown
from rllib_zoo.benchmarks.speed.report import fill
from rllib_zoo.experiments.paths import RESULTS, ROOT

PAGE, SECTION = ROOT / "docs" / "reliability.md", "faults"
COLUMNS = ("fault", "times", "lost, counted twice or mixed", "injected by")
# File below tests/ → fault, how often the test's parameters repeat it, and the test.
TESTS = {
    "end_to_end/test_hosts.py": (
        ("a host switched off", 3, "test_a_host_that_is_switched_off_costs_its_runners"),
        ("a host's link cut for 60 s", 3, "test_a_link_that_is_cut_for_a_minute"),
        ("the head's disk full", 3, "test_a_full_disk_ends_the_run_which_resumes_with_space"),
    ),
    "end_to_end/test_s3_runs.py": (
        ("S3 away in an upload", 2, "test_a_connection_lost_for_a_moment_costs_nothing"),
        ("S3 away for good", 1, "test_a_connection_lost_for_good_ends_in_one_line"),
        ("driver of a run on S3 killed", 1, "test_a_killed_run_is_resumed_whole"),
    ),
    "end_to_end/test_endings.py": (
        ("SIGHUP, SIGTERM, Ctrl-C in three phases", 9, "test_a_signal_at_any_moment_ends_orderly"),
        ("folder renamed", 1, "test_a_renamed_folder_ends_its_experiment_and_the_next_one_runs"),
        ("manifest removed", 1, "test_a_removed_manifest_is_written_anew"),
        ("standard output closed", 1, "test_a_closed_output_does_not_end_training"),
    ),
}


def rows(folder: Path = RESULTS / "faults") -> Iterator[tuple[str, int, int, str]]:
    """A row per fault, see :data:`COLUMNS`; first the recorded ones."""
    crashes = _read(folder / "runner_crashes.json")["trainings"]
    twice = sum(training["fragments_received_twice"] for training in crashes)
    missing = sum(abs(t["steps"] - t["steps_received"]) for t in crashes)
    kills = sum(len(training["kills"]) for training in crashes)
    yield "runner killed, steps counted", kills, twice + missing, "`runner_crashes`"
    record = _read(folder / "kills.json")
    yield "driver killed in every phase", len(record["kills"]), _wrong(record), "`kills`"
    record = _read(folder / "endings.json")
    for target, number in Counter(kill["target"] for kill in record["kills"]).items():
        yield f"{target} killed", number, _wrong(record), "`endings`"
    pairs = _read(folder / "interleaved_starts.json")["pairs"]
    wrong = sum(bool(pair["problems"]) for pair in pairs)
    yield "two commands on one folder", len(pairs), wrong, "`interleaved_starts`"
    for file, tests in TESTS.items():
        for fault, number, test in tests:
            # A loss fails the test.
            yield fault, number, 0, f"[test](../tests/{file}): `{test}`"


def _wrong(record: dict[str, Any]) -> int:
    """Iterations that are missing or there twice in the end, of all runs."""
    return sum(run["duplicate_iterations"] + run["missing_iterations"] for run in record["runs"])


def _read(file: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return record


def table() -> str:
    """The table of docs/reliability.md."""
    return markdown(COLUMNS, list(rows())).rstrip()


def main() -> None:
    """Fill the section."""
    fill(PAGE, SECTION, table())


if __name__ == "__main__":
    main()
