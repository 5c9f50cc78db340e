"""`seqsweep status`: how a sweep on a cluster stands."""

from __future__ import annotations

from seqsweep.sweeps.cli.options import Dashboard, Json, SweepName, console, jobs_at

NAME = "status"
EXAMPLES = """\b
Examples:
  seqsweep status
  seqsweep status strokes-a0f --json | jq .trials"""


def command(sweep: SweepName = None, address: Dashboard = None, json: Json = False) -> None:
    """Say how a sweep on a cluster stands: progress, the best so far, time left."""
    from seqsweep.sweeps.cli.printing import write_json
    from seqsweep.sweeps.live import telemetry
    from seqsweep.sweeps.remote import submission
    from seqsweep.sweeps.remote import view as submission_view

    jobs = jobs_at(address)
    found = submission.find(jobs, sweep)
    lines = jobs.lines(found.job.id)
    state = telemetry.state_from(lines, found.job.ended)
    if json:
        write_json(submission_view.table(found, state), console())
    else:
        submission_view.render_status(found, state, lines, console(), jobs.address)
