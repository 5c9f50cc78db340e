"""`seqsweep cluster template`: what is printed, written and refused."""

from pathlib import Path

import pytest
import yaml

from seqsweep.sweeps.cli.app import main


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(each) for each in arguments])
    return code, *capsys.readouterr()


def test_help_names_the_kinds_and_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "cluster", "template", "--help")
    assert code == 0
    for kind in ("ray-aws", "ray-gcp", "ray-onprem", "kuberay", "slurm"):
        assert f"seqsweep cluster template {kind} " in out
    code, out, error = run(capsys, "cluster")
    assert (code, "template " in out + error) == (2, True), "without a verb the group shows its help"


def test_prints_and_writes_the_same_and_does_not_overwrite(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    options = ("ray-onprem", "--hosts", "head,gpu1", "--user", "ada", "--name", "lab")
    code, printed, error = run(capsys, "cluster", "template", *options)
    assert (code, error) == (0, "")
    config = yaml.safe_load(printed)
    assert (config["cluster_name"], config["auth"]["ssh_user"]) == ("lab", "ada")
    assert config["provider"] == {"type": "local", "head_ip": "head", "worker_ips": ["gpu1"]}

    path = tmp_path / "lab.yaml"
    code, out, error = run(capsys, "cluster", "template", *options, "-o", path)
    assert (code, out, path.read_text()) == (0, "", printed)
    assert error == f"wrote {path}; its first lines say how to start the cluster\n"

    path.write_text("edited")
    code, out, error = run(capsys, "cluster", "template", *options, "-o", path)
    assert (code, out, path.read_text()) == (2, "", "edited")
    assert error == f"error: --output {path} exists already; --force overwrites it\n"
    assert run(capsys, "cluster", "template", *options, "-o", path, "--force")[0] == 0
    assert path.read_text() == printed


def test_mistakes_leave_no_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "aws.yaml"
    code, out, error = run(capsys, "cluster", "template", "ray-aws", "--gpu-type", "H10O", "-o", path)
    assert (code, out, path.exists()) == (2, "", False)
    assert error.startswith("error: --gpu-type is 'H10O', which ray-aws has not; did you mean H100")
    code, out, error = run(capsys, "cluster", "template", "slurm", "-o", tmp_path / "no" / "folder.sh")
    assert (code, out) == (2, "")
    assert (
        error
        == f"error: --output {tmp_path / 'no' / 'folder.sh'} cannot be written: No such file or directory\n"
    )
