"""The README's results: train every tuned CartPole file on ten seeds, evaluate, write the table.

`python -m benchmarks.claims` runs what is missing below `--storage`, evaluates each final
checkpoint greedily over 100 episodes, writes `results/cartpole/claims.json` and one row of every
learning curve per 2,000 steps beside it, and fills the README's
results section from it. `--write-only` skips training and evaluation.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from analysis.keeping import keep
from experiments.manifest import machine, package_versions

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "results" / "cartpole" / "claims.json"
CURVES = RECORD.parent
EVERY_STEPS = 2_000
ATARI = ROOT / "results" / "atari" / "pong-benchmark.md"
SPEED = ROOT / "results" / "cartpole" / "cartpole-benchmark.md"
FILES = ("cartpole-ppo", "cartpole-a2c", "cartpole-a3c")
SEEDS = "0-9"
EPISODES = 100
THRESHOLD = 475.0


def main(argv: list[str] | None = None) -> int:
    """Train, evaluate, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--storage", type=Path, default=Path.home() / "rllib-zoo-claims")
    parser.add_argument("--only", nargs="+", choices=FILES, default=list(FILES))
    parser.add_argument("--write-only", action="store_true")
    options = parser.parse_args(argv)
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {"claims": {}}
    if not options.write_only:
        record |= {"machine": machine(), "packages": package_versions()}
        for name in options.only:
            record["claims"][name] = claim(name, options.storage)
            RECORD.parent.mkdir(parents=True, exist_ok=True)
            RECORD.write_text(json.dumps(record, indent=1) + "\n")
    readme = ROOT / "README.md"
    readme.write_text(filled(readme.read_text(), record))
    return 0


def claim(name: str, storage: Path) -> dict[str, Any]:
    """Ten seeds of one file: how far each got, and its final checkpoint's greedy score."""
    folder = storage / name
    if not (folder / "manifest.json").exists():
        arguments = ["train", "file", f"tuned_configs/{name}.yaml", "--seeds", SEEDS]
        _rllib(*arguments, "--storage-path", str(storage))
    keep(folder, CURVES / name, EVERY_STEPS)
    manifest = json.loads((folder / "manifest.json").read_text())
    config = yaml.safe_load((ROOT / "tuned_configs" / f"{name}.yaml").read_text())[name]
    trials = [_trial(row) for row in sorted(manifest["trials"], key=lambda row: row["seed"])]
    return {
        "algorithm": manifest["algorithm"],
        "env": manifest["env"],
        "budget_steps": config["stop"]["timesteps_total"],
        "git": manifest["git"],
        "trials": trials,
    }


def _trial(row: dict[str, Any]) -> dict[str, Any]:
    kept = ("seed", "status", "steps", "episode_return_mean", "seconds")
    trial = {key: row[key] for key in kept}
    if row["checkpoint"] is None:
        return trial | {"greedy_mean": None}
    out = _rllib("evaluate", row["checkpoint"], "--episodes", str(EPISODES), "--json")
    score = json.loads(out.splitlines()[-1])
    return trial | {"greedy_mean": score["mean"], "greedy_half_width": score["half_width"]}


def _rllib(*arguments: str) -> str:
    """Run the real command; its standard output."""
    print("rllib", *arguments, file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "experiments.command", *arguments]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False).stdout


def results_table(record: dict[str, Any]) -> str:
    """The README's table: all seeds, the slowest named."""
    lines = [
        "| config | seeds solved | steps to 475: median (slowest) | budget | training seconds: median "
        f"| greedy return ≥ {THRESHOLD:g} over {EPISODES} episodes | lowest seed |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, entry in record["claims"].items():
        trials = entry["trials"]
        solved = [t for t in trials if (t["episode_return_mean"] or 0) >= THRESHOLD]
        steps = sorted(t["steps"] for t in trials)
        seconds = sorted(t["seconds"] for t in trials)
        lowest = min((t["greedy_mean"] or 0.0) for t in trials)
        greedy = sum((t["greedy_mean"] or 0.0) >= THRESHOLD for t in trials)
        middle = len(trials) // 2
        lines.append(
            f"| `{name}.yaml` | {len(solved)} of {len(trials)} | {steps[middle]:,} ({steps[-1]:,}) | "
            f"{entry['budget_steps']:,} | {seconds[middle]:.1f} | "
            f"{greedy} of {len(trials)} | {lowest:.1f} |"
        )
    where = record.get("machine", {})
    lines += [
        "",
        f"Seeds {SEEDS}, none of them used for tuning. Solved: mean return of the last 100 training "
        f"episodes ≥ {THRESHOLD:g}. Machine: {where.get('cpu')}, {where.get('cores')} cores. "
        "Regenerate: `python -m benchmarks.claims`.",
    ]
    return "\n".join(lines)


def filled(readme: str, record: dict[str, Any]) -> str:
    """The README with its generated sections replaced."""
    readme = _between(readme, "results", results_table(record)) if record["claims"] else readme
    for section, file in (("speed", SPEED), ("atari", ATARI)):
        if file.exists():
            # The settings of every contender stand in the file itself.
            readme = _between(readme, section, file.read_text().partition("\nSettings:")[0].strip())
    return readme


def _between(text: str, section: str, body: str) -> str:
    pattern = re.compile(rf"(<!-- {section}:begin -->\n).*?(<!-- {section}:end -->)", re.DOTALL)
    return pattern.sub(lambda match: f"{match[1]}{body}\n{match[2]}", text)


if __name__ == "__main__":
    sys.exit(main())
