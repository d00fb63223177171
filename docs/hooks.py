"""What `mkdocs` does to the pages on the way: links into the checkout, roles in docstrings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

OUTSIDE = re.compile(r"(?<=\]\()(?:\.\./)+([^)#\s]+)")
ROLE = re.compile(r":[a-z]+:<code>([\w.]+)</code>")


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Give links that leave docs/ a scheme of their own, which mkdocs lets through.

    Raises:
        PluginError: the file does not exist.
    """
    docs, folder = Path(config.docs_dir), Path(page.file.abs_src_path).parent

    def with_scheme(link: re.Match[str]) -> str:
        file = (folder / link[0]).resolve()
        if file.is_relative_to(docs):
            return link[0]
        if not file.exists():
            raise PluginError(f"{page.file.src_uri}: {link[0]} does not exist")
        return f"checkout:{file.relative_to(docs.parent)}"

    return OUTSIDE.sub(with_scheme, markdown)


def on_page_content(html: str, *, page: Any, config: Any, files: Any) -> str:
    """Lead these links to the repository, and Sphinx roles to what they name where it is on the page."""
    up = "../" * (page.url.count("/") + 1)
    base = f"{config.repo_url.rstrip('/')}/blob/main/" if config.repo_url else up

    def reference(role: re.Match[str]) -> str:
        target = re.search(rf'id="((?:[\w.]+\.)?{re.escape(role[1])})"', html)
        identifier = target[1] if target else role[1]
        return f'<autoref optional identifier="{identifier}"><code>{role[1]}</code></autoref>'

    return ROLE.sub(reference, html.replace('href="checkout:', f'href="{base}'))
