"""Where results come from: the manifest of a run, trust in checkpoints."""
