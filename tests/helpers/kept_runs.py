"""Kept runs of a study, written by hand."""

from __future__ import annotations

import json

from rllib_zoo.analysis.files.curve_csv import KEPT, write_curve
from rllib_zoo.experiments.studies.catalog import Budget, Cell, Study, Threshold
from rllib_zoo.experiments.studies.runs import config_of

STARTED = "2026-01-01T00:00:00+00:00"
BUDGET = Budget(steps=40_000, score=18.0)


def row(steps, mean, *, seconds=None, window=100, staleness=None):
    """One row of a kept curve."""
    return {
        **dict.fromkeys(KEPT),
        "steps": steps,
        "frames": 4 * steps,
        "seconds": steps / 1000 if seconds is None else seconds,
        "return_mean": mean,
        "return_min": None if mean is None else mean - 2,
        "return_max": None if mean is None else mean + 2,
        "window": window,
        "staleness_mean": staleness,
    }


def cell(name, **changed):
    """A cell of Pong with seeds 3 and 4."""
    settings = {
        "file": "tuned_configs/pong-ppo.yaml",
        "algorithm": "PPO",
        "env": "ALE/Pong-v5",
        "seeds": (3, 4),
        "budget": BUDGET,
    }
    return Cell(name=name, **(settings | changed))


def study(*cells, thresholds=(), figures=("learning_curves",), **more):
    return Study("tiny", "Does it work?", tuple(cells), figures, tuple(thresholds), **more)


def threshold(cell, measure="reached", at_least=18.0, seeds=2):
    return Threshold(cell, measure, at_least, seeds)


def keep_run(results, study_name, cell, seed, rows, **about):
    """Write a kept run; ``about`` replaces facts."""
    folder = results / study_name / cell.name
    facts = {
        "algorithm": cell.algorithm,
        "env": cell.env,
        "config_given": {**config_of(cell.file), **(cell.changes or {})},
        "stop": cell.budget.stop,
        "environment_signature": {"id": cell.env, "screen_size": 42},
        "git": {"commit": "0123456789"},
        "machine": {"cpu": "A Processor", "cores": 2},
        "reserved_cpus": 2.0,
        "started": STARTED,
        "status": "done",
    }
    write_curve(folder / f"seed{seed}.csv", rows)
    (folder / f"seed{seed}.json").write_text(json.dumps(facts | about))
