"""Figures of learning curves, scores and sweeps, and the files they are saved to."""
