"""How many examples property tests draw, and data of any shape."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# Many more than the default: FUZZ_EXAMPLES=3000.
EXAMPLES = "FUZZ_EXAMPLES"


def fuzzed(default: int) -> settings:
    """The same examples every time: so many, or as many as the environment variable says."""
    return settings(
        max_examples=int(os.environ.get(EXAMPLES, default)),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def scalars(largest: int) -> st.SearchStrategy:
    """What JSON and YAML can hold; text without halves of characters, which no file can."""
    text = st.text(st.characters(codec="utf-8"), max_size=8)
    numbers = st.integers(-largest, largest) | st.floats(width=32)
    return st.none() | st.booleans() | numbers | text


def anything(largest: int) -> st.SearchStrategy:
    """Nested lists and mappings of :func:`scalars`."""
    text = st.text(st.characters(codec="utf-8"), max_size=5)
    return st.recursive(
        scalars(largest),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
        max_leaves=5,
    )
