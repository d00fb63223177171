"""The modules of `--import`."""

from __future__ import annotations

import importlib
import os
import sys

from rllib_zoo.experiments.errors import RequestError


def prepare_imports(modules: list[str] | None) -> None:
    """Import the modules of ``--import``: they register environments and models.

    Raises:
        RequestError: a module is missing or fails.
    """
    # Last: a file there named as a package or as a module of Python's must not be taken for it.
    sys.path.append(os.getcwd())
    for module in modules or []:
        try:
            importlib.import_module(module)
        except Exception as error:  # the module's own code runs here: any failure is the request's
            raise RequestError(
                problem=f"--import {module} failed: {type(error).__name__}: {error}"
            ) from error
