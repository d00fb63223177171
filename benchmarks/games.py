"""The README's Atari scores: train the tuned files, keep thinned curves, write the table.

`python -m benchmarks.games` runs what is missing below `--storage` (hours; an interrupted file
goes on where it was), copies one row per 10,000 agent steps and the manifest of every run to
`results/games/`, and fills the README's table of games from there. `--write-only` does the last
step alone.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from analysis.keeping import keep
from analysis.reference_scores import REFERENCE_SCORES
from analysis.signatures import require_same_environment
from analysis.thinning import Row, read_curve
from benchmarks.claims import ROOT, _between, _rllib

RESULTS = ROOT / "results" / "games"
FILES = tuple(f"{game}-{algo}" for game in ("pong", "assault") for algo in ("ppo", "a2c", "a3c"))
# None of them was used for tuning, which took seeds 0 to 2.
SEEDS = {"pong": "3-5", "assault": "3-4"}
EVERY_STEPS = 10_000
# Mean raw score of the last 100 games that counts as solved.
SOLVED = {"ALE/Pong-v5": 18.0}


def main(argv: list[str] | None = None) -> int:
    """Train, keep, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--storage", type=Path, default=Path.home() / "rllib-zoo-games")
    parser.add_argument("--only", nargs="+", choices=FILES, default=list(FILES))
    parser.add_argument("--seeds", help="instead of those claimed, for example 2 or 2-4")
    parser.add_argument("--write-only", action="store_true")
    options = parser.parse_args(argv)
    if not options.write_only:
        for name in options.only:
            seeds = options.seeds or SEEDS[name.partition("-")[0]]
            for seed in _numbers(seeds):
                keep(train(name, seed, options.storage), RESULTS / name, EVERY_STEPS)
    readme = ROOT / "README.md"
    readme.write_text(_between(readme.read_text(), "games", table(RESULTS)))
    return 0


def train(name: str, seed: int, storage: Path) -> Path:
    """Run one file with one seed, unless it is done; the experiment's folder."""
    folder = storage / f"{name}-seed{seed}"
    manifest = folder / "manifest.json"
    if manifest.exists() and json.loads(manifest.read_text())["status"] == "done":
        return folder
    arguments = ["train", "file", f"tuned_configs/{name}.yaml", "--seeds", str(seed)]
    arguments += ["--experiment-name", folder.name, "--storage-path", str(storage)]
    _rllib(*arguments, *(["--resume"] if (folder / "tuner.pkl").exists() else []))
    return folder


def table(results: Path) -> str:
    """Every run that was kept, one line each, in the order of :data:`FILES`.

    Raises:
        DifferentEnvironmentsError: runs of one game played it differently.
    """
    for game in SEEDS:
        files = sorted(results.glob(f"{game}-*/seed*.json"))
        abouts = {f"{file.parent.name} {file.stem}": json.loads(file.read_text()) for file in files}
        require_same_environment(
            {run: about["environment_signature"] for run, about in abouts.items()}
        )
    lines = [
        "| config | seed | status | agent steps | frames | training minutes | score of the last 100 games "
        "(lowest to highest) | human-normalised | solved after |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    machines, commits = set(), set()
    for name in FILES:
        files = sorted((results / name).glob("seed*.json"))
        if not files:
            lines.append(f"| `{name}.yaml` | – | not run | – | – | – | – | – | – |")
        for file in files:
            about = json.loads(file.read_text())
            machines.add(f"{about['machine']['cpu']}, {about['machine']['cores']} cores")
            commits.add(str(about["git"]["commit"])[:7])
            seed = file.stem.removeprefix("seed")
            lines.append(_line(name, seed, about, read_curve(file.with_suffix(".csv"))))
    lines += [
        "",
        "Scores are raw and of whole games, while training with sampled actions; 4 frames a step; no "
        "sticky actions. Human-normalised: 0 is random play, 1 a professional tester. Solved: the mean "
        f"reached {SOLVED['ALE/Pong-v5']:g}. One row per 10,000 steps: `results/games/`. Machine: "
        f"{'; '.join(sorted(machines)) or '–'}. Commits: {', '.join(sorted(commits)) or '–'}. "
        "Regenerate: `python -m benchmarks.games`.",
    ]
    return "\n".join(lines)


def _line(name: str, seed: str, about: dict[str, Any], rows: list[Row]) -> str:
    if not rows or rows[-1]["return_mean"] is None:
        return f"| `{name}.yaml` | {seed} | {about['status']} | – | – | – | – | – | – |"
    last = {key: value or 0.0 for key, value in rows[-1].items()}
    reference = REFERENCE_SCORES[about["env"]]
    return (
        f"| `{name}.yaml` | {seed} | {about['status']} | {last['steps']:,.0f} | {last['frames']:,.0f} "
        f"| {last['seconds'] / 60:.1f} | {last['return_mean']:.1f} ({last['return_min']:.0f} to "
        f"{last['return_max']:.0f}) | {reference.normalised(last['return_mean']):.2f} "
        f"| {solved_after(rows, SOLVED.get(about['env']))} |"
    )


def solved_after(rows: Iterable[Row], threshold: float | None) -> str:
    """Minutes and steps at the first row whose mean over 100 games reached the threshold."""
    if threshold is None:
        return "–"
    for row in rows:
        full = (row["window"] or 0) >= 100
        if full and row["return_mean"] is not None and row["return_mean"] >= threshold:
            return f"{(row['seconds'] or 0) / 60:.1f} min, {row['steps']:,.0f} steps"
    return "not"


def _numbers(seeds: str) -> list[int]:
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", seeds)
    if match is None:
        raise SystemExit(f"--seeds {seeds!r}: write one seed or a range such as 2-4")
    first = int(match[1])
    return list(range(first, int(match[2] or first) + 1))


if __name__ == "__main__":
    sys.exit(main())
