"""What 10, 100 and 1,000 runners would move and compute on Pong: arithmetic, not a measurement.

`python -m rllib_zoo.benchmarks.pages.cluster_arithmetic` writes the tables of docs/clusters.md. Rates of
one machine come from results/atari/pong-benchmark.json, sizes from the arrays and networks of the
tuned files, and how fast a learner applies A3C's gradients from results/cluster/learner.json
(`--measure` writes it).
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from ray.rllib.core import DEFAULT_MODULE_ID

from rllib_zoo.algorithms.env_runner.rollout import Rollout
from rllib_zoo.algorithms.ops.distributions import distribution_for
from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.benchmarks.peers.ours import VARIANTS, network_of
from rllib_zoo.benchmarks.speed.report import fill
from rllib_zoo.envs import environment_spaces
from rllib_zoo.experiments.paths import RESULTS, ROOT

RATES = RESULTS / "atari" / "pong-benchmark.json"
LEARNER = RESULTS / "cluster" / "learner.json"
PAGE = ROOT / "docs" / "clusters.md"
RUNNERS = (10, 100, 1000)
# Steps of one A3C gradient: the tuned file's, and four times as many.
A3C_FACTORS = (1, 4)
MEASURED_APPLIES = 300


@dataclass(frozen=True)
class Sizes:
    """Of one algorithm on Pong.

    Attributes:
        step_bytes: one step of one environment in a rollout.
        weights: parameters of the network.
        num_envs: per runner; fragment: steps per environment and fragment.
        epochs: passes over a batch.
    """

    step_bytes: int
    weights: int
    num_envs: int
    fragment: int
    epochs: int

    @property
    def fragment_bytes(self) -> int:
        """One runner's fragment."""
        return self.step_bytes * self.num_envs * self.fragment

    @property
    def weight_bytes(self) -> int:
        """The network's weights, or a gradient of them, as float32."""
        return 4 * self.weights


def config_of(algorithm: str) -> Any:
    """The tuned file of Pong as a configuration object."""
    return VARIANTS[f"pong-{algorithm.lower()}"].config()


def sizes_of(algorithm: str) -> Sizes:
    """Bytes and counts of a tuned file, from real arrays and a real network."""
    config = config_of(algorithm)
    module, spaces = network_of(config)
    step = Rollout.empty((1, 1), spaces[0], distribution_for(spaces[1]), filtered=False)
    return Sizes(
        step_bytes=sum(array.nbytes for array in step.arrays().values()),
        weights=sum(parameter.numel() for parameter in module.parameters()),
        num_envs=config.num_envs_per_env_runner,
        fragment=config.get_rollout_fragment_length(),
        epochs=config.num_epochs,
    )


def rates() -> dict[str, float]:
    """Median rates of this project's Atari benchmark, per second, by contender."""
    found: dict[str, list[float]] = {}
    for row in json.loads(RATES.read_text())["rows"]:
        if row["status"] == "ok" and row.get("steps_per_s"):
            found.setdefault(row["name"], []).append(row["steps_per_s"])
    return {name: median(values) for name, values in found.items()}


def measure() -> dict[str, Any]:
    """How many of A3C's gradients one core applies, in CPU time: other work does not count."""
    torch.set_num_threads(1)
    config = config_of("A3C")
    spaces = environment_spaces(config.env, config.environment_options)
    learner = config.build_learner(spaces={DEFAULT_MODULE_ID: spaces})
    parameters = list(learner.module[DEFAULT_MODULE_ID].parameters())
    gradients = [np.full(p.shape, 1e-3, np.float32) for p in parameters]
    learner.apply_gradient_arrays(gradients, timestep=0)
    began = time.process_time()
    for _ in range(MEASURED_APPLIES):
        learner.apply_gradient_arrays(gradients, timestep=0)
        learner.module[DEFAULT_MODULE_ID].get_state()
    seconds = time.process_time() - began
    return {"applies_per_cpu_second": MEASURED_APPLIES / seconds, "applies": MEASURED_APPLIES}


