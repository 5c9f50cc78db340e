"""The forecast: sums that can be done by hand, real sweeps' bytes, and specs as large as they may be."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqsweep.results.store import Store
from seqsweep.seqmodels.cost import cost
from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.splits import Splits, split
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.forecast import forecast as subject
from seqsweep.sweeps.forecast.forecast import Forecast, forecast
from seqsweep.sweeps.forecast.rates import RateFile, Rates, write_rates
from seqsweep.sweeps.resources import Nodes
from seqsweep.sweeps.spec.loading import parse_spec
from seqsweep.sweeps.spec.model import Spec
from seqsweep.sweeps.spec.plan import architectures, plan
from tests.sweeps.forecast.test_rates import rate

GB = 10**9
NODE = Nodes(count=1, cpus=4, gpus=0, memory=16 * GB)
CELLS = ("rnn_tanh", "rnn_relu", "gru", "lstm")


def letters(count: int = 40, steps: int = 10) -> tuple[SequenceDataset, Splits]:
    data = SequenceDataset.from_sequences(
        "letters",
        [np.zeros((steps, 2), np.float32) for _ in range(count)],
        label=[index % 2 for index in range(count)],
        class_names=["a", "b"],
        ids=[str(index) for index in range(count)],
        is_test=[index >= count // 2 for index in range(count)],
        reading={"format": "strokes"},
    )
    return data, split(data, fraction=0.2, seed=0, by_group=False)


def spec(**changes: Any) -> Spec:
    table: dict[str, Any] = {
        "name": "x",
        "datasets": ["handwriting"],
        "candidates": 2,
        "seeds": 3,
        "architecture": {"cell": "gru", "hidden": [8, 16]},
        "hyperparameters": {"lr": {"log_uniform": [1e-3, 1e-1]}},
        "training": {"epochs": 10, "min_change": 0},
    }
    for key, value in changes.items():
        inside = table[key] if isinstance(value, dict) and key in table else {}
        table[key] = inside | value if isinstance(value, dict) else value
    return parse_spec(table, base=Path(), source="x.toml")


def flat(train: float = 1e-6, evaluate: float = 1e-7, **changes: Any) -> Rates:
    """The same rate for every cell, measured at 16 units and the default batch size."""
    plain = {"hidden": 16, "batch_size": 32, "train": train, "evaluate": evaluate} | changes
    return Rates([rate(cell=cell, **plain) for cell in CELLS], "flat")


def told(checked: Spec, nodes: Nodes = NODE, rates: Rates | None = None, **changes: Any) -> Forecast:
    options = {"backend": "cpu", "device": "cpu", "source": "x.toml"} | changes
    return planned(checked, {"letters": letters()}, nodes, rates or flat(), **options)


def planned(
    checked: Spec, data: dict[str, tuple[SequenceDataset, Splits]], nodes: Nodes, rates: Rates, **options: Any
) -> Forecast:
    return forecast(
        checked, plan(checked, [each for each, _ in data.values()]), data, nodes, rates, **options
    )


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing costs time but training."""
    for name in dir(subject):
        if name.endswith("_SECONDS"):
            monkeypatch.setattr(subject, name, 0.0)


def test_one_place_takes_the_sum_of_all_lane_epochs(free: None) -> None:
    """16 sequences to train, 4 to validate and 20 to test, of 10 steps each."""
    checked = spec(training={"epochs": 10, "min_change": 0, "refit": True}, final_seeds=0)
    found = told(checked, replace(NODE, cpus=1))
    by_hand = 0.0
    for architecture, _ in architectures(checked):
        unit = cost(architecture, 2, 1)
        search = 6 * 10 * (160 * 1e-6 + 40 * 1e-7)
        refit = 3 * 10 * 200 * 1e-6
        score = 6 * 200 * 1e-7 + 3 * 200 * 1e-7
        by_hand += unit * (search + refit + score)
    assert found.seconds == pytest.approx(by_hand)
    assert found.core_hours == pytest.approx(by_hand / 3600)
    assert found.utilisation == pytest.approx(1.0)
    assert (found.trials, found.lanes, found.models) == (2, 6, 12)
    assert found.longest == found.last.replace("x 8", "x 16") == "gru x 1 x 16 · letters"


def test_halving_and_finals_take_the_sum_of_their_stages(free: None) -> None:
    checked = spec(candidates=12, seeds=3, final_seeds=4)
    found = told(checked, replace(NODE, cpus=1))
    by_hand = 0.0
    for architecture, _ in architectures(checked):
        epoch = 160 * 1e-6 + 40 * 1e-7
        # twelve to the middle, four to the end, these four from two more seeds, and four finals
        training = (12 * 5 + 4 * 5 + 4 * 2 * 10 + 4 * 10) * epoch
        by_hand += cost(architecture, 2, 1) * (training + (12 + 8) * 200 * 1e-7 + 4 * 200 * 1e-7)
    assert found.seconds == pytest.approx(by_hand)
    assert (found.lanes, found.models) == (24, 48)
    assert found.rows["lanes"] == 48
    assert found.rows["epochs"] == 2 * (60 + 20 + 80 + 40)


