"""The settings of a sweep's best configuration as a file of its own, in the experiment's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.analysis.files.best_settings import (
    NAME,
    best_text,
    entry_of,
    name_of,
    train_command,
)
from rllib_zoo.analysis.files.object_storage import upload
from rllib_zoo.experiments.provenance.manifest import jsonable
from rllib_zoo.experiments.spec.experiment import SEED_SCORES, Experiment
from rllib_zoo.experiments.spec.search_space import placed
from rllib_zoo.experiments.sweeps.ranking import score_text, statistic
from rllib_zoo.experiments.sweeps.trial_names import (
    SEED,
    value_text,
    varied_labels,
    varied_paths,
)


def winner_line(experiment: Experiment, ranks: Sequence[Mapping[str, Any]]) -> str:
    """``lr=0.001: interquartile mean 489.6 of env_runners/episode_return_mean over 3 trials``."""
    best, name = ranks[0], statistic(experiment)
    labels = varied_labels(experiment)
    values = " ".join(
        f"{labels.get(key, key)}={value_text(value)}" for key, value in best["varied"].items()
    )
    number = len(best["trials"])
    trials = f"over {number} trials" if number > 1 else "of its only trial"
    return f"{values}: {SEED_SCORES[name]} {score_text(best[name])} {trials}"


def write_best_settings(
    experiment: Experiment,
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    ranks: Sequence[Mapping[str, Any]],
) -> str:
    """Write ``best.yaml``; the command that trains it on other seeds, "" without a scored configuration.

    Args:
        experiment: the request.
        folder: the experiment's.
        rows: its trials.
        ranks: of :func:`rllib_zoo.experiments.sweeps.ranking.ranking`.
    """
    if not ranks or ranks[0][statistic(experiment)] is None:
        return ""
    seeds = [row["seed"] for row in rows]
    tree: Any = jsonable({"env": experiment.env, **experiment.config})
    for path in varied_paths(experiment):
        tree = placed(tree, path, ranks[0]["varied"][".".join(map(str, path))])
    config = {key: value for key, value in tree.items() if key not in ("env", *SEED)}
    env = tree["env"]
    entry = entry_of(experiment.algorithm, env, config, experiment.stop, experiment.time_budget_s)
    comments = [winner_line(experiment, ranks)]
    text = best_text({name_of(experiment.algorithm, str(env)): entry}, comments, len(ranks), seeds)
    with atomic_write(folder / NAME) as draft:
        draft.write_text(text, encoding="utf-8")
    upload(folder / NAME)
    return train_command(folder / NAME, seeds)
