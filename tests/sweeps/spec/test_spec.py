"""The spec: what is read is what was meant; whatever is wrong is said, all of it, in one go."""

import json
import math
import re
import tomllib
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqsweep.seqmodels.cells import CELLS
from seqsweep.seqmodels.data.source import source_name
from seqsweep.seqmodels.hyperparameters import OPTIMIZERS, SCHEDULES
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.spec.loading import load_spec, parse_spec, reference_spec
from seqsweep.sweeps.spec.model import Spec
from tests import REPOSITORY

EXAMPLES = REPOSITORY / "examples"


def minimal(**more: Any) -> dict[str, Any]:
    return {"name": "x", "datasets": "handwriting", "architecture": {"cell": "gru"}} | more


def problems(table: dict[str, Any]) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parse_spec(table, base=Path(), source="x.toml")
    return [problem.removeprefix("x.toml: ") for problem in caught.value.problems]


def parse(table: dict[str, Any]) -> Spec:
    return parse_spec(table, base=Path("/data"), source="x.toml")


def axis(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values | st.lists(values, min_size=1, max_size=3, unique=True)


READOUTS = st.sampled_from(["last", "mean", "max", "last+mean", "mean + max", "last+max"])
WHOLE = st.integers(1, 64)
POSITIVE = st.floats(1e-6, 10)
SHARE = st.floats(0, 0.99)


def dimension(number: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    pair = st.lists(number, min_size=2, max_size=2, unique=True).map(sorted)
    return (
        number
        | st.lists(number, min_size=1, max_size=4, unique=True).map(lambda values: {"choice": values})
        | pair.map(lambda ends: {"uniform": ends})
        | pair.filter(lambda ends: ends[0] > 0).map(lambda ends: {"log_uniform": ends})
    )


def names(values: tuple[str, ...]) -> st.SearchStrategy[Any]:
    some = st.lists(st.sampled_from(values), min_size=1, unique=True)
    return st.sampled_from(values) | some.map(lambda chosen: {"choice": chosen})


PATHS = st.text(min_size=1, max_size=8, alphabet=st.characters(exclude_characters="\0$~", codec="utf-8"))
ARCHITECTURES = st.fixed_dictionaries(
    {"cell": axis(st.sampled_from(CELLS)), "batch_size": st.just([1, 2])},
    optional={
        "layers": axis(WHOLE),
        "hidden": axis(WHOLE),
        "bidirectional": axis(st.booleans()),
        "readout": READOUTS,
        "head_hidden": axis(st.integers(0, 9)),
    },
)
TABLES = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[a-z0-9][a-z0-9._-]{0,9}", fullmatch=True),
        "datasets": st.sampled_from(["handwriting", ["syllables"], ["syllables", "handwriting"]])
        | PATHS.map(lambda path: [{"path": path, "format": "ts"}, "handwriting"])
        | PATHS.map(lambda path: [{"path": {"train": path, "test": "a"}, "format": "ts"}]),
        "candidates": st.integers(1, 20),
        "architecture": ARCHITECTURES
        | ARCHITECTURES.map(lambda axes: [{**axes, "batch_size": 1}, {**axes, "batch_size": [2, 3]}]),
        # a range, so that any number of candidates can be drawn
        "hyperparameters": st.fixed_dictionaries(
            {"lr": st.just({"log_uniform": [1e-4, 1e-1]})},
            optional={
                "optimizer": names(("adam", *OPTIMIZERS)).filter(lambda value: "adam" in str(value)),
                "schedule": names(SCHEDULES),
                "beta1": dimension(SHARE),
                "eps": dimension(POSITIVE),
                "clip_norm": dimension(POSITIVE) | st.sampled_from(["off", {"choice": ["off", 1]}]),
                "weight_decay": dimension(POSITIVE) | st.just({"int": [0, 3]}),
                "dropout": dimension(SHARE),
                "input_noise": st.sampled_from(
                    [
                        {"uniform": [0, 0.5], "step": 0.05},
                        {"log_uniform": [0.01, 0.64], "step": 0.03},
                        {"normal": [0.2, 0.1], "within": [0, 0.5]},
                        {"log_normal": [0.2, 2], "within": [0.1, 0.5]},
                    ]
                ),
                "label_smoothing": st.sampled_from(
                    [
                        {"choice": [0, 0.1], "weights": [1, 3]},
                        {"uniform": [0, 0.2], "when": {"batch_size": [1]}},
                    ]
                ),
            },
        ),
    },
    optional={
        "constraints": st.lists(
            st.sampled_from(
                ["lr * batch_size < 9", "layers < 9 or hidden > 1", "clip_norm != off or lr < 0.5"]
            ),
            unique=True,
        ),
        "architectures": st.just(1),
        "search": st.fixed_dictionaries(
            {}, optional={"sampler": st.sampled_from(["random", "stratified", "sobol"])}
        ),
        "seeds": st.integers(1, 9) | st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4, unique=True),
        "search_seed": st.integers(0, 2**32 - 1),
        "training": st.fixed_dictionaries(
            {},
            optional={
                "epochs": WHOLE,
                "min_change": st.floats(0, 1) | st.just(0),
                "patience": WHOLE,
                "validation_patience": WHOLE,
                "keep": st.sampled_from(["best", "last"]),
                "bptt": WHOLE,
                "refit": st.booleans(),
                "class_weights": st.sampled_from(["none", "balanced"]),
            },
        ),
        "split": st.fixed_dictionaries(
            {},
            optional={
                "test": st.just("given") | st.floats(0.01, 0.9),
                "validation": st.floats(0.01, 0.9),
                "by": st.sampled_from(["sequence", "group"]),
                "test_ids": st.lists(st.text(min_size=1), max_size=3, unique=True),
            },
        ),
        "resources": st.fixed_dictionaries(
            {},
            optional={
                "cpus_per_trial": WHOLE,
                "gpus_per_trial": st.sampled_from([0, 0.25, 1, 2]),
                "stall_seconds": st.sampled_from([0, 600, 0.5]),
            },
        ),
    },
)


