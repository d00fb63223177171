"""What DDPG reached on Pendulum, beside the homework's figure: a section of `docs/ddpg.md`.

`rllib study run pendulum_ddpg` trains, plays and keeps; `python -m
rllib_zoo.benchmarks.pages.pendulum_result` writes.
"""

from __future__ import annotations

from pathlib import Path
from statistics import mean

from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.report.generated_sections import between
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.benchmarks.speed.report import rewrite, study_cells
from rllib_zoo.experiments.paths import RESULTS, ROOT
from rllib_zoo.experiments.studies.catalog import STUDIES
from rllib_zoo.experiments.studies.catalog.pendulum_ddpg import GREEDY
from rllib_zoo.experiments.studies.runs import runs_of
from rllib_zoo.experiments.studies.tables import provenance

PAGE, SECTION = ROOT / "docs" / "ddpg.md", "result"
COLUMNS = [
    "seed", "status", "steps", "training minutes", "last training episodes",
    "100 episodes without noise", f"≥ {GREEDY:g}",
]  # fmt: skip


def section(results: Path = RESULTS) -> str:
    """A row per seed, the mean over seeds and the homework's own figure."""
    runs = runs_of(STUDIES["pendulum_ddpg"], results)
    played = [float(run.greedy["mean"]) for run in runs if run.greedy is not None]
    over = f"{mean(played):.1f} ({min(played):.1f} to {max(played):.1f})" if played else "–"
    reached = sum(score >= GREEDY for score in played)
    rows = [[run.seed, *study_cells(run, GREEDY, 1)] for run in runs]
    homework = REFERENCE_SCORES["Pendulum-v1"].target
    lines = [
        tables.markdown(COLUMNS, rows).rstrip(),
        "",
        f"Mean over seeds {over}; {reached} of {len(runs)} reach {GREEDY:g}. The homework shows "
        f"{homework}, of one run, without saying over how many episodes. Intervals: 95 % over the "
        "episodes of one seed. Training episodes are played with noise, and at first by an untrained actor. "
        f"{provenance(runs)}",
    ]
    return "\n".join(lines)


def page_with(text: str) -> str:
    """The page with its section filled from what is kept."""
    return between(text, SECTION, section())


if __name__ == "__main__":
    rewrite(PAGE, page_with)
