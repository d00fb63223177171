"""Where the checkout keeps what is committed; the same whatever folder a command is called in."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"
AGENTS = RESULTS / "agents"
DEFAULT_STORAGE = "~/ray_results"
EXAMPLES = ROOT / "tuned_configs"


def example_files() -> dict[str, Path]:
    """Name of a tuned config → its file; names of sweeps include their folder."""
    names = {
        f.relative_to(EXAMPLES).with_suffix("").as_posix(): f for f in EXAMPLES.rglob("*.yaml")
    }
    return dict(sorted(names.items()))
