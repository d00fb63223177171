"""The settings at which peers and ours are compared."""
