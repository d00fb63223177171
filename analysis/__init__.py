"""Results: load, align, aggregate, draw, report. It knows Tune folders, not training code."""
