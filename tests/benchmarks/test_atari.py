"""The Atari benchmark: equal settings are equal, claims name contenders, the report says all."""

import pytest

from benchmarks import atari_settings
from benchmarks.atari import epochs_of, report, verdict
from benchmarks.atari_contenders import CLAIMS, COMMAND, contenders
from benchmarks.measure import run_contender
from benchmarks.peers.ours import VARIANTS
from experiments.checking import check_experiment
from experiments.experiment import Experiment


def row(name, rate, status="ok", mode="speed", **more):
    return {
        "name": name,
        "round": 0,
        "mode": mode,
        "status": status,
        "steps_per_s": rate,
        "peak_pss_mib": 500.0,
        "seconds_of_process": 1.0,
        **more,
    }


def test_claims_and_variants_exist():
    names = {contender.name for contender in contenders("pong")}
    assert {name for claim in CLAIMS for name in (claim.ours, claim.peer)} <= names
    ours = {c.variant for c in contenders("pong") if c.module == "ours"}
    assert ours <= set(VARIANTS)


def test_settings_equal_those_of_stable_baselines3():
    ppo, given = atari_settings.ours_as_sb3_ppo(), atari_settings.SB3_PPO
    assert ppo["num_envs_per_env_runner"] == given["n_envs"]
    assert ppo["train_batch_size"] == given["n_envs"] * given["n_steps"]
    assert (ppo["minibatch_size"], ppo["num_epochs"]) == (given["batch_size"], given["n_epochs"])
    a2c, given = atari_settings.ours_as_sb3_a2c(), atari_settings.SB3_A2C
    assert a2c["train_batch_size"] == given["n_envs"] * given["n_steps"]
    assert a2c["env_config"]["screen_size"] == ppo["env_config"]["screen_size"] == 84


def test_settings_equal_those_of_rllib():
    ours, given = atari_settings.ours_as_rllib_ppo(), atari_settings.RLLIB_PPO
    for key in ("train_batch_size", "minibatch_size", "num_epochs", "rollout_fragment_length"):
        assert ours[key] == given[key]
    games = given["num_env_runners"] * given["num_envs_per_env_runner"]
    assert ours["num_env_runners"] == 0
    assert ours["num_envs_per_env_runner"] == games
    assert ours["env_config"]["screen_size"] == atari_settings.RLLIB_SIZE


@pytest.mark.parametrize("name", [name for name in VARIANTS if name.startswith(("pong", "ass"))])
def test_our_variants_are_valid(name):
    run = VARIANTS[name]
    stop = {"timesteps_total": 1}
    check_experiment(Experiment("x", run.algorithm, run.env, run.settings(), stop))


def test_the_report_says_what_was_met_and_what_failed():
    rows = [
        row("emulator-42", 8000.0),
        row("network-forward", 40_000.0),
        row("network-training", 16_000.0),
        row("sb3-ppo", 500.0),
        row("ours-ppo", 2600.0),
        row("sb3-a2c", 1000.0),
        row("ours-a2c", 3900.0),
        row("rllib-old", None, "failed", error="ValueError: no"),
        row(COMMAND, None, mode="memory") | {"peak_pss_mib": 1300.0},
    ]
    text = report(rows, contenders("pong"), epochs=4)
    assert "| ours-ppo | sb3-ppo | 5.20 (5.20–5.20) | 5 | met |" in text
    assert "| ours-a2c | sb3-a2c | 3.90 (3.90–3.90) | 4 | missed |" in text
    assert "| ours-a2c | emulator-42 | 0.49 (0.49–0.49) | 0.5 | missed |" in text
    assert "| stock RLlib PPO, old stack, 42x42 | – | 500 | 0 of 1 |" in text
    assert "rllib-old (round 1): failed: ValueError: no" in text
    # 125 + 25 + 4 x 62.5 us a step.
    assert "Ceiling of ours-ppo from emulator, inference and 4 training passes alone: 2,500" in text
    assert "reached 2,600 (104%)" in text
    assert "1,300 MiB (PSS of the process tree), asked at most 1,229: missed" in text


@pytest.mark.parametrize(
    ("value", "asked", "said"), [(2.0, 2.0, "met"), (1.99, 2.0, "missed"), (9.0, None, "")]
)
def test_verdicts(value, asked, said):
    assert verdict(value, asked) == said


def test_epochs_come_from_the_file():
    assert epochs_of("pong") == VARIANTS["pong-ppo"].settings()["num_epochs"]


def test_a_worker_that_fails_is_a_row():
    [emulator, *_] = contenders("pong")
    broken = emulator.__class__("x", "x", "emulator", "no-such-variant")
    found = run_contender(broken, "speed", 3, 10, 0.0)
    assert (found["status"], found["round"]) == ("failed", 3)
    assert "no-such-variant" in found["error"]
    missing = emulator.__class__("x", "x", "emulator", "pong-42", requires="no_such_package")
    assert run_contender(missing, "speed", 0, 10, 0.0)["status"] == "not installed"