def tables() -> str:
    """The block of docs/clusters.md."""
    pace = rates()
    ppo, a2c, a3c = (sizes_of(name) for name in ("PPO", "A2C", "A3C"))
    # The emulator was measured on two threads, the bare networks on one and on two.
    per_core = {
        name: 1 / (2 / pace["emulator-42"] + 1 / pace[f"network-{name}-forward-bf16-one"])
        for name in ("ppo", "a2c")
    }
    learner = {name: pace[f"network-{name}-training-bf16-all"] for name in ("ppo", "a2c")}
    lines = [*_sizes({"PPO": ppo, "A2C": a2c, "A3C": a3c}), ""]
    lines += [*_synchronous("PPO", ppo, per_core["ppo"], learner["ppo"]), ""]
    lines += [*_synchronous("A2C", a2c, per_core["a2c"], learner["a2c"]), ""]
    lines += _asynchronous(a3c, pace["ours-a3c"] / 2)
    return "\n".join(lines)


def _sizes(of: dict[str, Sizes]) -> list[str]:
    lines = [
        "| tuned file of Pong | bytes per step | environments × steps | fragment, MB | weights | "
        "weights or gradient, MB |",
        "|---|---|---|---|---|---|",
    ]
    return lines + [
        f"| {name} | {s.step_bytes:,} | {s.num_envs} × {s.fragment} | {s.fragment_bytes / 1e6:.2f} | "
        f"{s.weights:,} | {s.weight_bytes / 1e6:.2f} |"
        for name, s in of.items()
    ]


def _synchronous(name: str, sizes: Sizes, per_core: float, learner: float) -> list[str]:
    """If the learner kept up: steps, traffic and the learner's share."""
    capacity = learner / sizes.epochs
    lines = [
        f"{name}: a runner on one core plays at most {per_core:,.0f} steps/s; a learner on two cores "
        f"learns from {learner:,.0f} / {sizes.epochs} = {capacity:,.0f} steps/s, "
        f"which {capacity / per_core:.1f} runners fill.",
        "",
        "| runners | steps per batch | steps/s sampled | rollouts to the learner, MB/s | weights to "
        "runners, MB/s | batches/s | two-core learners needed | images/s to learn from |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for runners in RUNNERS:
        batch = runners * sizes.num_envs * sizes.fragment
        sampled = runners * per_core
        updates = sampled / batch
        lines.append(
            f"| {runners:,} | {batch:,} | {sampled:,.0f} | {sampled * sizes.step_bytes / 1e6:,.0f} | "
            f"{updates * runners * sizes.weight_bytes / 1e6:,.0f} | {updates:.1f} | "
            f"{sampled / capacity:,.0f} | {sampled * sizes.epochs:,.0f} |"
        )
    return lines


def _asynchronous(sizes: Sizes, per_runner: float) -> list[str]:
    applies = json.loads(LEARNER.read_text())["applies_per_cpu_second"]
    lines = [
        f"A3C: a runner on one core plays and differentiates {per_runner:,.0f} steps/s (measured, two "
        f"runners); one core applies {applies:,.0f} gradients/s and copies the weights for the answer.",
        "",
        "| runners | steps per gradient | gradients/s | to the learner, MB/s | the same back, MB/s | "
        "learner's core, busy | staleness, updates |",
        "|---|---|---|---|---|---|---|",
    ]
    for runners in RUNNERS:
        for factor in A3C_FACTORS:
            steps = factor * sizes.num_envs * sizes.fragment
            gradients = runners * per_runner / steps
            traffic = gradients * sizes.weight_bytes / 1e6
            lines.append(
                f"| {runners:,} | {steps:,} | {gradients:,.0f} | {traffic:,.0f} | {traffic:,.0f} | "
                f"{gradients / applies:.0%} | {runners - 1:,} |"
            )
    return lines


def main() -> None:
    """Write the tables into docs/clusters.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="store_true", help="time the learner first")
    if parser.parse_args().measure:
        write_json(LEARNER, measure())
    fill(PAGE, "arithmetic", tables())


if __name__ == "__main__":
    main()
