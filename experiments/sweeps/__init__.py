"""Search algorithms, schedulers, mutations and the ranking of configurations."""