@settings(max_examples=100)
@given(TABLES)
def test_a_spec_survives_its_table_and_json_in_any_folder(table: dict[str, Any]) -> None:
    spec = parse(table)
    again = parse_spec(json.loads(json.dumps(spec.to_table())), base=Path("/elsewhere"), source="sweep.json")
    assert again == spec
    assert again.to_table() == spec.to_table()


ODD: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(
        [
            0,
            -1,
            1,
            2,
            10**400,
            0.5,
            -0.0,
            math.nan,
            math.inf,
            True,
            False,
            "",
            "gru",
            "${NO_SUCH}",
            "~nobody/x",
        ]
    )
    | st.just(date(2024, 1, 1))
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.just("choice"), inner, max_size=2)
    ),
    max_leaves=4,
)


def places(table: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = table.items() if isinstance(table, dict) else enumerate(table) if isinstance(table, list) else ()
    return [path, *(place for key, value in below for place in places(value, (*path, key)))]


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(TABLES, st.data())
def test_any_mutation_parses_or_is_explained(table: dict[str, Any], data: st.DataObject) -> None:
    table = deepcopy(table)
    for _ in range(data.draw(st.integers(1, 3))):
        *above, key = data.draw(st.sampled_from([place for place in places(table) if place]))
        inside: Any = table
        for each in above:
            inside = inside[each]
        how = data.draw(st.sampled_from(["replace", "delete", "rename"]))
        if how == "replace" or isinstance(inside, list):
            inside[key] = data.draw(ODD)
        else:
            value = inside.pop(key)
            if how == "rename":
                inside[data.draw(st.text(max_size=6) | st.just(str(key)[::-1]))] = value
        if not table:
            return
    try:
        spec = parse(table)
    except SpecError as error:
        found = error.problems
    else:
        assert parse(spec.to_table()) == spec
        return
    assert found
    for problem in found:
        assert problem.startswith("x.toml: `")
        assert len(problem.splitlines()) == 1
        assert len(problem) < 2000


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_mutation_of_the_file_parses_or_is_explained(tmp_path: Path, data: st.DataObject) -> None:
    text = (EXAMPLES.parent / "sweeps/spec/reference.toml").read_bytes()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 5, len(text))))
    file = tmp_path / "mutated.toml"
    file.write_bytes(
        text[:start] + data.draw(st.binary(max_size=3) | st.sampled_from([b"[", b"=", b'"'])) + text[end:]
    )
    found: tuple[str, ...] = ()
    try:
        load_spec(file)
    except SpecError as error:
        found = error.problems
    assert all(problem.startswith(str(file)) for problem in found)


