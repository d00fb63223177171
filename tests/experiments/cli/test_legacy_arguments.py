"""Old command lines in today's spelling, and the examples."""

from __future__ import annotations

import pytest

from rllib_zoo.experiments.cli.examples import FOLDER, example_file, examples
from rllib_zoo.experiments.cli.legacy_arguments import todays_arguments
from rllib_zoo.experiments.errors import RequestError


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("train -f a.yaml --ray-num-cpus 4", "train file a.yaml --ray-num-cpus 4"),
        ("train --config-file=a.yaml --torch", "train file a.yaml"),
        ("train -f a.yaml -f b.yaml --eager --no-ray-ui", "train file a.yaml b.yaml"),
        ("train --run PPO --env X --queue-trials", "train --run PPO --env X"),
        ("train --redis-address 1.2.3.4:6379 --run PPO", "train --run PPO"),
        ("rollout ckpt --run PPO --no-render --steps 5", "evaluate ckpt --run PPO --steps 5"),
        ("rollout ckpt --use-shelve --out a.csv", "evaluate ckpt --out a.csv"),
        ("train file a.yaml", "train file a.yaml"),
        ("train file a.yaml -s {}", "train file a.yaml -s {}"),
        ("example list -f pong", "example list -f pong"),
        ("", ""),
    ],
)
def test_old_spellings(old, new):
    found, notes = todays_arguments(old.split())
    assert found == new.split()
    assert bool(notes) == (old != new)


def test_every_tuned_config_is_an_example():
    names = [example.name for example in examples()]
    assert names == sorted(
        file.relative_to(FOLDER).with_suffix("").as_posix() for file in FOLDER.rglob("*.yaml")
    )
    assert "sweeps/cartpole-ppo" in names
    assert "cartpole-a2c" in names
    assert {example.name for example in examples("pong-")} == {n for n in names if "pong-" in n}


def test_an_example_is_found_by_name():
    assert example_file("pong-ppo").read_text() == (FOLDER / "pong-ppo.yaml").read_text()
    assert example_file("pong-ppo.yaml") == example_file("pong-ppo")
    with pytest.raises(RequestError, match="did you mean 'pong-ppo'"):
        example_file("pong-pppo")
