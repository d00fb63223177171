"""The HalfCheetah benchmark: equal settings are equal, pairs name contenders, the report shows all."""

import sys

import pytest

from rllib_zoo.benchmarks.peers.ours import VARIANTS
from rllib_zoo.benchmarks.peers.protocol import SEED
from rllib_zoo.benchmarks.settings import mujoco as mujoco_settings
from rllib_zoo.benchmarks.speed import measure
from rllib_zoo.benchmarks.speed.contenders import EQUAL
from rllib_zoo.benchmarks.speed.mujoco import BENCHMARK
from rllib_zoo.benchmarks.speed.report import report
from rllib_zoo.benchmarks.speed.rounds import modes_of, parser_of, plan
from rllib_zoo.custom_models.actor_critic_options import ActorCriticOptions
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.check import validate

NAMES = [contender.name for contender in BENCHMARK.contenders]
LEARNERS = ["sb3-ppo-one", "ours-ppo", "ours-ppo-as-sb3"]


def planned(*argv):
    options = parser_of("", BENCHMARK).parse_args(argv)
    return plan(BENCHMARK, options.rounds, options.only, modes_of(options))


def row(name, rate=None, status="ok", mode="speed", number=0, **more):
    fixed = {"name": name, "round": number, "mode": mode, "status": status}
    return {**fixed, "steps_per_s": rate, "seconds_of_process": 1.0, **more}


def test_pairs_name_contenders_and_contenders_variants():
    assert len(NAMES) == len(set(NAMES))
    assert {name for pair in BENCHMARK.pairs for name in (pair.ours, pair.peer)} <= set(NAMES)
    assert {c.variant for c in BENCHMARK.contenders if c.module == "ours"} <= set(VARIANTS)


def test_goals():
    goals = {(p.ours, p.peer): p.goal for p in BENCHMARK.pairs if p.goal is not None}
    assert goals == {("ours-ppo", "sb3-ppo-one"): 3.0, ("ours-ppo", "sb3-ppo-all"): 3.0}


def test_a_round_measures_speed_and_on_request_returns():
    turns = planned("--rounds", "2")
    assert [(c.name, n) for c, _, n in turns] == [(name, r) for r in (0, 1) for name in NAMES]
    assert {mode for _, mode, _ in turns} == {"speed"}
    with_returns = planned("--rounds", "1", "--returns")
    assert [c.name for c, mode, _ in with_returns if mode == "return"] == LEARNERS
    assert [c.name for c, _, _ in planned("--rounds", "1", "--only", "ours-ppo")] == ["ours-ppo"]


def test_settings_equal_those_of_stable_baselines3():
    ours, theirs = mujoco_settings.ours_as_sb3(), mujoco_settings.SB3_PPO
    assert ours["num_envs_per_env_runner"] == theirs["n_envs"]
    assert ours["train_batch_size"] == theirs["n_envs"] * theirs["n_steps"]
    assert (ours["minibatch_size"], ours["num_epochs"]) == (
        theirs["batch_size"],
        theirs["n_epochs"],
    )
    options = ActorCriticOptions.from_dict(ours["model"]["custom_model_config"])
    assert (options.encoder_hiddens, options.log_std_init) == ((256, 256), theirs["log_std_init"])
    assert EQUAL in {pair.table for pair in BENCHMARK.pairs if pair.ours == "ours-ppo-as-sb3"}


@pytest.mark.parametrize("name", ["halfcheetah-ppo", "halfcheetah-ppo-as-sb3"])
def test_our_variants_are_valid_and_the_limit_plays_as_many_copies(name):
    run = VARIANTS[name]
    stop = {"timesteps_total": 1}
    validate(Experiment("x", run.algorithm, run.env, run.settings(), stop))
    shipped = VARIANTS["halfcheetah-ppo"].settings()
    assert shipped["num_envs_per_env_runner"] == mujoco_settings.COPIES


def test_the_report_shows_what_was_met_and_what_failed():
    text = report(
        BENCHMARK,
        [
            row("random-all", 20_000.0),
            row("sb3-ppo-one", 1_000.0),
            row("sb3-ppo-all", 4_000.0),
            row("ours-ppo", 10_000.0),
            row("random-sync", None, "failed", error="ValueError: no"),
            row("ours-ppo", mode="return", return_mean=2_000.0, seconds=120.0),
            row("ours-ppo", mode="return", number=1, return_mean=3_000.0, seconds=180.0),
            row("sb3-ppo-one", mode="return", status="not reached", error="5 steps, 0 episodes"),
        ],
    )
    assert "| ours-ppo | sb3-ppo-one | 10.00 (10.00–10.00) | ≥ 3 | met |" in text
    assert "| ours-ppo | sb3-ppo-all | 2.50 (2.50–2.50) | ≥ 3 | missed |" in text
    assert "| ours-ppo | random-all | 0.50 (0.50–0.50) | – | – |" in text
    assert "| 10,000 (10,000–10,000) | 2,500 (2,000–3,000) | 2.5 (2.0–3.0) | 3 of 3 |" in text
    assert "return after 1,000,000 steps: median (min–max) | minutes of training" in text
    assert "random-sync (speed, round 1): failed: ValueError: no" in text
    assert "sb3-ppo-one (return, round 1): not reached: 5 steps, 0 episodes" in text


def test_every_round_of_returns_has_a_seed_of_its_own(monkeypatch):
    commands = []

    def timed(command):
        commands.append(command)
        return {"stdout": "", "last_line": "x", "seconds_of_process": 0.0, "peak_pss_mib": 0.0}

    monkeypatch.setattr(measure, "_timed", timed)
    [ours] = [contender for contender in BENCHMARK.contenders if contender.name == "ours-ppo"]
    for number in (0, 1):
        measure.run_contender(ours, "return", number, 20_000, 1_000_000)
    assert commands[0][0] == sys.executable
    assert [c[c.index("--seed") + 1] for c in commands] == [str(SEED), str(SEED + 1)]
    assert all(c[c.index("--return-at") + 1] == "1000000" for c in commands)
