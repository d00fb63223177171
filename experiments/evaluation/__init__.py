"""Playing trained policies: checkpoints, exported agents, videos."""
