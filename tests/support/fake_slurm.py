"""A stand-in for Slurm's `srun` and `scontrol` on one machine: nodes are addresses of the loopback network.

`srun` understands the options that our script uses and refuses all others, starts the command once for each node with
SLURMD_NODENAME set and with its own standard input, and returns the worst exit code. As the real one it answers SIGTERM by
killing what it started on the spot.
"""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path


def main() -> int:
    nodes = os.environ["SLURM_JOB_NODELIST"].split(",")
    if Path(sys.argv[0]).name == "scontrol":
        assert sys.argv[1:] == ["show", "hostnames", ",".join(nodes)], sys.argv
        print("\n".join(nodes))
        return 0
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("--nodes", "--ntasks", "--ntasks-per-node", "--cpus-per-task", "--kill-on-bad-exit"):
        parser.add_argument(name, type=int)
    parser.add_argument("--no-kill", action="store_true")
    parser.add_argument("--nodelist")
    parser.add_argument("--exclude")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    said = parser.parse_args()
    chosen = [each for each in nodes if each != said.exclude and said.nodelist in (None, each)]
    assert len(chosen) == said.nodes == said.ntasks, (chosen, said)
    tasks = [subprocess.Popen(said.command, env={**os.environ, "SLURMD_NODENAME": node}) for node in chosen]
    signal.signal(signal.SIGTERM, lambda *_: [task.kill() for task in tasks])
    return max(abs(task.wait()) for task in tasks)


if __name__ == "__main__":
    raise SystemExit(main())
