"""Playing episodes for a score, with a line every few seconds on how far they are."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.algorithms.env_runner.evaluation import EpisodePlay, play_episodes
from rllib_zoo.envs import environment_name
from rllib_zoo.experiments.console import progress_lines
from rllib_zoo.experiments.options import EvaluateOptions

# Without the end of an episode for so long, the line names the option that bounds them.
HINT_AFTER_S = 15.0
HINT = "--max-steps N cuts episodes after N steps"


def play(
    runner: VectorEnvRunner, options: EvaluateOptions, played: Sequence[Episode] = ()
) -> list[Episode]:
    """``--episodes`` episodes, or rounds of one episode per environment until ``--steps`` is reached.

    Args:
        runner: with the trained network.
        options: of the command.
        played: episodes that count already, which are not returned.
    """
    episodes: list[Episode] = []
    progress = PlayProgress(runner, options)
    with progress_lines(progress.line):
        while (number := _next_round(runner.num_envs, options, (*played, *episodes))) > 0:
            progress.ended = [*played, *episodes]
            episodes += play_episodes(
                runner,
                number,
                explore=options.explore,
                max_steps=options.max_steps,
                on_step=progress.step,
            )
    return episodes


def _next_round(num_envs: int, options: EvaluateOptions, played: Sequence[Episode]) -> int:
    """Number of episodes to play next, one per environment at most."""
    if options.episodes:
        return min(num_envs, options.episodes - len(played))
    return num_envs if sum(episode.length for episode in played) < options.steps else 0


class PlayProgress:
    """How far the episodes are, as a line.

    Attributes:
        ended: the episodes of earlier rounds.
    """

    def __init__(self, runner: VectorEnvRunner, options: EvaluateOptions):
        self._options, self._name = options, environment_name(runner.config.env)
        self.ended: list[Episode] = []
        self._play: EpisodePlay | None = None
        self._start = self._ended_at = time.monotonic()
        self._num_ended = 0

    def step(self, play: EpisodePlay) -> None:
        """Called after every step of the running round."""
        self._play = play

    def line(self) -> str:
        """Episodes done, and agent steps of the running ones."""
        episodes = [*self.ended, *(self._play.episodes if self._play else ())]
        now = time.monotonic()
        if len(episodes) > self._num_ended:
            self._num_ended, self._ended_at = len(episodes), now
        if self._options.episodes:
            done = f"{len(episodes)} of {self._options.episodes} episodes"
        else:
            steps = sum(episode.length for episode in episodes)
            done = f"{len(episodes)} episodes, {steps:,} of {self._options.steps:,} steps"
        lengths = self._play.running_lengths() if self._play else []
        running = f", running ones at {_span(lengths)} steps" if lengths else ""
        stalled = now - self._ended_at > HINT_AFTER_S and self._options.max_steps is None
        hint = f"; {HINT}" if stalled else ""
        return f"playing {self._name}: {done} after {now - self._start:.0f} s{running}{hint}"


def _span(lengths: list[int]) -> str:
    """Lowest and highest number; one of them if they are equal."""
    low, high = min(lengths), max(lengths)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
