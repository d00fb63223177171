"""Names of series by library: which is what, in which unit; a row here makes a library known.

The same names are found in TensorBoard events, W&B and MLflow runs and in tables; ``docs/peers.md`` has
their sources.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from rllib_zoo.analysis.files.columns import PATHS
from rllib_zoo.analysis.files.record import UNKNOWN_RETURN, UPPER_BOUND


@dataclass(frozen=True)
class Layout:
    """The names of one library.

    Attributes:
        library: its name before the algorithm's in groups.
        marks: names of which any tells that the library wrote them.
        columns: column of ``columns.COLUMNS`` → names, the first one with numbers counts;
            ``return_mean`` is there.
        evaluation: names of mean returns of evaluations.
        axis: unit of the series' own steps where no column has them; see ``facts.AXES``; "": unknown.
        episodes: whether every point of ``return_mean`` is one episode.
        window: episodes of a mean; NaN if they vary.
        mean_of: the episodes of a mean in words; "" where ``window`` tells it.
        labels: of all runs of the library.
        frame_lengths: whether lengths are in frames where actions are repeated around the environment.
        atari: labels of Atari games.
        rllib: whether the names are those of RLlib's results.
        missing: why there may be no return.
        notes: on all runs of the library.
    """

    library: str
    marks: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    evaluation: tuple[str, ...] = ()
    axis: str = "steps"
    episodes: bool = False
    window: float = math.nan
    mean_of: str = ""
    labels: tuple[str, ...] = ()
    frame_lengths: bool = False
    atari: tuple[str, ...] = ()
    rllib: bool = False
    missing: str = ""
    notes: tuple[str, ...] = ()

    def mean_name(self, names: Collection[str]) -> str:
        """The first name of the mean return among those of a run; "" without one."""
        return next((name for name in self.columns["return_mean"] if name in names), "")


_RAY = Layout(
    "",
    (*PATHS["return_mean"], "time_since_restore"),
    {name: paths for name, paths in PATHS.items() if name != "window"},
    evaluation=(
        "evaluation/env_runners/episode_return_mean", "evaluation/episode_reward_mean",
    ),
    rllib=True,
    missing="Ray Tune wrote no mean return",
)  # fmt: skip
SB3 = Layout(
    "SB3",
    ("rollout/ep_rew_mean", "time/total_timesteps", "time/fps", "rollout/ep_len_mean"),
    {
        "steps": ("time/total_timesteps", "global_step"),
        "seconds": ("time/time_elapsed",),
        "episodes": ("time/episodes",),
        "return_mean": ("rollout/ep_rew_mean",),
        "length_mean": ("rollout/ep_len_mean",),
        "kl": ("train/approx_kl",),
        "clip_fraction": ("train/clip_fraction",),
        "explained_variance": ("train/explained_variance",),
        "learning_rate": ("train/learning_rate",),
    },
    evaluation=("eval/mean_reward",),
    mean_of="the last 100 episodes, or all where fewer have ended",
    frame_lengths=True,
    missing="stable-baselines3 wrote no mean return: no episode had ended, or no Monitor was around it",
)
# Its Monitor lies outside of the frame skip: lengths of Atari games are agent steps.
BASELINES = Layout(
    "Baselines",
    ("eprewmean", "ep_rewmean", "ep_reward_mean", "mean 100 episode reward"),
    {
        "steps": ("misc/total_timesteps", "total_timesteps", "total timesteps", "steps"),
        "seconds": ("misc/time_elapsed", "time_elapsed"),
        # Not the DQNs' `episodes`: the one that is being played counts.
        "return_mean": (
            "eprewmean", "ep_rewmean", "ep_reward_mean", "mean 100 episode reward",
        ),
        "length_mean": ("eplenmean", "ep_lenmean", "ep_len_mean"),
    },
    evaluation=("eval_eprewmean",),
    axis="",
    mean_of="the last 100 episodes, or all where fewer have ended",
)  # fmt: skip
_BASELINES_MPI = Layout(
    "Baselines",
    ("EpRewMean", "TimestepsSoFar"),
    {
        "steps": ("TimestepsSoFar",),
        "seconds": ("TimeElapsed",),
        "episodes": ("EpisodesSoFar",),
        # GAIL's other mean is of the discriminator's rewards.
        "return_mean": ("EpTrueRewMean", "EpRewMean"),
        "length_mean": ("EpLenMean",),
    },
    axis="",
    mean_of="the last 40 (TRPO, GAIL) or 100 (PPO1) episodes, or all where fewer have ended",
)
# A batch's first step plus that within a copy: later than it was, and a batch is counted twice at the start.
_SB2_EVENTS = Layout(
    "Baselines",
    ("input_info/discounted_rewards", "loss/policy_gradient_loss"),
    {"return_mean": ("episode_reward",)},
    axis="",
    episodes=True,
    missing="stable-baselines 2 wrote no return into its events: no episode had ended",
)
SPINNING_UP = Layout(
    "Spinning Up",
    ("AverageEpRet",),
    {
        "steps": ("TotalEnvInteracts",),
        "seconds": ("Time",),
        "return_mean": ("AverageEpRet",),
        "return_min": ("MinEpRet",),
        "return_max": ("MaxEpRet",),
        "length_mean": ("EpLen",),
    },
    evaluation=("AverageTestEpRet",),
    axis="",
    mean_of="episodes that ended in one epoch, without the one that the epoch's end cut off",
)
_CLEANRL = Layout(
    "CleanRL",
    ("charts/episodic_return", "charts/episode_reward", "charts/SPS", "charts/learning_rate"),
    {
        # W&B keeps the step of synchronised event files under this name.
        "steps": ("global_step",),
        "return_mean": ("charts/episodic_return", "charts/episode_reward"),
        "length_mean": ("charts/episodic_length", "charts/episode_length"),
        "policy_loss": ("losses/policy_loss",),
        "vf_loss": ("losses/value_loss",),
        "entropy": ("losses/entropy",),
        "kl": ("losses/approx_kl",),
        "clip_fraction": ("losses/clipfrac",),
        "explained_variance": ("losses/explained_variance",),
        "learning_rate": ("charts/learning_rate",),
    },
    episodes=True,
    frame_lengths=True,
    missing="CleanRL wrote no return: its scripts for gymnasium 0.29 write none beside gymnasium 1",
)
_SAMPLE_FACTORY = Layout(
    "Sample Factory",
    ("reward/reward", "perf/_fps", "0_aux/avg_reward"),
    {
        "return_mean": ("reward/reward", "0_aux/avg_reward"),
        "return_min": ("reward/reward_min",),
        "return_max": ("reward/reward_max",),
        "length_mean": ("len/len", "0_aux/avg_length"),
        "kl": ("train/kl_divergence",),
        "learning_rate": ("train/lr",),
    },
    axis="frames",
    mean_of="the last 100 episodes",
    window=100,
    missing="Sample Factory writes no return before 100 episodes have ended",
)
_TIANSHOU = Layout(
    "Tianshou",
    (
        "training/returns_stat/mean", "train/returns_stat/mean", "test/returns_stat/mean",
        "save/env_step", "train/episode", "test/reward_std", "test/rew_std",
    ),
    {
        "steps": ("training/env_step", "train/env_step"),
        "seconds": ("info/timing/total_time",),
        "return_mean": (
            "training/returns_stat/mean", "train/returns_stat/mean", "train/reward", "train/rew",
        ),
        "return_min": ("training/returns_stat/min", "train/returns_stat/min"),
        "return_max": ("training/returns_stat/max", "train/returns_stat/max"),
    },
    evaluation=("test/returns_stat/mean", "test/reward", "test/rew"),
    mean_of="episodes that ended in one collect",
    # Its own environments for training clip rewards and end at a lost life.
    atari=(UNKNOWN_RETURN,),
)  # fmt: skip
_SKRL = Layout(
    "skrl",
    ("Reward / Total reward (mean)", "Episode / Total timesteps (mean)"),
    {
        "return_mean": ("Reward / Total reward (mean)",),
        "return_min": ("Reward / Total reward (min)",),
        "return_max": ("Reward / Total reward (max)",),
        "length_mean": ("Episode / Total timesteps (mean)",),
        "learning_rate": ("Learning / Learning rate",),
    },
    axis="vector steps",
    mean_of="episodes since the last point, early ones weigh more",
)
ML_AGENTS = Layout(
    "ML-Agents",
    (
        "Environment/Cumulative Reward", "Environment/Cumulative_Reward", "Info/cumulative_reward",
        "Environment/Episode Length",
    ),
    {
        "return_mean": (
            "Environment/Cumulative Reward", "Environment/Cumulative_Reward",
            "Info/cumulative_reward",
        ),
        "length_mean": ("Environment/Episode Length", "Info/episode_length"),
        "entropy": ("Policy/Entropy",),
        "learning_rate": ("Policy/Learning Rate",),
    },
    mean_of="episodes since the last summary",
)  # fmt: skip
_PUFFERLIB = Layout(
    "PufferLib",
    ("environment/episode_return", "environment/episode_reward_mean", "environment/perf"),
    {
        "steps": ("agent_steps",),
        "seconds": ("uptime",),
        "return_mean": ("environment/episode_return", "environment/episode_reward_mean"),
        "length_mean": ("environment/episode_length",),
        "learning_rate": ("learning_rate",),
    },
    axis="",
    # Of gymnasium's environments: the call that resets counts.
    labels=(UPPER_BOUND,),
    notes=("its last point is of 32 batches played after training",),
    mean_of="episodes since the last log",
)
_DOPAMINE = Layout(
    "Dopamine",
    ("Train/AverageReturns", "Eval/AverageReturns"),
    {"return_mean": ("Train/AverageReturns",)},
    evaluation=("Eval/AverageReturns",),
    axis="",
    mean_of="episodes of one iteration",
)
_TORCHRL = Layout(
    "TorchRL",
    ("r_training", "train/reward", "train/episode_reward", "train/step_count"),
    {
        "return_mean": ("train/episode_reward", "train/reward"),
        "length_mean": ("train/episode_length", "train/step_count"),
        "learning_rate": ("train/lr",),
    },
    evaluation=("eval/reward", "eval/episode_reward"),
    axis="",
    mean_of="episodes of one batch",
    missing="TorchRL's r_training is the mean reward of a step, no return of an episode",
)
# The first one with a mark counts: names that several libraries write are only in the last rows.
LAYOUTS = (
    _RAY, SB3, BASELINES, _BASELINES_MPI, _SB2_EVENTS, SPINNING_UP, _CLEANRL, _SAMPLE_FACTORY, _TIANSHOU,
    _SKRL, ML_AGENTS, _PUFFERLIB, _DOPAMINE, _TORCHRL,
)  # fmt: skip

# Names of a table of one's own, in the order in which they count; case, spaces and "_" make no difference.
NAMES: dict[str, tuple[str, ...]] = {
    "steps": (
        "steps", "step", "agent_steps", "env_steps", "env_step", "environment_steps", "timesteps",
        "timestep", "total_timesteps", "total_steps", "num_timesteps", "global_step", "num_env_steps",
        "interactions",
    ),
    "frames": ("frames", "frame", "env_frames", "total_frames", "num_frames"),
    "seconds": (
        "seconds", "time_s", "time", "elapsed", "time_elapsed", "total_time", "wall_time", "walltime",
    ),
    "episodes": ("episodes", "num_episodes", "episode"),
    "return_mean": (
        "return_mean", "mean_return", "episode_return_mean", "average_return", "avg_return", "return",
        "returns", "episode_return", "episodic_return", "ep_return", "ep_ret", "mean_episode_return",
        "episode_reward_mean", "mean_reward", "reward_mean", "episode_reward", "episodic_reward",
        "ep_reward", "ep_rew_mean", "ep_reward_mean", "average_reward", "avg_reward", "score", "total_reward",
        "reward", "rewards",
    ),
    "return_min": ("return_min", "min_return"),
    "return_max": ("return_max", "max_return"),
    "window": ("window",),
    "length_mean": (
        "length_mean", "mean_length", "episode_length", "episodic_length", "ep_len", "length",
    ),
}  # fmt: skip
# Names that may be a step's reward where no column counts episodes.
OF_STEP = ("reward", "rewards")
KEYS: dict[str, tuple[str, ...]] = {
    "env": ("env", "env_id", "env_name", "environment", "game", "task"),
    "seed": ("seed",),
    "algorithm": ("algorithm", "algo", "agent", "method"),
    "run": ("run", "run_id", "run_name", "trial"),
}


def plain(name: str) -> str:
    """A name as it is compared: lower case, "_" for spaces and hyphens, the last part of a path."""
    return name.rsplit("/", 1)[-1].strip().lower().replace(" ", "_").replace("-", "_")


def named(
    names: Collection[str], wanted: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Column → the names that stand for it, in the order in which they count."""
    by_plain: dict[str, list[str]] = {}
    for name in names:
        by_plain.setdefault(plain(name), []).append(name)
    columns = {
        column: tuple(name for key in keys for name in by_plain.get(key, ()))
        for column, keys in wanted.items()
    }
    return {column: found for column, found in columns.items() if found}


# Parts of names that are listed first where none is known.
_LIKELY = re.compile("rew|ret|score|step|frame|episode", re.IGNORECASE)
COLUMNS_KEY = "name them in about_runs.yaml, key columns"


def listed(names: Collection[str], most: int = 8) -> str:
    """Some of the names of a run, those first that may be a return or steps."""
    likely = sorted(names, key=lambda name: not _LIKELY.search(name))
    more = f" and {len(likely) - most} more" if len(likely) > most else ""
    return ", ".join(likely[:most]) + more


def generic(names: Collection[str]) -> Layout:
    """The layout of a run of no known library, by the names that stand for a column (``NAMES``)."""
    training = [name for name in names if not name.lower().startswith(("eval", "test"))]
    columns = {"return_mean": (), **named(training, NAMES)}
    of_step = columns["return_mean"][:1] and plain(columns["return_mean"][0]) in OF_STEP
    labels = (UNKNOWN_RETURN,) if of_step and "episodes" not in columns else ()
    return Layout("", (), columns, axis="", mean_of="unknown episodes", labels=labels)
