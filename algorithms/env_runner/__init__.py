"""Sampling: a vector environment, a policy, and the rollouts they fill."""
