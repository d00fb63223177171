"""Generated sections of Markdown pages, between ``<!-- name:begin -->`` and ``<!-- name:end -->``."""

from __future__ import annotations

import re


def between(text: str, section: str, body: str) -> str:
    """A text with a section's content replaced by ``body``; unchanged without such a section."""
    pattern = re.compile(rf"(<!-- {section}:begin -->\n).*?(<!-- {section}:end -->)", re.DOTALL)
    return pattern.sub(lambda match: f"{match[1]}{body}\n{match[2]}", text)


def has_marks(text: str, section: str) -> bool:
    """Whether a text has a section."""
    return between(text, section, "") != between(text, section, "-")
