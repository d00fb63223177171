"""Every line of docs/python.md runs, on the results kept in this repository."""

import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from result_folders import write_trial

from rllib_zoo.experiments.paths import ROOT

SCHEDULER = {
    "type": "asha", "time_attr": "timesteps_total", "max_t": 400, "grace_period": 100,
    "reduction_factor": 2, "brackets": 1, "stop_last_trials": True,
}  # fmt: skip
MANIFEST = {"scheduler": SCHEDULER, "request": {"metric": "env_runners/episode_return_mean"}}
FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def links(tmp_path, monkeypatch):
    """A folder like the repository's root, into which the page may write."""
    (tmp_path / "results").symlink_to(ROOT / "results")
    for name, returns in {"PPO_a": (3.0, 4.0, 5.0, 6.0), "PPO_b": (1.0,)}.items():
        write_trial(tmp_path, "my-sweep", name, returns, manifest=MANIFEST)
    monkeypatch.chdir(tmp_path)
    with mpl.rc_context({"backend": "agg"}):
        yield tmp_path
    plt.close("all")


def test_every_line_runs(links):
    names: dict[str, object] = {}
    for block in FENCE.findall((ROOT / "docs" / "python.md").read_text()):
        exec(compile(block, "docs/python.md", "exec"), names)
    scores = names["r"].scores()
    assert {group: array.shape for group, array in scores.items()} == {
        "A2C": (30, 1),
        "PPO": (30, 1),
    }
    assert (links / "profiles.png").stat().st_size > 10_000
    assert len(plt.get_fignums()) == 6
    drawn = [figure.axes[0] for figure in map(plt.figure, plt.get_fignums())]
    assert all(any(len(line.get_xdata()) > 1 for line in ax.lines) for ax in drawn)
