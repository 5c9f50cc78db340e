"""`seqsweep stop`: end a sweep on a cluster; what is finished stays."""

from __future__ import annotations

from seqsweep.sweeps.cli.options import Dashboard, Json, SweepName, console, jobs_at

NAME = "stop"
EXAMPLES = """\b
Examples:
  seqsweep stop strokes-a0f
  seqsweep resume strokes-a0f --address http://127.0.0.1:8265"""


def command(sweep: SweepName = None, address: Dashboard = None, json: Json = False) -> None:
    """Stop a sweep on a cluster. `seqsweep resume` goes on with it."""
    from dataclasses import replace

    from seqsweep.cluster.local import ClusterError
    from seqsweep.sweeps.cli.printing import write_json
    from seqsweep.sweeps.remote import submission
    from seqsweep.sweeps.remote import view as submission_view

    jobs = jobs_at(address)
    found = submission.find(jobs, sweep)
    was_over = found.job.over
    if not was_over:
        found = replace(found, job=jobs.stop(found.job.id))
        if not found.job.over:
            raise ClusterError(
                f"sweep {found.sweep} was told to stop, but still runs: ask again with `seqsweep status`"
            )
    if json:
        write_json(submission_view.table(found), console())
    else:
        submission_view.render_stopped(found, console(), jobs.address, was_over=was_over)
