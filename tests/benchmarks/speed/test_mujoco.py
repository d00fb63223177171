"""The HalfCheetah benchmark: equal settings are equal, pairs name contenders, the report says all."""

import sys

import pytest

from rllib_zoo.benchmarks.peers.ours import VARIANTS
from rllib_zoo.benchmarks.peers.protocol import SEED
from rllib_zoo.benchmarks.settings import mujoco as mujoco_settings
from rllib_zoo.benchmarks.speed import measure
from rllib_zoo.benchmarks.speed.contenders import EQUAL
from rllib_zoo.benchmarks.speed.mujoco import CONTENDERS, LEARNERS, LIMIT, PAIRS, plan, report
from rllib_zoo.custom_models.actor_critic_options import ActorCriticOptions
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.check import check_experiment

NAMES = [contender.name for contender in CONTENDERS]


def row(name, rate=None, status="ok", mode="speed", number=0, **more):
    fixed = {"name": name, "round": number, "mode": mode, "status": status}
    return {**fixed, "steps_per_s": rate, "seconds_of_process": 1.0, **more}


def test_pairs_name_contenders_and_contenders_variants():
    assert len(NAMES) == len(set(NAMES))
    assert {name for pair in PAIRS for name in (pair.ours, pair.peer)} | {LIMIT} <= set(NAMES)
    assert set(LEARNERS) <= set(NAMES)
    assert {c.variant for c in CONTENDERS if c.module == "ours"} <= set(VARIANTS)


def test_what_was_asked():
    asked = {(pair.ours, pair.peer): pair.asked for pair in PAIRS if pair.asked is not None}
    assert asked == {("ours-ppo", "sb3-ppo-one"): 3.0, ("ours-ppo", "sb3-ppo-all"): 3.0}


def test_a_round_measures_speed_and_where_asked_returns():
    turns = plan(2, None, returns=False)
    assert [(c.name, n) for c, _, n in turns] == [(name, r) for r in (0, 1) for name in NAMES]
    with_returns = plan(1, None, returns=True)
    assert [c.name for c, mode, _ in with_returns if mode == "return"] == list(LEARNERS)
    assert [c.name for c, _, _ in plan(1, ["ours-ppo"], returns=False)] == ["ours-ppo"]


def test_settings_equal_those_of_stable_baselines3():
    ours, given = mujoco_settings.ours_as_sb3(), mujoco_settings.SB3_PPO
    assert ours["num_envs_per_env_runner"] == given["n_envs"]
    assert ours["train_batch_size"] == given["n_envs"] * given["n_steps"]
    assert (ours["minibatch_size"], ours["num_epochs"]) == (given["batch_size"], given["n_epochs"])
    options = ActorCriticOptions.from_dict(ours["model"]["custom_model_config"])
    assert (options.encoder_hiddens, options.log_std_init) == ((256, 256), given["log_std_init"])
    assert EQUAL in {pair.table for pair in PAIRS if pair.ours == "ours-ppo-as-sb3"}


@pytest.mark.parametrize("name", ["halfcheetah-ppo", "halfcheetah-ppo-as-sb3"])
def test_our_variants_are_valid_and_the_limit_plays_as_many_copies(name):
    run = VARIANTS[name]
    stop = {"timesteps_total": 1}
    check_experiment(Experiment("x", run.algorithm, run.env, run.settings(), stop))
    shipped = VARIANTS["halfcheetah-ppo"].settings()
    assert shipped["num_envs_per_env_runner"] == mujoco_settings.COPIES


def test_the_report_says_what_was_met_and_what_failed():
    text = report(
        [
            row("random-all", 20_000.0),
            row("sb3-ppo-one", 1_000.0),
            row("sb3-ppo-all", 4_000.0),
            row("ours-ppo", 10_000.0),
            row("random-sync", None, "failed", error="ValueError: no"),
            row("ours-ppo", mode="return", return_mean=2_000.0, seconds=120.0),
            row("ours-ppo", mode="return", number=1, return_mean=3_000.0, seconds=180.0),
            row("sb3-ppo-one", mode="return", status="not reached", error="5 steps, 0 episodes"),
        ]
    )
    assert "| ours-ppo | sb3-ppo-one | 10.00 (10.00–10.00) | ≥ 3 | met |" in text
    assert "| ours-ppo | sb3-ppo-all | 2.50 (2.50–2.50) | ≥ 3 | missed |" in text
    assert "| ours-ppo | random-all | 0.50 (0.50–0.50) | – |  |" in text
    assert "| ours-ppo | 2,500 (2,000–3,000) | 2.5 (2.0–3.0) | 2 |" in text
    assert "random-sync (speed, round 1): failed: ValueError: no" in text
    assert "sb3-ppo-one (return, round 1): not reached: 5 steps, 0 episodes" in text


def test_every_round_of_returns_has_a_seed_of_its_own(monkeypatch):
    commands = []

    def timed(command):
        commands.append(command)
        return {"stdout": "", "last_line": "x", "seconds_of_process": 0.0, "peak_pss_mib": 0.0}

    monkeypatch.setattr(measure, "_timed", timed)
    [ours] = [contender for contender in CONTENDERS if contender.name == "ours-ppo"]
    for number in (0, 1):
        measure.run_contender(ours, "return", number, 20_000, 1_000_000)
    assert commands[0][0] == sys.executable
    assert [c[c.index("--seed") + 1] for c in commands] == [str(SEED), str(SEED + 1)]
    assert all(c[c.index("--return-at") + 1] == "1000000" for c in commands)
