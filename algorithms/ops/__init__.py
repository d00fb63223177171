"""Pure functions, one per formula: losses, advantages, distributions."""
