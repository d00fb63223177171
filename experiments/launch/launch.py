"""From experiments to their results: checks, then Ray and Tune."""

from __future__ import annotations

from rllib_zoo.experiments.config.from_options import option_notes
from rllib_zoo.experiments.console import clear_stage, note
from rllib_zoo.experiments.errors import Collected, RequestError
from rllib_zoo.experiments.launch import ray_cluster
from rllib_zoo.experiments.launch.dry_run import dry_run, require_dry_run
from rllib_zoo.experiments.launch.resume import can_resume, is_done
from rllib_zoo.experiments.launch.tracking import require_trackers
from rllib_zoo.experiments.launch.validation import validate_all
from rllib_zoo.experiments.options import LaunchOptions
from rllib_zoo.experiments.spec.experiment import Experiment


def launch(experiments: list[Experiment], options: LaunchOptions) -> int:
    """Check all experiments, then run them one after another; the exit code.

    Raises:
        RequestError: before Ray starts, for an invalid request.
    """
    require_trackers(options)
    ray_cluster.check_options(options)
    require_dry_run(options)
    experiments = [e for e in experiments if not is_done(e, options)]
    if not experiments:
        return 0
    resumed = [can_resume(experiment, options) for experiment in experiments]
    validations = validate_all(experiments, options)
    # They import Tune, which takes a second: `validate_all` has waited as long.
    from rllib_zoo.experiments.launch import run, tuner
    from rllib_zoo.experiments.launch.jobs import job_of

    jobs = []
    with Collected() as check:
        for validation, resume in zip(validations, resumed, strict=True):
            with check():
                if isinstance(validation, RequestError):
                    raise validation
                jobs.append(job_of(validation, options, resume))
    notes = [line for job in jobs for line in job.experiment.all_notes]
    for line in dict.fromkeys([*option_notes(options), *notes]):
        note(line)
    for job in jobs:
        if options.resume and not job.resume:
            note(f"{job.folder} has no trials to continue: it starts from the beginning")
    if options.dry_run:
        clear_stage()
        dry_run([(job, tuner.param_space(job, options)) for job in jobs], options)
        return 0
    with ray_cluster.running_ray(options) as session:
        if ray_cluster.is_cluster(options):
            for job in jobs:
                ray_cluster.check_cluster(job.validation)
        session.monitor.exit_code = code = run.run_all(jobs, options)
    return code