def test_two_places_take_as_long_as_the_longer_trial(free: None) -> None:
    one, two = told(spec(), replace(NODE, cpus=1)), told(spec())
    assert two.at_a_time == 4
    assert two.seconds == pytest.approx(two.longest_seconds) == one.longest_seconds
    assert two.core_hours == pytest.approx(one.core_hours)


def test_early_stopping_makes_it_an_upper_bound(free: None) -> None:
    rules = {"epochs": 100, "min_change": 1e-4, "patience": 4, "validation_patience": 9}
    found = told(spec(training=rules), rates=flat(evaluate=1e-15))
    assert found.earliest == pytest.approx(found.seconds * 5 / 100, rel=1e-3)
    assert told(spec(training={"epochs": 100, "min_change": 0})).earliest is None
    assert told(spec(training={"epochs": 4, "min_change": 1e-4})).earliest is None


def test_the_range_is_as_wide_as_the_rates_spread() -> None:
    found = told(spec(architecture={"cell": "gru", "hidden": 16}), rates=flat(spread=0.7))
    assert found.low < found.seconds < found.high
    assert found.seconds / found.low == pytest.approx(np.exp(0.7))
    assert told(spec(), rates=flat(spread=0.0)).low < told(spec(), rates=flat(spread=0.0)).seconds


def test_a_long_tail_is_named_and_more_cores_are_advised(free: None) -> None:
    checked = spec(architecture={"cell": "gru", "hidden": [8, 9, 10, 11, 32]}, candidates=8)
    found = told(checked)
    assert found.advice.bound == "tail"
    assert "gru x 1 x 32 · letters ends last" in found.advice.words
    assert found.tail_seconds > 0.3 * found.seconds
    assert found.advice.cpus_per_trial in (2, 4)
    better = told(
        spec(
            architecture={"cell": "gru", "hidden": [8, 9, 10, 11, 32]},
            candidates=8,
            resources={"cpus_per_trial": found.advice.cpus_per_trial},
        )
    )
    assert better.seconds == pytest.approx(found.advice.seconds)
    assert better.seconds < 0.9 * found.seconds


def test_even_work_is_bound_by_the_places(free: None) -> None:
    axes = {"cell": "gru", "hidden": 16, "batch_size": list(range(10, 50))}
    found = told(spec(architecture=axes))
    assert found.advice.bound == "work"
    assert found.utilisation == pytest.approx(1.0)
    bounded = told(spec(architecture=axes, resources={"max_concurrent": 2}))
    assert bounded.at_a_time == 2
    assert "max_concurrent" in bounded.advice.words
    assert bounded.seconds == pytest.approx(2 * found.seconds)


def test_short_trials_on_many_nodes_are_bound_by_the_driver() -> None:
    axes = {"cell": "gru", "hidden": 16, "batch_size": list(range(10, 50))}
    found = told(spec(architecture=axes), replace(NODE, count=64), flat(train=1e-12, evaluate=1e-13))
    found_again = told(
        spec(architecture=axes, training={"epochs": 2000, "min_change": 0}),
        replace(NODE, count=64),
        flat(train=1e-12, evaluate=1e-13),
    )
    assert found_again.advice.bound == "driver"
    assert found_again.seconds >= found_again.driver_seconds > found.driver_seconds


def test_gpus_share_and_their_memory_is_an_estimate() -> None:
    resources = {"gpus_per_trial": 0.25, "cpus_per_trial": 1}
    nodes = Nodes(count=2, cpus=16, gpus=2, memory=64 * GB, gpu_memory=80 * GB)
    rates = flat(backend="torch", device="cuda")
    found = told(spec(resources=resources), nodes, rates, backend="torch", device="cuda")
    assert (found.at_a_time, found.per_node, found.per_gpu) == (16, 8, 4)
    assert found.gpu_memory is not None
    assert found.gpu_memory.per_place == 4 * found.gpu_memory.total
    assert found.gpu_memory.fits
    assert found.memory.per_place == 8 * found.memory.total
    assert found.gpu_hours == pytest.approx(found.core_hours / 4)
    assert found.high > 3 * found.seconds - 3 * subject.RAY_SECONDS, "trials on a GPU may take turns"
    unknown = told(
        spec(resources=resources), replace(nodes, gpu_memory=None), rates, backend="torch", device="cuda"
    )
    assert unknown.gpu_memory is not None
    assert unknown.gpu_memory.fits is None


