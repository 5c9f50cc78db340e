"""NVRTC compiles the kernels without a GPU; what it compiled is kept on disk, and nothing there can do harm."""

import subprocess
import sys
from pathlib import Path

import pytest

from seqsweep.seqmodels.backends.cuda import nvrtc
from seqsweep.seqmodels.backends.cuda.device import Kernel
from seqsweep.seqmodels.backends.cuda.nvrtc import CompilationError, Compiled, compiled

pytest.importorskip("cuda.bindings", reason="the extra `cuda` is not installed")
KERNEL = Kernel("update.cuh", "squared_norms")
AMPERE, HOPPER = (8, 0), (9, 0)


def test_architectures() -> None:
    assert [nvrtc.architecture(c) for c in (AMPERE, (8, 6), HOPPER, (10, 0))] == [
        "sm_80",
        "sm_86",
        "sm_90a",
        "sm_100",
    ]


def test_a_kernel_is_compiled_once_for_each_architecture(tmp_path: Path) -> None:
    found = {c: compiled(KERNEL, c, tmp_path) for c in (AMPERE, HOPPER)}
    assert found[AMPERE].cubin != found[HOPPER].cubin
    assert len(list(tmp_path.iterdir())) == 2
    for own in found.values():
        assert own.cubin.startswith(b"\x7fELF")
        assert own.symbol.encode() in own.cubin
        assert "squared_norms" in own.symbol


def test_what_is_on_disk_is_not_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def compile_(kernel: Kernel, target: str) -> Compiled:
        made.append(target)
        return Compiled("symbol", target.encode() * 100)

    monkeypatch.setattr(nvrtc, "_compile", compile_)
    found = [compiled(KERNEL, capability, tmp_path) for capability in (AMPERE, HOPPER) * 2]
    assert found[:2] == found[2:]
    assert made == ["sm_80", "sm_90a"]


def test_the_key_is_all_that_decides_the_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvrtc, "_compile", lambda kernel, target: Compiled("symbol", b"cubin"))
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "update.cuh").write_text("// one\n")
    monkeypatch.setattr(nvrtc, "SOURCES", sources)
    folder = tmp_path / "kept"
    count = 0

    def another() -> None:
        nonlocal count
        compiled(KERNEL, AMPERE, folder)
        count += 1
        assert len(list(folder.iterdir())) == count

    another()
    (sources / "update.cuh").write_text("// two\n")
    another()
    (sources / "other.cuh").write_text("// a header that it may include\n")
    another()
    monkeypatch.setattr(nvrtc, "OPTIONS", nvrtc.OPTIONS | {"ftz": False})
    another()
    monkeypatch.setattr(nvrtc, "compiler_version", lambda: "99.0")
    another()
    compiled(KERNEL, AMPERE, folder)
    assert len(list(folder.iterdir())) == count


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file[:-1],
        lambda file: file[:40],
        lambda file: b"",
        lambda file: file[:-100] + b"\0" * 100,
        lambda file: b"x" + file[1:],
    ],
    ids=["cut", "short", "empty", "zeros", "first-byte"],
)
def test_a_damaged_file_is_compiled_anew(tmp_path: Path, damage, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def compile_(kernel: Kernel, target: str) -> Compiled:
        made.append(target)
        return Compiled("symbol", bytes(range(1, 201)))

    monkeypatch.setattr(nvrtc, "_compile", compile_)
    whole = compiled(KERNEL, AMPERE, tmp_path)
    (file,) = tmp_path.iterdir()
    before = file.read_bytes()
    file.write_bytes(damage(before))
    assert compiled(KERNEL, AMPERE, tmp_path) == whole
    assert made == ["sm_80", "sm_80"]
    assert file.read_bytes() == before


def test_a_folder_that_cannot_be_written_only_costs_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvrtc, "_compile", lambda kernel, target: Compiled("symbol", b"cubin"))
    (tmp_path / "file").write_text("in the way")
    assert compiled(KERNEL, AMPERE, tmp_path / "file" / "folder") == Compiled("symbol", b"cubin")


def test_a_user_without_a_home_only_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(nvrtc, "_compile", lambda kernel, target: Compiled("symbol", b"cubin"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    assert compiled(KERNEL, AMPERE) == Compiled("symbol", b"cubin")


def test_two_processes_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from seqsweep.seqmodels.backends.cuda.nvrtc import compiled; "
        "from seqsweep.seqmodels.backends.cuda.device import Kernel; "
        "print(compiled(Kernel('rows.cuh', 'batch_rows'), (8, 0), Path(sys.argv[1])).symbol)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = {process.communicate()[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(outputs) == 1
    (file,) = tmp_path.iterdir()
    assert Compiled.from_bytes(file.read_bytes()) is not None


def test_what_does_not_compile_says_so(tmp_path: Path) -> None:
    with pytest.raises(CompilationError, match=r"(?s)no_such_kernel does not compile for sm_80: .*undefined"):
        compiled(Kernel("update.cuh", "no_such_kernel"), AMPERE, tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(
        CompilationError,
        match=r"the extra `cuda` is not installed \(pip install '\.\[cuda\]' in seqsweep's folder\)",
    ):
        nvrtc.compiler_version()
