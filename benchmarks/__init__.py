"""Side-by-side speed measurements against other libraries: one command per environment."""
