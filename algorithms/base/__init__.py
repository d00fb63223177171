"""What all algorithms share: training step, configuration, result names, checkpoints."""
