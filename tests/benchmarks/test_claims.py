"""The README's generated sections."""

import json

from benchmarks.claims import RECORD, filled, results_table


def trial(seed, steps, mean, greedy):
    return {
        "seed": seed,
        "steps": steps,
        "seconds": steps / 1000,
        "episode_return_mean": mean,
        "greedy_mean": greedy,
    }


CLAIM = {
    "budget_steps": 200_000,
    "trials": [
        trial(0, 150_000, 480.0, 500.0),
        trial(1, 200_000, 400.0, None),
        trial(2, 100_000, 475.0, 450.0),
    ],
}


def test_the_table_counts_every_seed():
    text = results_table({"claims": {"cartpole-ppo": CLAIM}, "machine": {"cpu": "C", "cores": 2}})
    # Two solved; a seed without a greedy score counts as 0.
    assert (
        "| `cartpole-ppo.yaml` | 2 of 3 | 150,000 (200,000) | 200,000 | 150.0 | 1 of 3 | 0.0 |"
    ) in text


def test_only_the_marked_sections_change():
    readme = "a\n<!-- results:begin -->\nold\n<!-- results:end -->\nb\n"
    new = filled(readme, {"claims": {"cartpole-ppo": CLAIM}})
    assert new.startswith("a\n<!-- results:begin -->\n| config |")
    assert new.endswith("<!-- results:end -->\nb\n")
    assert "old" not in new
    assert filled("no markers\n", json.loads(RECORD.read_text())) == "no markers\n"