def test_the_defaults() -> None:
    spec = parse(minimal())
    assert spec.seeds == (0, 1, 2)
    assert spec.architecture[0].readout == (("last",),)
    assert spec.architecture[0].hidden == (100,)
    assert spec.candidates is None
    assert spec.hyperparameters == {}
    assert spec.training.validation_patience is None


def test_training_defaults_are_the_trainers() -> None:
    from seqsweep.seqmodels.training_config import TrainingConfig

    (axes,) = parse(minimal()).architecture
    assert (
        TrainingConfig(batch_size=axes.batch_size[0], **parse(minimal()).training.model_dump())
        == TrainingConfig()
    )


@pytest.mark.parametrize(
    ("resources", "hidden", "problem"),
    [
        (
            {"backend": "cuda"},
            100,
            "`resources.backend` is 'cuda', but must be auto, cpu or torch where `gpus_per_trial` is 0",
        ),
        (
            {"backend": "cpu", "gpus_per_trial": 0.5},
            100,
            "`resources.backend` is 'cpu', but must be auto, cuda or torch where `gpus_per_trial` is above 0",
        ),
        (
            {"backend": "cuda", "gpus_per_trial": 1},
            [100, 513],
            "`resources` asks for the backend `cuda`, which has kernels for `hidden` up to 512, but `hidden` is 513: "
            "`auto` takes another for it",
        ),
    ],
)
def test_backends_and_gpus_that_do_not_fit(resources: dict[str, Any], hidden: Any, problem: str) -> None:
    table = minimal(architecture={"cell": "gru", "hidden": hidden}, resources=resources)
    assert problems(table) == [problem]


def test_the_cuda_backend_and_its_limit() -> None:
    from seqsweep.seqmodels.backends.cuda.limits import MOST_HIDDEN

    table = minimal(
        architecture={"cell": "gru", "hidden": MOST_HIDDEN},
        resources={"backend": "cuda", "gpus_per_trial": 0.25},
        training={"precision": "float32"},
    )
    assert parse(table).resources.backend == "cuda"
    assert parse(table).training.precision == "float32"
    assert problems(minimal(training={"precision": "bf16"})) == [
        "`training.precision` is 'bf16', but must be one of tf32, float32"
    ]


def test_readouts_are_put_in_order() -> None:
    spec = parse(minimal(architecture={"cell": "gru", "readout": ["max+last", " mean ", "max + mean"]}))
    assert spec.architecture[0].readout == (("last", "max"), ("mean",), ("mean", "max"))


def test_seeds_are_a_number_or_a_list() -> None:
    assert parse(minimal(seeds=2)).seeds == (0, 1)
    assert parse(minimal(seeds=[7, 0])).seeds == (7, 0)


def path_of(path: str | dict[str, str], base: Path = Path("/data")) -> Any:
    spec = parse_spec(minimal(datasets=[{"path": path, "format": "ts"}]), base=base, source="x.toml")
    return spec.datasets[0]["path"]


def test_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WHERE", "/somewhere")
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.chdir(tmp_path)
    assert path_of("a/b") == "/data/a/b"
    assert path_of("../b") == "/b"
    assert path_of("/a") == "/a"
    assert path_of("$WHERE/a") == "/somewhere/a"
    assert path_of("${WHERE}s/a") == "/somewheres/a"
    assert path_of("~/a") == "/home/somebody/a"
    assert path_of("a$$b") == "/data/a$b"
    assert path_of({"train": "a", "test": "$WHERE/b"}) == {"train": "/data/a", "test": "/somewhere/b"}
    assert path_of("a", base=Path("specs")) == str(tmp_path / "specs" / "a")


def test_a_resolved_path_is_not_expanded_again() -> None:
    spec = parse_spec(
        minimal(datasets=[{"path": "a", "format": "ts"}]), base=Path("/tmp/$HOME"), source="x.toml"
    )
    assert spec.datasets[0]["path"] == "/tmp/$HOME/a"
    assert parse(spec.to_table()) == spec


def test_the_embedded_study_and_the_examples_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQSWEEP_DATA", "/data")
    reference = reference_spec()
    assert reference.datasets == ("handwriting", "syllables")
    assert reference.architecture[0].layers == (1, 2)
    for file in sorted(EXAMPLES.glob("*.toml")):
        spec = load_spec(file)
        on_files = [source["path"] for source in spec.datasets if not isinstance(source, str)]
        assert all(path.startswith("/data/") for path in on_files)
        assert bool(on_files) == (file.stem != "embedded"), "one of them needs no files"
    assert load_spec(EXAMPLES / "best.toml").architecture[0].readout == (("last", "max"),)


