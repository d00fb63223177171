"""What a sweep found, and how its best configuration does on seeds that the sweep never saw.

`python -m rllib_zoo.benchmarks.pages.sweep_result SWEEP FRESH` keeps the facts of two experiment folders in
`results/sweeps/cartpole-ppo/` and writes the section of `docs/sweeps.md`; without folders only the latter.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any

from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.analysis.files.trials import MANIFEST, read_object
from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.report.generated_sections import between
from rllib_zoo.benchmarks.speed.report import rewrite
from rllib_zoo.experiments.paths import RESULTS, ROOT
from rllib_zoo.experiments.studies.keep import KEPT_OF_MANIFEST

KEPT = RESULTS / "sweeps" / "cartpole-ppo"
PAGE, SECTION = ROOT / "docs" / "sweeps.md", "result"
FACTS_OF_TRIAL = ("trial", "status", "seed", "varied", "score", "steps", "seconds")
BEST = 3


def kept(experiment: Path) -> dict[str, Any]:
    """An experiment's manifest without the folders of this machine.

    Raises:
        FileNotFoundError: there is none, or it does not tell its trials.
    """
    manifest = read_object(experiment / MANIFEST)
    if not manifest.get("trials"):
        raise FileNotFoundError(f"{experiment / MANIFEST} tells no trials")
    about = {key: manifest.get(key) for key in (*KEPT_OF_MANIFEST, "finished", "ranking")}
    about["trials"] = [{k: row.get(k) for k in FACTS_OF_TRIAL} for row in manifest["trials"]]
    return about


def section(sweep: dict[str, Any], fresh: dict[str, Any]) -> str:
    """The section of the page.

    Args:
        sweep: of a sweep, as :func:`kept` gives it.
        fresh: of its best configuration on other seeds.
    """
    trials, ranking = sweep["trials"], sweep["ranking"]
    status = [f"{_count(trials, name)} {name}" for name in sorted({t["status"] for t in trials})]
    resumed = len(sweep["resumed"] or [])
    steps = sum(int(trial["steps"] or 0) for trial in trials)
    bound = len(trials) * sweep["stop"]["timesteps_total"]
    lines = [
        f"{len(ranking)} configurations, {len(trials)} trials ({', '.join(status)}), {steps:,} of at most "
        f"{bound:,} steps; killed and resumed {resumed} time{'' if resumed == 1 else 's'} on the way. "
        f"Seeds {_seeds(trials)}; commit {_commit(sweep)}, {_machine(sweep)}. The best {BEST}:",
        "",
        _ranking_table(ranking[:BEST]),
        f"The first of them on seeds the sweep never saw, {_seeds(fresh['trials'])}: "
        f"{_count(fresh['trials'], 'done')} of {len(fresh['trials'])} runs done, "
        f"{_reached(fresh)} reached {_bar(fresh)}, after {_spread(fresh, 'steps')} steps and "
        f"{_spread(fresh, 'seconds')} seconds of training (median, lowest to highest; commit "
        f"{_commit(fresh)}).",
    ]
    return "\n".join(lines)


def _ranking_table(ranking: list[dict[str, Any]]) -> str:
    names = list(ranking[0]["varied"])
    rows = [
        [*(entry["varied"][name] for name in names), entry["iqm"], entry["worst"], entry["steps"]]
        for entry in ranking
    ]
    return tables.markdown([*(f"`{name}`" for name in names), "IQM", "worst", "mean steps"], rows)


def _count(trials: list[dict[str, Any]], status: str) -> int:
    return sum(trial["status"] == status for trial in trials)


def _bar(experiment: dict[str, Any]) -> float:
    (bar,) = (v for key, v in experiment["stop"].items() if key != "timesteps_total")
    return float(bar) if bar % 1 else int(bar)


def _reached(experiment: dict[str, Any]) -> int:
    return sum((trial["score"] or 0) >= _bar(experiment) for trial in experiment["trials"])


def _spread(experiment: dict[str, Any], key: str) -> str:
    found = [trial[key] for trial in experiment["trials"]]
    digits = 0 if key == "steps" else 1
    middle, low, high = (f"{x:,.{digits}f}" for x in (median(found), min(found), max(found)))
    return f"{middle} ({low} to {high})"


def _seeds(trials: list[dict[str, Any]]) -> str:
    return ", ".join(str(seed) for seed in sorted({trial["seed"] for trial in trials}))


def _commit(experiment: dict[str, Any]) -> str:
    return f"`{tables.commit(experiment['git'] or {})}`"


def _machine(experiment: dict[str, Any]) -> str:
    machine = experiment["machine"]
    return f"{machine['cores']} cores {machine['cpu']}, {experiment['started'][:10]}"


def page_with(text: str, results: Path = KEPT) -> str:
    """The page with its section filled from what is kept."""
    sweep, fresh = (
        json.loads((results / name).read_text()) for name in ("sweep.json", "best.json")
    )
    return between(text, SECTION, section(sweep, fresh))


def main() -> None:
    """Keep, then write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="SWEEP FRESH")
    folders = parser.parse_args().folders
    if len(folders) not in (0, 2):
        parser.error("give the folders of the sweep and of its best configuration, or none")
    for folder, name in zip(folders, ("sweep.json", "best.json"), strict=False):
        write_json(KEPT / name, kept(folder))
    rewrite(PAGE, page_with)


if __name__ == "__main__":
    main()
