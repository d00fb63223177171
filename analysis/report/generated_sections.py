"""Pages of which a part is generated: what stands between two marks."""

from __future__ import annotations

import re


def between(text: str, section: str, body: str) -> str:
    """A text with what stands between a section's marks replaced; unchanged where it has none."""
    pattern = re.compile(rf"(<!-- {section}:begin -->\n).*?(<!-- {section}:end -->)", re.DOTALL)
    return pattern.sub(lambda match: f"{match[1]}{body}\n{match[2]}", text)


def has_marks(text: str, section: str) -> bool:
    """Whether a text has a place for a section."""
    return between(text, section, "") != between(text, section, "-")
