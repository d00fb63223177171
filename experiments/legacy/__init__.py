"""Config files of older RLlib releases and of ML-Agents in today's keys."""
