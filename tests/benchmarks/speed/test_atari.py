"""The Atari benchmark: equal settings are equal, pairs name contenders, the report shows all."""

import pytest

from rllib_zoo.benchmarks.peers.ours import VARIANTS
from rllib_zoo.benchmarks.settings import atari as atari_settings
from rllib_zoo.benchmarks.settings.atari import GAMES, PASSES
from rllib_zoo.benchmarks.speed.atari import (
    ALTERNATIVES,
    COMMAND,
    PAIRS,
    benchmark,
    contenders,
    network_name,
)
from rllib_zoo.benchmarks.speed.report import fastest, report, verdict
from rllib_zoo.benchmarks.speed.rounds import modes_of, parser_of, plan
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.check import validate


def row(name, rate, status="ok", mode="speed", **more):
    return {
        "name": name,
        "round": 0,
        "mode": mode,
        "status": status,
        "steps_per_s": rate,
        "peak_pss_mib": 500.0,
        "seconds_of_process": 1.0,
        "settings": {"rows": 256},
        **more,
    }


PONG = benchmark("pong")
ROWS = [
    row("emulator-42", 8000.0),
    # The fastest way counts, whichever it is.
    row(network_name("ppo", "forward", "bf16", "all"), 40_000.0),
    row(network_name("ppo", "forward", "fp32", "one"), 30_000.0),
    row(network_name("ppo", "training", "fp32", "one"), 16_000.0),
    row("sb3-ppo-one", 500.0, versions={"torch": "9.9"}, settings={"n_envs": 8}),
    row("sb3-ppo-all", 100.0),
    row("ours-ppo", 2600.0, settings={"num_epochs": 4}),
    row("sb3-a2c-one", 100.0),
    row("sb3-a2c-all", 1000.0),
    row("ours-a2c", 3900.0),
    row("rllib-old", None, "failed", error="ValueError: no"),
    row(COMMAND, None, mode="memory") | {"peak_pss_mib": 1300.0},
]


@pytest.fixture
def text():
    return report(PONG, ROWS)


@pytest.mark.parametrize("game", GAMES)
def test_pairs_name_contenders_and_contenders_variants(game):
    listed = contenders(game)
    names = [contender.name for contender in listed]
    assert len(names) == len(set(names))
    peers = {other for pair in PAIRS for other in ALTERNATIVES.get(pair.peer, (pair.peer,))}
    assert peers | {pair.ours for pair in PAIRS} <= set(names)
    assert {c.variant for c in listed if c.module == "ours"} <= set(VARIANTS)


def test_goals():
    goals = {(pair.ours, pair.peer): pair.goal for pair in PAIRS if pair.goal is not None}
    assert goals == {
        ("ours-ppo", "sb3-ppo"): 5.0,
        ("ours-a2c", "sb3-a2c"): 4.0,
        ("ours-a2c", "emulator-42"): 0.5,
        ("ours-a3c", "ours-a2c"): 0.8,
        ("ours-ppo-as-rllib", "rllib"): 2.0,
        ("ours-ppo-as-rllib", "rllib-new-valid"): 4.5,
        ("ours-ppo-as-sb3", "sb3-ppo"): 3.0,
        ("ours-a2c-as-sb3", "sb3-a2c"): 3.0,
    }


def planned(*argv):
    options = parser_of("", PONG).parse_args(argv)
    return plan(PONG, options.rounds, options.only, modes_of(options))


def test_a_round_runs_every_contender_once_and_the_command_in_memory_mode():
    turns = planned("--rounds", "2")
    names = [contender.name for contender in contenders("pong")]
    assert [(c.name, number) for c, _, number in turns] == [(n, r) for r in (0, 1) for n in names]
    assert {c.name for c, mode, _ in turns if mode == "memory"} == {COMMAND}
    assert [c.name for c, _, _ in planned("--rounds", "1", "--only", "ours-ppo")] == ["ours-ppo"]


def test_settings_equal_those_of_stable_baselines3():
    ppo, theirs = atari_settings.ours_as_sb3_ppo(), atari_settings.SB3_PPO
    assert ppo["num_envs_per_env_runner"] == theirs["n_envs"]
    assert ppo["train_batch_size"] == theirs["n_envs"] * theirs["n_steps"]
    assert (ppo["minibatch_size"], ppo["num_epochs"]) == (theirs["batch_size"], theirs["n_epochs"])
    a2c, theirs = atari_settings.ours_as_sb3_a2c(), atari_settings.SB3_A2C
    assert a2c["num_envs_per_env_runner"] == theirs["n_envs"]
    assert a2c["train_batch_size"] == theirs["n_envs"] * theirs["n_steps"]
    assert a2c["env_config"]["screen_size"] == ppo["env_config"]["screen_size"] == 84
    assert a2c["env_config"]["frameskip"] == atari_settings.FRAMESKIP