def test_lanes_on_a_gpu_are_as_many_as_its_share_has_memory_for() -> None:
    many = {"candidates": 40, "seeds": 10, "architecture": {"cell": "lstm", "hidden": 100}}
    rates = flat(backend="cuda", device="cuda", hidden=100)

    def planned(memory: int, **resources: float) -> Forecast:
        checked = spec(**many, resources={"gpus_per_trial": 1, "backend": "cuda"} | resources)
        nodes = Nodes(count=1, cpus=16, gpus=1, memory=64 * GB, gpu_memory=memory)
        return told(checked, nodes, rates, backend="cuda", device="cuda")

    def at_once(found: Forecast) -> int:
        assert found.gpu_memory is not None
        assert found.gpu_memory.workspace > 0
        assert found.gpu_memory.fits
        return found.gpu_memory.lanes_at_once

    assert at_once(planned(80 * GB)) == 400
    few = at_once(planned(GB))
    assert 5 < few < 400
    assert at_once(planned(4 * GB, gpus_per_trial=0.25)) == few
    assert planned(80 * GB, cpus_per_trial=4).seconds == planned(80 * GB).seconds, (
        "all lanes advance together"
    )


def test_lanes_wait_where_memory_is_short_and_what_never_fits_is_refused() -> None:
    large = spec(architecture={"cell": "gru", "hidden": 32, "layers": 2}, candidates=20, seeds=300)
    rates = flat(hidden=32, layers=2)
    roomy = told(large, replace(NODE, memory=64 * GB), rates)
    assert roomy.memory.lanes_at_once == 6000
    assert roomy.memory.fits
    tight = told(large, replace(NODE, cpus=1, memory=int(1.8 * GB)), rates)
    assert 1 <= tight.memory.lanes_at_once < 6000
    assert tight.memory.total <= 1.8 * GB
    with pytest.raises(SpecError, match=r"x\.toml: gru x 2 x 32 · letters takes .* \(--memory\)"):
        told(large, replace(NODE, cpus=1, memory=int(0.5 * GB)), rates)


def test_memory_is_the_studys_own_prediction() -> None:
    """`TrialRun` says how many lanes it takes at once; the forecast, which never builds one, says the same."""
    from seqsweep.seqmodels.training_config import TrainingConfig
    from seqsweep.seqmodels.trial_run import TrialRun
    from seqsweep.sweeps.resources import PROCESS_BYTES, trial_memory
    from seqsweep.sweeps.spec.plan import lanes

    checked = spec(
        architecture={"cell": "lstm", "hidden": 16}, candidates=10, seeds=60, hyperparameters={"dropout": 0.1}
    )
    node = replace(NODE, cpus=1, memory=int(0.65 * GB))
    found = told(checked, node, backend="torch", rates=flat(backend="torch"))
    dataset, splits = letters()
    ((architecture, batch_size),) = architectures(checked)
    training = TrainingConfig(batch_size=batch_size, **checked.training.model_dump())
    trial = TrialRun(
        architecture,
        dataset,
        splits,
        lanes(checked),
        training,
        search=checked.search.rule(),
        final_seeds=checked.final_seeds,
        backend="torch",
        memory=trial_memory(node.memory, 1, 1),
    )
    assert found.memory.lanes_at_once == trial.lanes_at_once
    assert found.memory.total - PROCESS_BYTES == trial.footprint.total(
        600, trial.lanes_at_once, checkpoints=True
    )


