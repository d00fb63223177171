"""Where the checkout keeps what is committed; the same whatever folder a command is called in."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"
AGENTS = RESULTS / "agents"
