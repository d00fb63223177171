"""From a validated experiment to Tune: start of Ray, jobs, resume, dry run, summary."""
