"""Every test named in docs/reliability.md exists."""

from __future__ import annotations

import re

from rllib_zoo.experiments.paths import ROOT

PAGE = ROOT / "docs" / "reliability.md"
NAMED = re.compile(r"\[test\]\(([^)]+)\):\s*((?:`\w+`[,\s]*)+)")


def test_every_named_test_exists():
    found = NAMED.findall(PAGE.read_text())
    assert len(found) >= 10
    for file, names in found:
        source = (PAGE.parent / file).read_text()
        for name in re.findall(r"`(\w+)`", names):
            assert re.search(rf"^def {name}\(", source, re.MULTILINE), f"{file}: {name}"
