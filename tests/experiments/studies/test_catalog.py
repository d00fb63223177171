"""Studies as data: light to import, and true to the files they train."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest

from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.studies.catalog import STUDIES, Budget, Cell, Study, UnknownCellError
from rllib_zoo.experiments.studies.figures import KINDS
from rllib_zoo.experiments.studies.thresholds import PER_SEED

HEAVY = ("ray", "torch", "pandas", "gymnasium", "matplotlib", "scipy")
CELLS = [cell for study in STUDIES.values() for cell in study.cells]
every_study = pytest.mark.parametrize("study", STUDIES.values(), ids=str)


def test_the_axes_are_read_without_training_code():
    script = (
        "import sys, rllib_zoo.experiments.studies.catalog as s\n"
        "assert s.STUDIES['worker_scaling'].axis == 'runners'\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_names_of_cells_are_folders_of_one_study():
    names = [cell.name for cell in CELLS]
    assert len(set(names)) == len(names)
    assert all(name == Path(name).name for name in names)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_every_cell_is_of_its_file(cell):
    """Algorithm, environment and what is varied, as the command would read them."""
    from rllib_zoo.experiments.config.load import read_experiments
    from rllib_zoo.experiments.config.overrides import apply_overrides
    from rllib_zoo.experiments.validation.names import check_names

    [experiment] = read_experiments(ROOT / cell.file)
    assert (experiment.algorithm, experiment.env) == (cell.algorithm, cell.env)
    changes = [f"{key}={json.dumps(value)}" for key, value in (cell.changes or {}).items()]
    changed = apply_overrides(experiment, changes)
    check_names(changed)
    assert {key: changed.config[key] for key in cell.changes or {}} == (cell.changes or {})


def by_file(cell: Cell) -> str:
    return f"{cell.file} {sorted(cell.changes or {})}"


@pytest.mark.parametrize(
    "cell",
    [list(same)[-1] for _, same in groupby(sorted(CELLS, key=by_file), key=by_file)],
    ids=lambda cell: cell.name,
)
def test_every_file_with_its_changes_is_accepted(cell):
    """Batches fit runners, networks can be built: the last cell of every file stands for all."""
    from rllib_zoo.experiments.config.load import read_experiments
    from rllib_zoo.experiments.config.overrides import apply_overrides
    from rllib_zoo.experiments.validation.check import validate

    [experiment] = read_experiments(ROOT / cell.file)
    changes = [f"{key}={json.dumps(value)}" for key, value in (cell.changes or {}).items()]
    resolved = validate(apply_overrides(experiment, changes), cpus=2).config
    for key, value in (cell.changes or {}).items():
        if key.startswith("num_"):
            assert getattr(resolved, key) == value


def test_budgets_of_tuned_files_are_the_files_own():
    """A file on CartPole also stops where it is solved; the study's runs continue.

    Pong's PPO takes the time its schedules need; in the study it had 25 minutes and needed less.
    """
    from rllib_zoo.experiments.config.load import read_experiments

    for cell in STUDIES["algorithms_compared"].cells:
        [experiment] = read_experiments(ROOT / cell.file)
        solved = {} if cell.solved is None else {"episode_reward_mean": cell.solved}
        limit = {"time_total_s": 1500.0} if cell.name == "pong-ppo" else {}
        assert cell.budget.stop | solved == experiment.stop | limit, cell.name


def test_rates_of_tuned_files_are_multiples_of_the_files_own():
    from rllib_zoo.experiments.config.load import read_experiments

    for cell in STUDIES["tuned_files"].cells:
        [experiment] = read_experiments(ROOT / cell.file)
        (_, rate), end = experiment.config["lr"]
        assert cell.changes == {"lr": [[0, cell.value * rate], end]}
        assert cell.budget.steps == end[0] == experiment.stop["timesteps_total"]


def test_worker_scaling_divides_the_environments_of_the_files():
    from rllib_zoo.experiments.config.load import read_experiments

    cells = [c for c in STUDIES["worker_scaling"].cells if "num_envs_per_env_runner" in c.changes]
    assert {(c.algorithm, c.env) for c in cells} == {("A2C", "CartPole-v1"), ("A2C", "ALE/Pong-v5")}
    for cell in cells:
        [experiment] = read_experiments(ROOT / cell.file)
        environments = cell.changes["num_env_runners"] * cell.changes["num_envs_per_env_runner"]
        assert environments == experiment.config["num_envs_per_env_runner"], cell.name


@every_study
def test_figures_and_thresholds_exist(study):
    assert set(study.figures) <= set(KINDS)
    for threshold in study.thresholds:
        assert len(study.cell(threshold.cell).seeds) >= threshold.seeds
        assert threshold.measure in {*PER_SEED, "worst_quarter", "efficiency"}
    with pytest.raises(UnknownCellError):
        study.cell("nothing")


@every_study
def test_smoke_is_the_same_study_in_seconds(study):
    smoke = study.smoke()
    assert [cell.name for cell in smoke.cells] == [cell.name for cell in study.cells]
    assert len(smoke.runs) == len(study.cells)
    # No budget is a real one's, so that no smoke run can be taken for a result.
    pairs = zip(smoke.cells, study.cells, strict=True)
    assert all(small.budget.stop != real.budget.stop for small, real in pairs)


def test_a_budget_is_a_stop_rule_and_words():
    budget = Budget(steps=1_000, seconds=90.0, score=18.0)
    assert budget.stop == {
        "timesteps_total": 1_000, "time_total_s": 90.0, "episode_reward_mean": 18.0
    }  # fmt: skip
    assert str(budget) == "1,000 steps or 1.5 min or a mean return of 18"
    assert Budget(steps=5).stop == {"timesteps_total": 5}
    evaluated = Budget(steps=5, score=18.0, evaluated=True)
    assert evaluated.stop["evaluation/env_runners/episode_return_mean"] == 18.0
    assert str(evaluated) == "5 steps or a mean return of 18 in evaluation"


def test_cells_of_a_label_are_points_of_one_line():
    cells = [Cell(n, "f", "PPO", "e", (0,), Budget(1), value=v) for n, v in (("a", 1), ("b", 2))]
    assert {cell.line for cell in cells} == {"PPO"}
    assert Study("s", "?", tuple(cells), ()).envs == ("e",)
