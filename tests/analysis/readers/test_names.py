"""Names of releases and libraries that were not run here: the right series is taken, in the right unit."""

from __future__ import annotations

import pytest
from tensorboardX import SummaryWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.proto.tensor_pb2 import TensorProto

from rllib_zoo.analysis.files import record
from rllib_zoo.analysis.readers.event_files import read_events
from rllib_zoo.analysis.results import load

ENV = "CartPole-v1"


def run_of(folder):
    (run,) = load([folder]).runs.to_dict("records")
    return run


@pytest.mark.parametrize(
    ("series", "group", "steps", "labels"),
    [
        ({"charts/episode_reward": 5.0, "charts/SPS": 9.0}, "CleanRL CartPole-v1_a", 100, ""),
        ({"0_aux/avg_reward": 5.0}, "Sample Factory CartPole-v1_a", 100, record.UNKNOWN_STEPS),
        ({"train/returns_stat/mean": 5.0, "test/reward": 9.0}, "Tianshou CartPole-v1_a", 100, ""),
        ({"train/reward": 5.0, "train/episode": 9.0, "test/reward": 9.0}, "Tianshou CartPole-v1_a", 100, ""),
        ({"test/reward": 5.0, "test/reward_std": 1.0}, "Tianshou CartPole-v1_a", 100, record.EVALUATION),
        ({"train/rew": 5.0, "test/rew": 9.0, "test/rew_std": 1.0}, "Tianshou CartPole-v1_a", 100, ""),
        ({"Environment/Cumulative Reward": 5.0, "Policy/Entropy": 1.0}, "ML-Agents CartPole-v1_a", 100, ""),
        ({"Info/cumulative_reward": 5.0}, "ML-Agents CartPole-v1_a", 100, ""),
        ({"Train/AverageReturns": 5.0}, "Dopamine CartPole-v1_a", 100, record.UNKNOWN_STEPS),
        ({"environment/episode_return": 5.0, "agent_steps": 400.0}, "PufferLib CartPole-v1_a", 400,
         record.UPPER_BOUND),
        ({"episode_reward": 5.0, "loss/policy_gradient_loss": 1.0}, "Baselines CartPole-v1_a", 100,
         record.UNKNOWN_STEPS),
        ({"mine/return": 5.0, "eval/return": 9.0}, "CartPole-v1_a", 100, record.UNKNOWN_STEPS),
    ],
)  # fmt: skip
def test_names_in_event_files(tmp_path, series, group, steps, labels):
    with SummaryWriter(str(tmp_path / f"{ENV}_a_0")) as writer:
        for tag, value in series.items():
            writer.add_scalar(tag, value, 100)
    run = run_of(tmp_path)
    assert (run["group"].split(" [")[0], run["steps"], run["labels"]) == (group, steps, labels)
    assert (run["return_mean"], run["env"], run["seed"]) == (5.0, ENV, 0)


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("eprewmean,eplenmean,misc/total_timesteps\n5,20,400\n", "Baselines"),
        ("ep_rewmean,ep_lenmean,total_timesteps,time_elapsed\n5,20,400,1.5\n", "Baselines"),
        ("EpRewMean,EpLenMean,TimestepsSoFar,EpisodesSoFar\n5,20,400,9\n", "Baselines"),
        ("EpRewMean,EpTrueRewMean,TimestepsSoFar\n0.3,5,400\n", "Baselines"),
        ("Epoch\tAverageEpRet\tTotalEnvInteracts\tTime\n0\t5\t400\t1.5\n", "Spinning Up"),
        ('{"rollout/ep_rew_mean": 5.0, "time/total_timesteps": 400}\n', "SB3"),
    ],
)
def test_names_in_tables(tmp_path, text, group):
    folder = tmp_path / f"{ENV}_a_0"
    folder.mkdir()
    ending = "json" if text.startswith("{") else "txt" if "\t" in text else "csv"
    (folder / f"progress.{ending}").write_text(text)
    run = run_of(tmp_path)
    assert (run["group"], run["steps"], run["labels"]) == (f"{group} {ENV}_a", 400, "")
    assert (run["return_mean"], run["env"], run["seed"]) == (5.0, ENV, 0)


def test_the_events_of_tune_without_its_results(tmp_path):
    folder = tmp_path / f"PPO_{ENV}_ab12c_00000_0_lr=0.01_2026-11-30_10-00-00"
    with SummaryWriter(str(folder)) as writer:
        for i in (1, 2):
            writer.add_scalar("ray/tune/env_runners/episode_return_mean", 10.0 * i, i)
            writer.add_scalar("ray/tune/num_env_steps_sampled_lifetime", 512 * i, i)
            writer.add_scalar("ray/tune/time_total_s", 1.5 * i, i)
    run = run_of(tmp_path)
    assert (run["group"], run["env"], run["steps"], run["seconds"]) == ("PPO", ENV, 1024, 3.0)
    assert run["mean_of"] == "episodes of one iteration, number unknown"


@pytest.mark.parametrize(
    "tensor",
    [
        TensorProto(dtype=1, float_val=[2.5]),
        TensorProto(dtype=1, tensor_content=b"\x00\x00\x20\x40"),
        TensorProto(dtype=2, tensor_content=b"\x00\x00\x00\x00\x00\x00\x04\x40"),
    ],
)
def test_scalars_that_tensorflow_2_writes_as_tensors(tmp_path, tensor):
    value = Summary.Value(tag="x/return", tensor=tensor)
    with SummaryWriter(str(tmp_path)) as writer:
        writer.file_writer.event_writer.add_event(Event(step=7, summary=Summary(value=[value])))
    (points,) = read_events(list(tmp_path.iterdir())).points().values()
    assert (points.steps_T.tolist(), points.values_T.tolist()) == ([7], [2.5])
