"""Atari games: options, ids, the vector environment and a single copy for videos."""