def test_settings_equal_those_of_rllib():
    ours, theirs = atari_settings.ours_as_rllib_ppo(), atari_settings.RLLIB_PPO
    for key in ("train_batch_size", "minibatch_size", "num_epochs", "rollout_fragment_length"):
        assert ours[key] == theirs[key]
    games = theirs["num_env_runners"] * theirs["num_envs_per_env_runner"]
    assert ours["num_env_runners"] == 0
    assert ours["num_envs_per_env_runner"] == games
    assert ours["env_config"]["screen_size"] == atari_settings.RLLIB_SIZE


@pytest.mark.parametrize("name", [name for name in VARIANTS if name.startswith(("pong", "ass"))])
def test_our_variants_are_valid(name):
    run = VARIANTS[name]
    stop = {"timesteps_total": 1}
    validate(Experiment("x", run.algorithm, run.env, run.settings(), stop))


@pytest.mark.parametrize("game", GAMES)
def test_the_emulator_compared_with_plays_at_the_size_of_the_tuned_files(game):
    # "ours-a2c against emulator-42" and the ceilings would be wrong otherwise.
    for algorithm in ("ppo", "a2c", "a3c"):
        assert VARIANTS[f"{game}-{algorithm}"].settings()["env_config"]["screen_size"] == 42


def test_the_report_shows_what_was_met(text):
    assert "| ours-ppo | sb3-ppo-one | 5.20 (5.20–5.20) | ≥ 5 | met |" in text
    assert "| ours-a2c | sb3-a2c-all | 3.90 (3.90–3.90) | ≥ 4 | missed |" in text
    assert "| ours-a2c | emulator-42 | 0.49 (0.49–0.49) | ≥ 0.5 | missed |" in text
    assert "1,300 MiB (PSS of the process tree), goal at most 1,229: missed" in text


def test_the_report_names_what_failed(text):
    old = "| rllib-old | stock RLlib PPO, old stack, its own network for 42x42 | – | – | 0 of 1, failed |"
    assert old in text
    assert "rllib-old (speed, round 1): failed: ValueError: no" in text


def test_the_report_has_ceilings_where_every_part_was_measured(text):
    # 125 + 25 + 4 x 62.5 us a step; 2,600 of 2,500 leaves -4 %.
    assert "| ours-ppo | 8,000 | 40,000 | 4 x 1 / 16,000 | 2,500 | 2,600 | -4% |" in text
    assert "| ours-a2c | 8,000" not in text
    assert "| ppo, training | 256 | – | 16,000 (16,000–16,000) |" in text


def test_the_report_keeps_versions_and_settings(text):
    assert "Versions: torch 9.9." in text
    assert '- sb3-ppo-one: `{"n_envs": 8}`' in text


def test_a_command_that_failed_meets_nothing():
    broken = row(COMMAND, None, "failed", "memory", error="x") | {"peak_pss_mib": 90.0}
    text = report(PONG, [broken])
    assert "Peak memory" not in text
    assert "the whole command under Tune | 0 of 1, failed |" in text


def test_a_peer_is_compared_at_its_fastest():
    assert fastest(PONG, ROWS, "sb3-ppo") == "sb3-ppo-one"
    assert fastest(PONG, ROWS, "sb3-a2c") == "sb3-a2c-all"
    assert fastest(PONG, ROWS, "emulator-42") == "emulator-42"
    assert fastest(PONG, ROWS, "rllib") == "rllib"  # neither was measured


@pytest.mark.parametrize(
    ("value", "goal", "result"), [(2.0, 2.0, "met"), (1.99, 2.0, "missed"), (9.0, None, "–")]
)
def test_verdicts(value, goal, result):
    assert verdict(value, goal) == result


def test_passes_are_the_epochs_that_a_row_was_measured_with():
    rows = [row(network_name("a2c", pass_, "bf16", "one"), 8000.0) for pass_ in PASSES]
    rows += [row("emulator-42", 8000.0), row("ours-a2c", 2000.0)]
    # One pass where the settings have no number of epochs: 3 x 125 us a step.
    assert "| ours-a2c | 8,000 | 8,000 | 1 x 1 / 8,000 | 2,667 | 2,000 | 25% |" in report(
        PONG, rows
    )
