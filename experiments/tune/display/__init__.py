"""What is shown of trials while they run."""
