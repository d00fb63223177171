"""Analysis of result folders: load, align, aggregate, draw, report. Imports no training code.

The names in ``__all__`` are imported when they are first used: ``from rllib_zoo import analysis`` costs
nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

# Public name → module that defines it.
_MODULES = {
    "Results": "results",
    "compare": "api",
    "load": "results",
    "plot_curves": "api",
    "plot_profiles": "api",
    "plot_rungs": "sweep_api",
    "plot_sensitivity": "sweep_api",
    "rung_table": "sweep_api",
    "sweep_table": "sweep_api",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