def test_the_spec_of_the_readme_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA", "/data")
    readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    [text] = re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)
    spec = parse(tomllib.loads(text))
    assert spec.datasets[1]["path"] == "/data/letters"


def test_everything_is_listed_at_once() -> None:
    found = problems(
        {
            "nmae": "x",
            "datasets": ["handwriting", "handwritten"],
            "seeds": [0, -1],
            "architecture": {"cell": ["gru", "lsmt"], "layers": [1, 0], "epochs": 3},
            "hyperparameters": {"lr": {"choice": [0.1, -0.1]}, "learning_rate": 1},
            "training": {"epochs": "many"},
            "resources": {"gpus_per_trial": 1.5},
        }
    )
    fields = [problem.split("`")[1] for problem in found]
    assert sorted(fields) == sorted(
        [
            "nmae",
            "name",
            "datasets[1]",
            "seeds[1]",
            "architecture.cell[1]",
            "architecture.layers[1]",
            "architecture.epochs",
            "hyperparameters.lr.choice[1]",
            "hyperparameters.learning_rate",
            "training.epochs",
            "resources.gpus_per_trial",
        ]
    )


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (minimal(nmae=1), "`nmae` is unknown; did you mean `name`?"),
        (minimal(epochs=1), "`epochs` is unknown; `epochs` belongs in [training]"),
        (minimal(lr=1), "`lr` is unknown; `lr` belongs in [hyperparameters]"),
        (
            minimal(training={"seeds": 3}),
            "`training.seeds` is unknown; `seeds` belongs at the top of the file, before the first [section]",
        ),
        (minimal(training={"epoch": 3}), "`training.epoch` is unknown; did you mean `epochs`?"),
        (
            minimal(hyperparameters={"drop_out": 0}),
            "`hyperparameters.drop_out` is unknown; did you mean `dropout`?",
        ),
        (minimal(training=3), "`training` is 3, but must be a table"),
        (minimal(seeds=0), "`seeds` is 0, but must be at least 1 and at most 10000, or a list of seeds"),
        (minimal(seeds=[1, 1]), "`seeds` has 1 twice, but each value may be there once"),
        (minimal(seeds=True), "`seeds` is true, but must be how many seeds there are, or a list of them"),
        (minimal(candidates=0), "`candidates` is 0, but must be at least 1"),
        (minimal(search_seed=-1), "`search_seed` is -1, but must be at least 0"),
        (
            minimal(resources={"stall_seconds": -1}),
            "`resources.stall_seconds` is -1, but must be at least 0",
        ),
        (
            minimal(resources={"backend": "cpu", "gpus_per_trial": 0.5}),
            "`resources.backend` is 'cpu', but must be auto, cuda or torch where `gpus_per_trial` is above 0",
        ),
        (
            minimal(hyperparameters={"lr": {"uniform": [1, 2]}}),
            "`candidates` is missing, but must say how many to draw, as `lr` is a range",
        ),
        (
            minimal(hyperparameters={"lr": {"choice": [1, 2]}}, candidates=3),
            "`candidates` is 3, but [hyperparameters] allows only 2 different candidates",
        ),
        (
            # with adam the momentum of SGD makes no difference
            minimal(
                hyperparameters={
                    "optimizer": {"choice": ["sgd", "adam"]},
                    "momentum": {"choice": [0.0, 0.5]},
                },
                candidates=4,
            ),
            "`candidates` is 4, but [hyperparameters] allows only 3 different candidates",
        ),
        (
            minimal(hyperparameters={"lr": {"uniform": [1, 2]}}, candidates=5000),
            "`seeds` and candidates make 15000 lanes in a trial, but must make at most 10000",
        ),
        (
            minimal(
                architecture={"cell": list(CELLS), "layers": list(range(1, 60)), "hidden": list(range(1, 60))}
            ),
            "`architecture` makes 13924 trials, but must make at most 10000; `architectures` says how many to sample",
        ),
        (
            minimal(hyperparameters={"momentum": 0.9}),
            "`hyperparameters.momentum` is set, but no optimizer of this spec (adam) reads it: rmsprop and sgd would",
        ),
        (
            minimal(hyperparameters={"optimizer": "sgd", "nesterov": True}),
            "`hyperparameters.nesterov` is true, but `momentum` is 0 and must then be greater than 0",
        ),
        (
            minimal(hyperparameters={"lr": {"log_uniform": [0.0, 1.0]}}, candidates=1),
            "`hyperparameters.lr.log_uniform[0]` is 0.0, but must be greater than 0",
        ),
        (
            minimal(hyperparameters={"dropout": {"log_uniform": [0, 0.5]}}, candidates=1),
            "`hyperparameters.dropout.log_uniform[0]` is 0, but must be greater than 0 for log_uniform",
        ),
        (
            minimal(hyperparameters={"dropout": {"uniform": [0.5, 0.5]}}, candidates=1),
            "`hyperparameters.dropout.uniform` is [0.5, 0.5], but the first must be less than the second",
        ),
        (
            minimal(hyperparameters={"dropout": {"uniform": [0, 1]}}, candidates=1),
            "`hyperparameters.dropout.uniform[1]` is 1, but must be at least 0 and less than 1",
        ),
        (
            minimal(hyperparameters={"lr": {"uniform": [1]}}, candidates=1),
            "`hyperparameters.lr.uniform` is [1], but must be [lowest, highest]",
        ),
        (
            minimal(hyperparameters={"eps": {"int": [1, 2.5]}}, candidates=1),
            "`hyperparameters.eps.int[1]` is 2.5, but must be a whole number, at most 2^53",
        ),
        (
            minimal(hyperparameters={"lr": [0.1, 0.2]}),
            "`hyperparameters.lr` is [0.1, 0.2], but a list of values is written {choice = [...]}",
        ),
        (
            minimal(hyperparameters={"lr": {"choices": [0.1]}}),
            "`hyperparameters.lr` is {choices = [0.1]}, but must be one value, or a table with one of choice, uniform, "
            "log_uniform, int, normal, log_normal; did you mean 'choice'?",
        ),
        (
            minimal(hyperparameters={"lr": {"choice": []}}),
            "`hyperparameters.lr.choice` is empty, but must have at least one value",
        ),
        (
            minimal(hyperparameters={"lr": {"choice": [1, 1.0]}}),
            "`hyperparameters.lr.choice` has 1.0 twice, but each value may be there once",
        ),
        (
            minimal(hyperparameters={"lr": "3e-3"}),
            "`hyperparameters.lr` is '3e-3', but must be a number greater than 0",
        ),
        (
            minimal(hyperparameters={"lr": True}),
            "`hyperparameters.lr` is true, but must be a number greater than 0",
        ),
        (
            minimal(hyperparameters={"clip_norm": 0}),
            "`hyperparameters.clip_norm` is 0, but must be greater than 0, or 'off'",
        ),
        (
            minimal(hyperparameters={"optimizer": "adan"}),
            "`hyperparameters.optimizer` is 'adan', but must be one of sgd, rmsprop, adam, adamw; did you mean 'adam'?",
        ),
        (minimal(datasets=[]), "`datasets` is empty, but must have at least one value"),
        (
            minimal(datasets=["handwriting"] * 2),
            "`datasets` has 'handwriting' twice, but each value may be there once",
        ),
        (
            minimal(datasets=3),
            "`datasets` is 3, but must be the name of an embedded data set, or a table with its path",
        ),
        (
            minimal(datasets=[{"path": "${NO_SUCH}/x", "format": "ts"}]),
            "`datasets[0].path` is '${NO_SUCH}/x', but the environment variable NO_SUCH is not set",
        ),
        (
            minimal(datasets=[{"path": "a$/x", "format": "ts"}]),
            "`datasets[0].path` is 'a$/x', but a dollar must start $NAME or ${NAME} ($$ is a dollar)",
        ),
        (
            minimal(name="../x"),
            "`name` is '../x', but must be 1 to 64 letters, digits, dots, dashes or underscores, a letter or digit first",
        ),
        (minimal(split={"validation": 1}), "`split.validation` is 1, but must be less than 1"),
        (
            minimal(training={"min_change": math.inf}),
            "`training.min_change` is inf, but must be a finite number",
        ),
        (
            minimal(training={"keep": "bets"}),
            "`training.keep` is 'bets', but must be one of best, last; did you mean 'best'?",
        ),
        (
            minimal(architecture={"cell": "gru", "readout": ["last+max", "max+last"]}),
            "`architecture.readout` has ['last', 'max'] twice, but each value may be there once",
        ),
        (
            minimal(architecture={"cell": "gru", "readout": "lats+max"}),
            "`architecture.readout` is 'lats+max', but must be one of last, mean, max, or two of them joined, like last+max; "
            "did you mean 'last'?",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_problem_one_sentence(table: dict[str, Any], expected: str) -> None:
    assert problems(table) == [expected]


def test_a_syntax_error_names_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text('name = "x"\nseeds = = 3\n')
    with pytest.raises(SpecError, match=r"bad\.toml: line 2, column 9: .* \(not valid TOML\)$"):
        load_spec(file)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seeds": list(range(100_000))}, "`seeds` has 100000 seeds, but may have at most 10000"),
        ({"seeds": [-1] * 100_000}, "`seeds` has 100000 seeds, but may have at most 10000"),
        ({"datasets": ["handwriting"] * 50_000}, "`datasets` has 50000 values, but may have at most 10000"),
        ({"candidates": 10**12}, "`candidates` is 1000000000000, but must be at most 10000"),
        ({"candidates": 16**9000}, "`candidates` is a number of about 10837 digits, but must be at most 10000"),
        ({"training": {"epochs": 2**63}}, "`training.epochs` is 9223372036854775808, but must be at most 1000000"),
        ({"training": {"patience": 10**40}}, "`training.patience` is 1"),
        ({"training": {"bptt": 2**64}}, "`training.bptt` is 18446744073709551616, but must be at most 1000000000"),
        ({"resources": {"max_concurrent": 10**30}}, "`resources.max_concurrent` is 1"),
        (
            {"hyperparameters": {"lr": {"choice": [0.1] * 100_000}}},
            "`hyperparameters.lr.choice` has 100000 values, but may have at most 10000",
        ),
        (
            {"architecture": {"cell": "gru", "hidden": list(range(1, 20_000))}},
            "`architecture.hidden` has 19999 values, but may have at most 10000",
        ),
        (
            {"architecture": {"cell": "gru", "hidden": list(range(1, 9000)), "batch_size": list(range(1, 9000))}},
            "`architecture` makes 80982001 trials, but must make at most 10000; `architectures` says how many to sample",
        ),
    ],
)  # fmt: skip
def test_long_lists_and_huge_numbers_meet_a_limit_first(changes, words):
    assert any(problem.startswith(words) for problem in problems(minimal() | changes))


