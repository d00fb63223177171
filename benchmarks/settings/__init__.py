"""The settings at which other libraries and ours are compared."""
