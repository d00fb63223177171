"""Analysis of result folders: load, align, aggregate, draw, report. Imports no training code."""
