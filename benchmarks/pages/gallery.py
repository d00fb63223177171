"""`make gallery`: `docs/gallery.md`, the agents that ship, each with the beginning of a game as a GIF.

The same agents give the same files, with the same versions of packages and kind of processor.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from rllib_zoo.experiments.evaluation.agent import open_agent
from rllib_zoo.experiments.evaluation.agent_table import agent_folders
from rllib_zoo.experiments.evaluation.model_card import CARD_FILE, interval
from rllib_zoo.experiments.paths import AGENTS, ROOT
from rllib_zoo.experiments.studies.publish import write
from rllib_zoo.experiments.studies.readme_figures import recording

PAGE, IMAGES = Path("docs") / "gallery.md", Path("docs") / "gallery"
# Of the game; GIFs round a frame's time to hundredths of a second, and all last ten at most.
SECONDS = 9
HEAD = f"""# Gallery

The agents that come with the checkout, each with the first {SECONDS} seconds of a game that it plays with its
most probable actions. Scores are raw returns of whole episodes with the 95 % interval of their mean, from
the agents' records; their cards tell how they were trained. The same in numbers: [trained agents](agents.md).

```bash
rllib evaluate results/agents/pong-ppo --episodes 3 --video videos    # whole games, as MP4
```

Written by `make gallery`.
"""


def page(agents: Path) -> str:
    """The page: a section per environment, a card per agent.

    Args:
        agents: folder of exported agents.

    Raises:
        RequestError: no agent, or an invalid one.
    """
    opened = [open_agent(folder) for folder in agent_folders(agents)]
    opened.sort(key=lambda agent: (str(agent.description["env"]), agent.algorithm))
    parts = [HEAD]
    for env, group in groupby(opened, key=lambda agent: agent.description["env"]):
        parts.append(f"## {env}\n")
        for agent in group:
            name, evaluation = agent.folder.name, agent.description["evaluation"] or {}
            score = evaluation.get("greedy")
            text = f"{interval(score)}, {score['episodes']} episodes" if score else "not measured"
            card = f"../results/agents/{name}/{CARD_FILE}"
            image = f"![{agent.algorithm} plays {env}](gallery/{name}.gif)"
            parts.append(f"### {agent.algorithm}\n\n{image}\n\n[`{name}`]({card}): {text}.\n")
    return "\n".join(parts)


def main(root: Path = ROOT, agents: Path = AGENTS) -> None:
    """Write the page and its images; those of agents that are gone are removed."""
    images = root / IMAGES
    images.mkdir(exist_ok=True)
    folders = agent_folders(agents)
    for folder in folders:
        print(write(images / f"{folder.name}.gif", recording(folder, SECONDS)))
    for old in {*images.glob("*.gif")} - {images / f"{folder.name}.gif" for folder in folders}:
        old.unlink()
    print(write(root / PAGE, page(agents).encode()))


if __name__ == "__main__":
    main()
