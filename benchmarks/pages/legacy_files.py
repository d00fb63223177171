"""Try a folder of config files of older RLlib releases: which run, and why the others do not.

`python -m rllib_zoo.benchmarks.pages.legacy_files FOLDER` reads, translates and checks every YAML and
Python file below the folder, trains each valid one for two iterations (the first alternative of
grids), and writes `results/legacy/files.json` and the table of `docs/legacy-files.md`. Exit code 1
when a training raised an error.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.analysis.files.atomic import atomic_write, write_json
from rllib_zoo.analysis.report.tables import markdown
from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.paths import RESULTS, ROOT
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.check import validate
from rllib_zoo.experiments.validation.fit_resources import fit_resources
from rllib_zoo.experiments.validation.names import check_names

RECORD = RESULTS / "legacy" / "files.json"
PAGE = ROOT / "docs" / "legacy-files.md"
ITERATIONS = 2


def main(argv: list[str] | None = None) -> int:
    """Try all files and write the table; exit code 1 when a training failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="searched with its subfolders")
    parser.add_argument("--check-only", action="store_true", help="train and write nothing")
    parser.add_argument("--only", default="", help="try again files whose path contains this")
    options = parser.parse_args(argv)
    files = sorted(p for p in options.folder.rglob("*") if p.suffix in (".yaml", ".yml", ".py"))
    rows = []
    for file in files:
        name = str(file.relative_to(options.folder))
        if options.only not in name:
            continue
        row = try_file(file, train=not options.check_only)
        rows.append({"file": name, **row})
        print(f"{name}: {row['status']}: {row['reason'] or row['steps']}", flush=True)
    if not options.check_only:
        _write(rows, again=bool(options.only))
    return int(any(row["status"] == "failed" for row in rows))


def _write(rows: list[dict[str, Any]], *, again: bool) -> None:
    """Write the record and the page; files tried again replace their earlier rows."""
    new = {row["file"]: row for row in rows}
    if again and RECORD.exists():
        new = {row["file"]: row for row in json.loads(RECORD.read_text())["rows"]} | new
    rows = [new[name] for name in sorted(new)]
    write_json(RECORD, {"machine": _machine(), "rows": rows})
    with atomic_write(PAGE) as draft:
        draft.write_text(page(rows))


def try_file(file: Path, *, train: bool) -> dict[str, Any]:
    """One file's row: runs, refused or failed, with the reason or the number of steps."""
    row: dict[str, Any] = {"run": "", "env": "", "notes": 0, "steps": 0, "reason": ""}
    try:
        for experiment in read_experiments(file):
            config, adapted = _checked(experiment)
            row |= {"run": adapted.algorithm, "env": str(config.env)}
            row["notes"] = len(adapted.all_notes)
            row["steps"] += _trained(adapted.algorithm, config) if train else 0
    except RequestError as error:
        reason = str(error).replace(f"{file}: ", "")
        return {**row, "status": "refused", "reason": reason}
    except Exception as error:  # a row, and the exit code
        return {**row, "status": "failed", "reason": f"{type(error).__name__}: {error}"}
    return {**row, "status": "runs"}


def _checked(experiment: Experiment) -> tuple[Any, Experiment]:
    """Check as `rllib train file` does, for this machine."""
    import torch

    cpus = float(len(os.sched_getaffinity(0)))
    check_names(experiment)
    defaults = algorithms.config_class(experiment.algorithm)()
    gpus = float(torch.cuda.device_count())
    adapted = fit_resources(experiment, defaults, cpus, gpus)
    return validate(adapted, cpus=cpus, gpus=gpus).config, adapted


def _trained(algorithm: str, config: Any) -> int:
    """Train for two iterations; the number of environment steps."""
    algo = algorithms.algorithm_class(algorithm)(config=config)
    try:
        for _ in range(ITERATIONS):
            result = algo.train()
    finally:
        algo.stop()
    return int(result["timesteps_total"])


def page(rows: list[dict[str, Any]]) -> str:
    """The table as a documentation page."""
    counts = Counter(row["status"] for row in rows)
    columns = ["file", "algorithm", "environment", "status", "steps trained, or reason"]
    head = f"""# Config files of older RLlib releases that were tested

{len(rows)} config files of Ray's releases 1.13.0 and 2.0.0, read, translated, checked and trained for
{ITERATIONS} iterations: {counts["runs"]} run, {counts["refused"]} are refused in one line,
{counts["failed"]} failed. How files are translated: [legacy config files](legacy.md).

Written by `python -m rllib_zoo.benchmarks.pages.legacy_files FOLDER` on {_machine()}.

"""
    cells = [
        [
            f"`{r['file']}`",
            r["run"] or None,
            r["env"] or None,
            r["status"],
            r["reason"] or r["steps"],
        ]
        for r in rows
    ]
    return head + markdown(columns, cells)


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return f"{platform.machine()}, {cores} cores, {time.strftime('%Y-%m-%d')}"


if __name__ == "__main__":
    raise SystemExit(main())
