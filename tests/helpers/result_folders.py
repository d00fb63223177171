"""Folders as Tune and older RLlib leave them, written by hand."""

from __future__ import annotations

import json
from functools import partial

import pytest


def result(iteration, returned, *, old=False, **more):
    """One line of a ``result.json``."""
    steps = 100 * iteration
    if old:
        return {
            "episode_reward_mean": returned,
            "timesteps_total": steps,
            "training_iteration": iteration,
            "time_total_s": float(iteration),
            "info": {"learner": {"default_policy": {"learner_stats": {"entropy": 0.5}}}},
            **more,
        }
    return {
        "env_runners": {
            "episode_return_mean": returned,
            "num_env_steps_sampled_lifetime": steps,
            "num_frames_sampled_lifetime": 4 * steps,
            "num_episodes_lifetime": 3 * iteration,
        },
        "learners": {"default_policy": {"entropy": 1.0 / iteration, "curr_lr": 0.1}},
        "training_iteration": iteration,
        "time_total_s": float(iteration),
        **more,
    }


def write_trial(
    results,
    experiment="exp",
    name="PPO_x_00000",
    returns=(1.0, 2.0, 3.0),
    *,
    config=None,
    status="TERMINATED",
    lines=None,
    manifest=None,
    old=False,
):
    """Write a trial folder below the results; returns its path."""
    folder = results / experiment
    path = folder / name
    path.mkdir(parents=True)
    settings = {"env": "CartPole-v1", "seed": 0, **(config or {})}
    (path / "params.json").write_text(json.dumps(settings))
    rows = lines
    if rows is None:
        rows = [
            json.dumps({**result(i, r, old=old), "config": settings, "perf": {}})
            for i, r in enumerate(returns, 1)
        ]
    (path / "result.json").write_text("".join(f"{row}\n" for row in rows))
    state = folder / "experiment_state-2026.json"
    known = json.loads(state.read_text())["trial_data"] if state.exists() else []
    entry = {"relative_logdir": name, "status": status, "trainable_name": name.split("_")[0]}
    state.write_text(json.dumps({"trial_data": [*known, [json.dumps(entry), "{}"]]}))
    if manifest is not None:
        (folder / "manifest.json").write_text(json.dumps(manifest))
    return path


@pytest.fixture
def trial(tmp_path):
    """:func:`write_trial` below ``tmp_path / "results"``."""
    return partial(write_trial, tmp_path / "results")