def test_a_long_list_is_checked_in_linear_time():
    """Each value is compared a bounded number of times: counted, as clocks are not to be trusted."""
    compared = 0

    class Word(str):
        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    source = {"path": "x", "format": "ts", "classes": [Word(f"c{i}") for i in range(3000)]}
    parse(minimal(datasets=[source]))
    parse(minimal(datasets=[{"path": Word(f"x{i}"), "format": "ts"} for i in range(3000)]))
    assert compared < 30_000


def test_a_thousand_problems_are_counted_not_listed():
    with pytest.raises(SpecError) as caught:
        parse(minimal(architecture={"cell": "gru", "layers": list(range(100, 1100))}))
    assert len(caught.value.problems) == 1000
    assert str(caught.value).endswith("\n... and 950 more")


def test_deep_nesting_and_endless_digits_are_said_in_words(tmp_path):
    for name, text, words in (
        ("a", "x = " + "[" * 9000, "is nested too deeply"),
        ("b", "x = " + "9" * 9000, "has a number of more than 4300 digits"),
        ("c", "[hyperparameters.lr." + ".".join("a" * 3000) + "]\nx = 1", "{a = {a = "),
    ):
        path = tmp_path / f"{name}.toml"
        path.write_text(text)
        with pytest.raises(SpecError, match=re.escape(words)):
            load_spec(path)


def test_a_folder_is_no_spec(tmp_path):
    with pytest.raises(SpecError, match=r"is a folder, but a spec is wanted, a TOML file.*'Your own data'"):
        load_spec(tmp_path)


def test_several_paths_of_one_data_set_are_located_each(tmp_path):
    spec = parse(
        minimal(datasets=[{"path": ["letters-train.tar.gz", "$$x/letters-test.zip"], "format": "strokes"}])
    )
    [source] = spec.datasets
    assert source["path"] == ["/data/letters-train.tar.gz", "/data/$x/letters-test.zip"]
    assert source_name(source) == "letters"
    assert parse_spec(spec.to_table(), base=tmp_path, source="again") == spec
    for wrong in ([], ["a", "a"], ["a", 1], [""]):
        assert "`datasets" in problems(minimal(datasets=[{"path": wrong, "format": "mfcc"}]))[0]
