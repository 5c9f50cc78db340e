"""Whatever is wrong with a spec, the data, the store or the command line: a clear message, exit code 2, no traceback."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seqsweep.sweeps.cli.app import main

SPEC = """\
name = "x"
datasets = [{path = "strokes", format = "strokes"}]
seeds = 2
candidates = 2

[architecture]
cell = "gru"
hidden = 4

[hyperparameters]
lr = {log_uniform = [1e-3, 1e-2]}

[training]
epochs = 1
"""
STROKE = "3 0 0 1 2 2 1"
MFCC = "0.5 1 2\n1 2 3.5\n"
TS = "@problemName X\n@timestamps false\n@univariate true\n@classLabel true a b\n@data\n"


def write_data(folder: Path) -> None:
    for group, extension, text, splits in (
        ("strokes", "txt", STROKE, ("train", "dev")),
        ("mfcc", "mfcc", MFCC, ("Train", "Test")),
    ):
        for label in ("a", "b"):
            for split in splits:
                (folder / group / label / split).mkdir(parents=True)
                for index in range(4):
                    (folder / group / label / split / f"{index}.{extension}").write_text(text)
    for split in ("TRAIN", "TEST"):
        (folder / f"X_{split}.ts").write_text(TS + "1,2,3:a\n" * 4 + "3,2:b\n" * 4)


Change = Callable[[Path], None]


def spec(old: str, new: str) -> Change:
    """The valid spec with `old` replaced."""

    def change(folder: Path) -> None:
        assert old in SPEC
        (folder / "spec.toml").write_text(SPEC.replace(old, new))

    return change


def file(name: str, text: str | bytes) -> Change:
    """One more file, or one with another content."""

    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)

    return change


def gone(pattern: str) -> Change:
    """Files taken away."""

    def change(folder: Path) -> None:
        for path in folder.glob(pattern):
            path.unlink()

    return change


def both(*changes: Change) -> Change:
    def change(folder: Path) -> None:
        for each in changes:
            each(folder)

    return change


SOURCE = '{path = "strokes", format = "strokes"}'
AS_MFCC = spec(SOURCE, '{path = "mfcc", format = "mfcc"}')
AS_TS = spec(SOURCE, '{path = {train = "X_TRAIN.ts", test = "X_TEST.ts"}, format = "ts"}')

BAD: dict[str, tuple[Change, list[str]]] = {
    # the spec as a file
    "no spec": (gone("spec.toml"), ["spec.toml: there is no such file"]),
    "not TOML": (spec('"gru"', '"gru'), ["spec.toml: line 7, column ", "not valid TOML"]),
    "a key twice": (
        spec("hidden = 4", "hidden = 4\nhidden = 5"),
        ["spec.toml: line 9", "Cannot overwrite a value"],
    ),
    "not text": (
        file("spec.toml", b"name = '\xff\xfe'"),
        ["line 1: is not UTF-8 text (byte 9 is 0xff): save it as UTF-8"],
    ),
    "empty": (
        file("spec.toml", ""),
        ["`name` is missing", "`datasets` is missing", "`architecture` is missing"],
    ),
    # unknown names
    "unknown key": (spec("seeds", "seed"), ["`seed` is unknown; did you mean `seeds`?"]),
    "unknown section": (
        spec("[training]", "[trainning]"),
        ["`trainning` is unknown; did you mean `training`?"],
    ),
    "key in the wrong section": (
        spec("hidden = 4", "hidden = 4\nlr = 1"),
        ["`architecture.lr` is unknown; `lr` belongs in [hyperparameters]"],
    ),
    "unknown cell": (spec('"gru"', '"ltsm"'), ["`architecture.cell` is 'ltsm'", "did you mean 'lstm'?"]),
    "unknown readout": (
        spec("hidden", 'readout = "las"\nhidden'),
        ["`architecture.readout` is 'las'", "did you mean 'last'?"],
    ),
    "unknown optimizer": (
        spec("lr =", 'optimizer = {choice = ["adam", "adamm"]}\nlr ='),
        ["`hyperparameters.optimizer.choice[1]` is 'adamm'", "did you mean 'adam'?"],
    ),
    "unknown hyperparameter": (
        spec("lr =", "dropuot = 0\nlr ="),
        ["`hyperparameters.dropuot` is unknown; did you mean `dropout`?"],
    ),
    "unknown distribution": (
        spec("log_uniform", "loguniform"),
        ["`hyperparameters.lr` is {loguniform", "did you mean 'log_uniform'?"],
    ),
    "unknown backend": (
        spec("[training]", '[resources]\nbackend = "cudda"\n[training]'),
        ["`resources.backend` is 'cudda'"],
    ),
    # values
    "number as text": (
        spec("epochs = 1", 'epochs = "1"'),
        ["`training.epochs` is '1', but must be a whole number"],
    ),
    "switch as number": (
        spec("epochs = 1", "refit = 1"),
        ["`training.refit` is 1, but must be true or false"],
    ),
    "number as switch": (
        spec("hidden = 4", "hidden = [4, true]"),
        ["`architecture.hidden[1]` is true, but must be a whole number"],
    ),
    "too small": (
        spec("hidden = 4", "layers = [1, 0]"),
        ["`architecture.layers[1]` is 0, but must be at least 1"],
    ),
    "a negative seed": (
        spec("seeds = 2", "seeds = [0, -1]"),
        ["`seeds[1]` is -1, but must be a whole number from 0"],
    ),
    "a value twice": (spec("hidden = 4", "hidden = [4, 4]"), ["`architecture.hidden` has 4 twice"]),
    "an empty list": (
        spec('"gru"', "[]"),
        ["`architecture.cell` is empty, but must have at least one value"],
    ),
    "lowest above highest": (
        spec("[1e-3, 1e-2]", "[1e-2, 1e-3]"),
        ["`hyperparameters.lr.log_uniform` is [0.01, 0.001], but the first"],
    ),
    "log of zero": (
        spec("[1e-3, 1e-2]", "[0, 1e-2]"),
        ["`hyperparameters.lr.log_uniform[0]` is 0, but must be greater than 0"],
    ),
    "not a number": (
        spec("{log_uniform = [1e-3, 1e-2]}", "nan"),
        ["`hyperparameters.lr` is nan, but must be greater than 0"],
    ),
    "nesterov without momentum": (
        spec("lr =", 'optimizer = "sgd"\nnesterov = true\nlr ='),
        ["`hyperparameters.nesterov` is true, but `momentum` is 0"],
    ),
    "no candidates": (
        spec("candidates = 2\n", ""),
        ["`candidates` is missing, but must say how many to draw"],
    ),
    "a name that is no file name": (spec('"x"', '"a/b"'), ["`name` is 'a/b', but must be 1 to 64 letters"]),
    "several": (
        spec('"gru"\nhidden = 4', '"gro"\nhidden = 0'),
        ["`architecture.cell` is 'gro'", "`architecture.hidden` is 0, but must be at least 1"],
    ),
    # the data's place and kind
    "unset variable": (
        spec('"strokes", format', '"${NO_SUCH_VARIABLE}/a", format'),
        ["variable NO_SUCH_VARIABLE is not set"],
    ),
    "missing folder": (spec('path = "strokes"', 'path = "strook"'), ["strook"]),
    "unknown embedded data": (
        spec(SOURCE, '"handwritting"'),
        ["`datasets[0]`", "did you mean `handwriting`?"],
    ),
    "unknown format": (
        spec('format = "strokes"', 'format = "stroke"'),
        ["`datasets[0]`", "did you mean `strokes`?"],
    ),
    "unknown data key": (
        spec('format = "strokes"', 'format = "strokes", klasses = []'),
        ["`datasets[0]`", "unknown key `klasses`"],
    ),
    "unknown class": (spec('format = "strokes"', 'format = "strokes", classes = ["a", "c"]'), ["c"]),
    "data sets of one name": (
        spec(
            SOURCE,
            '{path = "strokes", format = "strokes", name = "y"}, {path = "mfcc", format = "mfcc", name = "y"}',
        ),
        ["2 data sets called 'y', but names must differ"],
    ),
    "groups without groups": (spec("[training]", '[split]\nby = "group"\n[training]'), ["group"]),
    # the data's content
    "a count that disagrees": (
        file("strokes/a/train/0.txt", "4 0 0 1 2 2 1"),
        ["strokes/a/train/0.txt:1", "N is 4"],
    ),
    "a non-number": (file("strokes/a/train/0.txt", "3 0 0 1 two 2 1"), ["strokes/a/train/0.txt:1", "two"]),
    "not finite": (file("strokes/b/dev/3.txt", "3 0 0 1 nan 2 1"), ["strokes/b/dev/3.txt:1", "nan"]),
    "an empty file": (file("strokes/a/train/0.txt", ""), ["strokes/a/train/0.txt", "empty"]),
    "a class without tests": (gone("strokes/a/dev/*"), ["strokes/a"]),
    "all problems of a data set": (
        both(file("strokes/a/train/0.txt", ""), file("strokes/b/dev/3.txt", "1 x y")),
        ["strokes/a/train/0.txt", "strokes/b/dev/3.txt"],
    ),
    "ragged frames": (both(AS_MFCC, file("mfcc/a/Train/0.mfcc", "1 2 3\n1 2\n")), ["mfcc/a/Train/0.mfcc:2"]),
    "another width": (both(AS_MFCC, file("mfcc/b/Test/0.mfcc", "1 2\n1 2\n")), ["mfcc/b/Test/0.mfcc"]),
    "ts of an unknown class": (
        both(AS_TS, file("X_TEST.ts", TS + "1,2:c\n")),
        ["class `c` has no train sequences", "class `b` has no test sequences", "leave the class out"],
    ),
    "ts without data": (both(AS_TS, file("X_TRAIN.ts", TS)), ["X_TRAIN.ts"]),
    "not an archive": (
        both(spec('path = "strokes"', 'path = "a.tar.xz"'), file("a.tar.xz", "x")),
        ["a.tar.xz"],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_run_is_explained(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change, expected = BAD[case]
    write_data(tmp_path)
    (tmp_path / "spec.toml").write_text(SPEC)
    change(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["run", "spec.toml"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    lines = err.splitlines()
    assert all(line.startswith("error: ") for line in lines), err
    # one problem is one line; every kind here is one problem for each expected text but where they share a line
    assert len(lines) <= len(expected)
    for text in expected:
        assert text in err
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["runn"], "No such command 'runn'"),
        (["run", "--sotre", "x"], "No such option"),
        (["run", "a.toml", "b.toml"], "unexpected extra argument"),
        (["run", "--cpus", "many"], "--cpus"),
        (["run", "--cpus", "0"], "--cpus"),
        (["run", "--address", "nowhere"], "nowhere"),
        (["confusion", "--split", "tset"], "--split"),
        (["show"], "no sweep"),
        (["show", "nothing-like-it"], "nothing-like-it"),
        (["resume", "../../etc"], "../../etc"),
        (["curves", "--store", "spec.toml"], "spec.toml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_command_line_is_explained(
    arguments: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.toml").write_text(SPEC)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert expected in err
    assert "rror: " in err
    assert "Traceback" not in err


def test_as_a_process(tmp_path: Path) -> None:
    write_data(tmp_path)
    (tmp_path / "spec.toml").write_text(SPEC.replace('"gru"', '["gru", "lsmt"]'))
    command = [str(Path(sys.executable).with_name("seqsweep")), "run", "spec.toml"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: spec.toml: `architecture.cell[1]` is 'lsmt', but must be one of rnn_tanh, rnn_relu, gru, lstm; "
        "did you mean 'lstm'?\n"
    )


def test_bad_data_as_a_process(tmp_path: Path) -> None:
    write_data(tmp_path)
    (tmp_path / "spec.toml").write_text(SPEC)
    (tmp_path / "strokes" / "a" / "train" / "0.txt").write_text("2 0 0 1")
    command = [str(Path(sys.executable).with_name("seqsweep")), "run", "spec.toml"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "strokes/a/train/0.txt:1: N is 2, so 4 coordinates must follow, but there are 3" in done.stderr


def test_a_plain_install_is_told_which_extra_a_cluster_needs() -> None:
    program = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "from seqsweep.sweeps.cli.app import main\n"
        "sys.exit(main(['status', '--address', 'http://127.0.0.1:9']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install '.[cluster]'" in done.stderr
