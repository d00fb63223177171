"""`make figures`: the README's two images, Pong's learning curves and a recording of the agent that ships.

The same results and agent give the same files, with the same versions of packages and kind of processor.
"""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as imageio
import numpy as np
from matplotlib.axes import Axes

from rllib_zoo.analysis import draw
from rllib_zoo.analysis.plots.figure_file import draw_figure
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.envs import make_single_env
from rllib_zoo.experiments.evaluation.evaluate import evaluation_runner, open_trained
from rllib_zoo.experiments.evaluation.video import frames_per_second, play_episode
from rllib_zoo.experiments.options import EvaluateOptions
from rllib_zoo.experiments.paths import AGENTS, RESULTS, ROOT
from rllib_zoo.experiments.studies.algorithms_compared_tables import STUDY
from rllib_zoo.experiments.studies.figures import held_curves
from rllib_zoo.experiments.studies.publish import write
from rllib_zoo.experiments.studies.runs import runs_of

ASSETS = Path("docs") / "assets"
ENV, AGENT = "ALE/Pong-v5", "pong-ppo"
SECONDS, SEED = 20, 0
# Small screens are drawn up to this width, a square per pixel: browsers blur what they enlarge themselves.
WIDTH = 320


def learning_curves(results: Path) -> bytes:
    """Pong's learning curves as PNG, a line per algorithm over the study's own seeds."""
    runs = [run for run in runs_of(STUDY, results) if run.done and run.cell.env == ENV]
    runs = [run for run in runs if run.seed in run.cell.seeds]
    groups = held_curves(STUDY, runs, results)

    def paint(ax: Axes) -> Axes:
        draw.learning_curves(ax, groups, reference=REFERENCE_SCORES[ENV])
        for text in ax.legend(loc="center right").get_texts():
            text.set_text(text.get_text().replace("run", "seed"))
        # Room for the names of the reference scores beyond the curves.
        ax.set_xlim(right=1.1 * ax.get_xlim()[1])
        ax.set_xlabel("agent steps (4 frames each)")
        ax.set_ylabel(
            "mean score of the last 100 games\n(interquartile mean of seeds, 95 % interval)"
        )
        return ax

    return draw_figure("pong-learning-curves", "Pong: learning curves", paint).png


def recording(agent: Path, seconds: float) -> bytes:
    """The beginning of a game that an agent plays with its most probable actions, as an endless GIF."""
    runner = evaluation_runner(open_trained(agent), EvaluateOptions(episodes=1, seed=SEED))
    config = runner.config
    env = make_single_env(config.env, config.environment_options, render_mode="rgb_array")
    rate = frames_per_second(env, config)
    limit = round(seconds * rate)
    frames, _ = play_episode(env, runner, explore=False, seed=SEED, limit=limit)
    env.close()
    runner.stop()
    scale = max(WIDTH // frames[0].shape[1], 1)
    pixels = np.array(frames).repeat(scale, axis=1).repeat(scale, axis=2)
    # GIF counts in hundredths of a second.
    delay = 10 * round(100 / rate)
    return imageio.imwrite(
        "<bytes>", pixels, extension=".gif", plugin="pillow", duration=delay, loop=0, optimize=True
    )


def main(root: Path = ROOT, results: Path = RESULTS) -> None:
    """Write both images."""
    (root / ASSETS).mkdir(exist_ok=True)
    print(write(root / ASSETS / "pong-learning-curves.png", learning_curves(results)))
    print(write(root / ASSETS / f"{AGENT}.gif", recording(AGENTS / AGENT, SECONDS)))


if __name__ == "__main__":
    main()
