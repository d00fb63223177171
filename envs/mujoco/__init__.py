"""MuJoCo's tasks stepped by threads."""
