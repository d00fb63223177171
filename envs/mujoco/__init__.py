"""Gymnasium's MuJoCo tasks as a native vector environment."""
