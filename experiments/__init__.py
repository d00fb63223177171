"""How to launch: the `rllib` command, config files, Tune, provenance, evaluation."""
