"""The `rllib` command: one module per group of commands."""
