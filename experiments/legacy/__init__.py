"""Translate config files of older RLlib releases and of ML-Agents."""
