"""Faults injected into real runs: killed processes, hours of training."""
