"""From rollouts to weights: batches, objectives, gradients, optimizers."""