def test_bytes_are_those_of_a_real_sweep(
    undisturbed: dict[str, pd.DataFrame], strokes: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from seqsweep.sweeps.datasets.loading import load_data
    from tests.support.small_sweep import LONG, TABLES, table

    sweep = Store(tmp_path_factory.getbasetemp() / "undisturbed0").find(None)
    checked = parse_spec(table(strokes, epochs=LONG), base=Path(), source="test")
    rates = flat(hidden=7)
    found = planned(checked, load_data(checked), NODE, rates, backend="cpu", device="cpu", source="test")
    for name in TABLES:
        most = found.rows[name]
        assert 0.9 * most <= len(undisturbed[name]) <= most, f"{name}: refits may be shorter"
        real = sum(file.stat().st_size for file in Path(sweep.folder.path, name).glob("*.parquet"))
        # the losses of three classes and 12 sequences repeat themselves more than those that were measured
        assert 0.7 < found.parquet[name] / real < 1.6, name
    models = sum(file.stat().st_size for file in Path(sweep.folder.path, "models").iterdir())
    assert 0.8 < found.model_bytes / models < 1.25


def test_the_object_store_holds_as_much_as_ray_says(local_ray: None) -> None:
    import ray

    data = letters(400, 50)
    reference = ray.put(data)
    sizes = ray.experimental.get_local_object_locations([reference])
    real = sizes[reference]["object_size"]
    found = planned(spec(), {"letters": data}, NODE, flat(), backend="cpu", device="cpu", source="x")
    assert found.object_store["letters"] == pytest.approx(real, rel=0.05)
    assert found.object_store_per_node == found.object_store["letters"]


LARGE = """
name = "large"
datasets = ["handwriting"]
candidates = 10
seeds = 10
final_seeds = 0
[architecture]
cell = ["rnn_tanh", "rnn_relu", "gru", "lstm"]
layers = [1, 2]
hidden = {hidden}
batch_size = {batch_size}
[hyperparameters]
lr = {{log_uniform = [1e-3, 1e-1]}}
[search]
method = "full"
"""
GROWTH = """
import resource, sys
import seqsweep.sweeps.forecast.planning, pyarrow.fs, rich.table
from seqsweep.sweeps.cli.app import main
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
code = main(["plan", *sys.argv[1:]])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, file=sys.stderr)
sys.exit(code)
"""


def test_ten_thousand_trials_of_a_hundred_lanes(tmp_path: Path) -> None:
    """In a process of its own, where no types are checked: two seconds."""
    sizes, batches = list(range(8, 33)), list(range(8, 58))
    (tmp_path / "large.toml").write_text(LARGE.format(hidden=sizes, batch_size=batches))
    write_rates(
        RateFile(
            schema_version=1,
            rates=[rate(cell=cell, hidden=16, batch_size=32, train=1e-10) for cell in CELLS],
        ),
        tmp_path / "rates.json",
    )
    command = [sys.executable, "-c", GROWTH, "large.toml", "--rates", "rates.json", "--nodes", "64"]
    command += ["--cpus", "96", "--gpus", "8", "--memory", "768", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["trials"], found["models"], found["at_a_time"]) == (10_000, 1_000_000, 64 * 96)
    assert found["rows"]["lanes"] == 1_000_000
    assert int(done.stderr) < 150_000, "kB"


def test_as_many_lanes_as_a_spec_allows() -> None:
    found = told(
        spec(
            architecture={"cell": "gru", "hidden": 16},
            candidates=100,
            seeds=100,
            final_seeds=0,
            search={"method": "full"},
        ),
        replace(NODE, memory=500 * GB),
    )
    assert found.models == 10_000


PLAN = """
import json, sys
from seqsweep.sweeps.cli.app import main
code = main(["plan", *sys.argv[1:]])
assert "ray" not in sys.modules, "Ray was imported"
sys.exit(code)
"""


def test_command_measures_keeps_and_reads_rates(strokes: Path, tmp_path: Path) -> None:
    from tests.support.small_sweep import table, toml

    file = tmp_path / "small.toml"
    file.write_text(toml(table(strokes)))

    def plan(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", PLAN, str(file), *more]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    first = plan("--write-rates", "rates.json", "--json")
    assert first.returncode == 0, first.stderr
    measured = json.loads(first.stdout)
    assert (measured["trials"], measured["rates_measured"] + measured["rates_estimated"]) == (3, 3)
    assert measured["low"] < measured["seconds"] < measured["high"]
    again = plan("--rates", "rates.json", "--nodes", "64", "--cpus", "2", "--memory", "8")
    assert again.returncode == 0, again.stderr
    assert "64 nodes of 2 cores, 8.0 GB memory: 128 trials at a time (1 core each)" in " ".join(
        again.stdout.split()
    )
    assert "only 3 of 128 places are used" in " ".join(again.stdout.split())

    broken = json.loads((tmp_path / "rates.json").read_text())
    broken["rates"] = [each for each in broken["rates"] if each["cell"] != "lstm"]
    (tmp_path / "broken.json").write_text(json.dumps(broken))
    lacking = plan("--rates", "broken.json")
    assert lacking.returncode == 2
    assert lacking.stderr.startswith("error: broken.json")
    assert "has no rate for lstm on cpu" in lacking.stderr
    assert "Traceback" not in lacking.stderr


def test_a_trial_that_fits_no_node_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before any data is read or anything is measured."""
    from seqsweep.sweeps.cli.app import main

    file = tmp_path / "x.toml"
    file.write_text(
        'name = "x"\ndatasets = ["handwriting"]\n[architecture]\ncell = "gru"\n[resources]\ncpus_per_trial = 8\n'
    )
    assert main(["plan", str(file), "--cpus", "4"]) == 2
    assert capsys.readouterr().err == (
        f"error: {file}: `resources.cpus_per_trial` is 8, but must be at most 4: a node has no more CPUs (--cpus), "
        "and a trial never spans nodes\n"
    )
