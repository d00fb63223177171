"""What a training with killed runners must show: counters that agree with what really arrived."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner


@dataclass
class Ledger:
    """What really arrived, noted where it arrives and not where it is counted.

    Attributes:
        steps: unmasked steps of every fragment, or of every gradient.
        digests: of their contents: an equal one is the same fragment again.
    """

    steps: list[int] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)

    def add(self, steps: int, arrays: list[np.ndarray]) -> None:
        """Note one arrival."""
        digest = hashlib.sha256()
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
        self.steps.append(steps)
        self.digests.append(digest.hexdigest())


def with_ledger(base: type, ledger: Ledger) -> type:
    """The algorithm, noting what runners send."""

    class Noted(base):
        def _sample_remote(self) -> Any:
            parts = super()._sample_remote()
            for part in parts:
                ledger.add(int(part.mask.sum()), [part.obs, part.actions, part.log_probs])
            return parts

        def _apply(self, message: Any) -> Any:
            ledger.add(message.num_steps, message.gradients)
            return super()._apply(message)

    Noted.__name__ = base.__name__
    return Noted


def checks(
    algo: Any, name: str, rows: list[dict[str, Any]], kills: int, target: int, ledger: Ledger
) -> list[str]:
    """What a whole training must show beside the counts of each iteration."""
    failed = []
    iterations = [row["training_iteration"] for row in rows]
    if iterations != list(range(1, len(rows) + 1)):
        failed.append(f"iterations {iterations}")
    total = 0
    for row in rows:
        total += row["env_runners"]["num_env_steps_sampled"]
        if row["env_runners"]["num_env_steps_sampled_lifetime"] != total:
            failed.append(f"lifetime steps at iteration {row['training_iteration']}")
    episodes = [row["episodes_total"] for row in rows]
    if sorted(episodes) != episodes:
        failed.append("episodes_total fell")
    if len(set(ledger.digests)) != len(ledger.digests):
        failed.append("a fragment arrived twice")
    if rows[-1]["timesteps_total"] < target:
        failed.append("the target was not reached")
    faults = rows[-1]["fault_tolerance"]
    if faults["num_remote_worker_restarts"] != kills or faults["num_healthy_workers"] != 2:
        failed.append(f"{kills} kills, but {faults}")
    return failed + ([] if name == "A3C" else _weights_checks(algo))


def _weights_checks(algo: Any) -> list[str]:
    """Whether all runners hold the learner's weights, and know which update they are of.

    A3C's runners get theirs with every request and number nothing.
    """

    def known(runner: VectorEnvRunner) -> tuple[int, dict[str, Any]]:
        return runner._weights_seq_no, runner.module.get_state()

    [number] = algo.learner_group.foreach_learner(lambda learner: learner._weights_seq_no)
    weights = algo.learner_group.get_weights()["default_policy"]
    failed = []
    for theirs, state in algo.env_runner_group.foreach_env_runner(known, local_env_runner=False):
        if theirs != number.get():
            failed.append(f"a runner's weights_seq_no is {theirs}, the learner's {number.get()}")
        if not all(np.array_equal(state[key], weights[key]) for key in weights):
            failed.append("a runner's weights are not the learner's")
    return failed
