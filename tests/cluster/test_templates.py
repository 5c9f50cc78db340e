"""Cluster files: against Ray's own schema, AWS's and Google's API descriptions, Kubernetes' schemas and KubeRay's CRD."""

import json
import os
import re
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, get_args
from unittest.mock import patch

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from seqsweep.cluster import render as module
from seqsweep.cluster.instances import choose, gpu_types
from seqsweep.cluster.local import ClusterError
from seqsweep.cluster.render import KINDS, Wanted, render
from tests import REPOSITORY

GCP = {"project": "my-project"}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "aws": ("ray-aws", {}),
    "aws, GPUs": ("ray-aws", {"nodes": 64, "gpus": 8, "gpu_type": "a100-40gb", "region": "us-east-1"}),
    "aws, zone": ("ray-aws", {"gpu_type": "L4", "cpus": 20, "zone": "eu-central-1b", "image": "me/mine:1"}),
    "gcp": ("ray-gcp", GCP),
    "gcp, GPUs": ("ray-gcp", {**GCP, "gpus": 4, "gpu_type": "L4", "zone": "europe-west4-a", "name": "fast"}),
    "on-prem": ("ray-onprem", {"hosts": ("head.lab", "10.0.0.7", "fd00::1"), "user": "ada"}),
    "on-prem, one": ("ray-onprem", {"hosts": ("head",)}),
    "kuberay": ("kuberay", {}),
    "kuberay, GPUs": ("kuberay", {"nodes": 3, "gpus": 2, "gpu_type": "NVIDIA-L4", "cpus": 16, "name": "k"}),
    "kuberay, image": ("kuberay", {"gpus": 1, "image": "registry.example.org:5000/group/sweeps:0.1"}),
}


def case(name: str) -> str:
    kind, said = CASES[name]
    return render(kind, Wanted(**said))


def launcher(text: str) -> dict[str, Any]:
    """What `ray up` makes of a file before it talks to a cloud; raises where Ray refuses it."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(yaml.safe_load(text))
    validate_config(config)
    for node in config["available_node_types"].values():
        if config["provider"]["type"] == "aws":
            ec2()[0].validate(node["node_config"])
        elif config["provider"]["type"] == "gcp":
            compute_instance().validate(node["node_config"])
    return config


@cache
def ec2() -> tuple[jsonschema.Draft7Validator, tuple[str, ...]]:
    """AWS's own description of RunInstances, as a JSON schema that refuses what it does not name, and all machine types."""
    found = find_spec("mypy_boto3_ec2")
    assert found is not None
    # what its modules import of botocore is no type of ours, and botocore wants an old dateutil
    absent = {name: ModuleType(name) for name in ("mypy_boto3_ec2", "botocore", "botocore.response")}
    vars(absent["mypy_boto3_ec2"])["__path__"] = list(found.submodule_search_locations or ())
    vars(absent["botocore.response"])["StreamingBody"] = object
    with patch.dict(sys.modules, absent):
        types = import_module("mypy_boto3_ec2.type_defs")
        known = import_module("mypy_boto3_ec2.literals").InstanceTypeType
        schema = TypeAdapter(types.RunInstancesRequestTypeDef).json_schema()
    del schema["required"]  # how many: Ray says that
    for each in (schema, *schema["$defs"].values()):
        each.setdefault("additionalProperties", False)
    return jsonschema.Draft7Validator(schema), get_args(known)


@cache
def compute_instance() -> jsonschema.Draft7Validator:
    """Google's own description of an instance, as a JSON schema that refuses what it does not name."""
    folder = files("googleapiclient.discovery_cache") / "documents"
    described = json.loads((folder / "compute.v1.json").read_text(encoding="utf-8"))["schemas"]

    foreign = ("id", "required", "minimum", "maximum")  # Google's, not JSON schema's

    def closed(schema: Any) -> Any:
        if not isinstance(schema, dict):
            return [closed(each) for each in schema] if isinstance(schema, list) else schema
        schema = {name: closed(each) for name, each in schema.items() if name not in foreign}
        if schema.get("type") == "any":
            del schema["type"]
        if isinstance(schema.get("$ref"), str):
            schema["$ref"] = "#/definitions/" + schema["$ref"]
        if schema.get("format") in ("int64", "uint64") and schema.get("type") == "string":
            schema["type"] = ["string", "integer"]  # JSON numbers are read too
        if isinstance(schema.get("properties"), dict):
            schema.setdefault("additionalProperties", False)
        return schema

    definitions = {name: closed(each) for name, each in described.items()}
    return jsonschema.Draft7Validator({"$ref": "#/definitions/Instance", "definitions": definitions})


# The fields of RayCluster v1 that we use, from KubeRay's API reference. The whole CRD is checked below where it is at hand.
RAY_CLUSTER = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "ray.io/v1"},
        "kind": {"const": "RayCluster"},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["headGroupSpec"],
            "properties": {
                "rayVersion": {"type": "string"},
                "authOptions": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"mode": {"enum": ["disabled", "token"]}, "secretName": {"type": "string"}},
                },
                "enableInTreeAutoscaling": {"type": "boolean"},
                "headGroupSpec": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["template"],
                    "properties": {
                        "serviceType": {"type": "string"},
                        "rayStartParams": {"additionalProperties": {"type": "string"}},
                        "template": {"type": "object"},
                    },
                },
                "workerGroupSpecs": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["groupName", "maxReplicas", "minReplicas", "template"],
                        "properties": {
                            "groupName": {"type": "string"},
                            "replicas": {"type": "integer"},
                            "minReplicas": {"type": "integer"},
                            "maxReplicas": {"type": "integer"},
                            "rayStartParams": {"additionalProperties": {"type": "string"}},
                            "template": {"type": "object"},
                        },
                    },
                },
            },
        },
    },
}


def kubernetes(text: str) -> dict[str, dict[str, Any]]:
    """The file's objects by kind, each checked; raises where Kubernetes, or Ray's reader of RayClusters, refuses one."""
    import kubernetes_validate
    from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr

    objects = {each["kind"]: each for each in yaml.safe_load_all(text) if each}
    for kind, each in list(objects.items()):
        if kind != "RayCluster":
            kubernetes_validate.validate(each, "1.33", strict=True)
            continue
        jsonschema.validate(each, RAY_CLUSTER)
        groups = [each["spec"]["headGroupSpec"], *each["spec"]["workerGroupSpecs"]]
        for group in groups:
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, **group["template"]}
            kubernetes_validate.validate(pod, "1.33", strict=True)
        named = {**each, "metadata": {"namespace": "default", **each["metadata"]}}
        objects["seen by Ray"] = _derive_autoscaling_config_from_ray_cr(named)
    return objects


def accept(kind: str) -> Callable[[str], Any]:
    return kubernetes if kind == "kuberay" else launcher


@pytest.mark.parametrize("name", CASES)
def test_others_accept_the_file(name: str) -> None:
    accept(CASES[name][0])(case(name))


TYPOS = [
    ("aws", "\nmax_workers:", "\nmax_worker:"),
    ("aws", "head_node_type: head", "head_node_type: heat"),
    ("aws", "    max_workers: 2", "    max_workrs: 2"),
    ("aws", "InstanceType: c7i.2xlarge", "InstanceType: c7i.3xlarge"),
    ("aws", "InstanceType:", "Instancetype:"),
    ("aws", "VolumeSize: 150", "VolumeSize: big"),
    ("aws", "GroupName", "Groupname"),
    ("gcp, GPUs", "resources: {CPU: 48", "resources: {CPU: many"),
    ("gcp, GPUs", "machineType:", "machinetype:"),
    ("gcp, GPUs", "sourceImage:", "image:"),
    ("gcp, GPUs", "onHostMaintenance:", "onMaintenance:"),
    ("gcp, GPUs", "initialization_commands:", "initialisation_commands:"),
    ("on-prem", "ssh_user", "user"),
    ("on-prem", "upscaling_speed: 1.0", "upscaling_speed: fast"),
    ("kuberay", "replicas: 2", "replica: 2"),
    ("kuberay", "mode: token", "mode: tokens"),
    ("kuberay", "          containers:", "          container:"),
    ("kuberay", "mountPath: /packages", "mountpath: /packages"),
    ("kuberay", "policyTypes: [Ingress]", "policyType: [Ingress]"),
    ("kuberay", "data:\n", "datas:\n"),
]


@pytest.mark.parametrize(("name", "right", "wrong"), TYPOS)
def test_these_checks_refuse_a_typo(name: str, right: str, wrong: str) -> None:
    text = case(name)
    assert right in text
    with pytest.raises((jsonschema.ValidationError, ValueError)):
        accept(CASES[name][0])(text.replace(right, wrong))


def test_kuberay_against_the_crd() -> None:
    """The operator's own CRD with every open object closed, so that a typo is refused."""
    repository = REPOSITORY
    folder = Path(os.environ.get("SEQSWEEP_TEST_DATA", repository.parent / "shared" / "data"))
    path = folder / "kuberay" / "ray.io_rayclusters.yaml"
    if not path.is_file():
        pytest.skip(
            f"no CRD of KubeRay's in {path.parent}: it is ray-operator/config/crd/bases/{path.name} of its repository"
        )
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    versions = yaml.load(path.read_text(encoding="utf-8"), loader)["spec"]["versions"]
    schema = next(each for each in versions if each["name"] == "v1")["schema"]["openAPIV3Schema"]

    def close(each: Any) -> None:
        if isinstance(each, dict):
            if each.pop("x-kubernetes-int-or-string", False):
                each.pop("anyOf", None)
                each["type"] = ["integer", "string"]
            if isinstance(each.get("properties"), dict) and not each.get(
                "x-kubernetes-preserve-unknown-fields"
            ):
                each.setdefault("additionalProperties", False)
            for inner in each.values():
                close(inner)
        elif isinstance(each, list):
            for inner in each:
                close(inner)

    close(schema)
    schema["properties"]["metadata"] = {"type": "object"}
    validator = jsonschema.Draft7Validator(schema)
    for name in CASES:
        if CASES[name][0] == "kuberay":
            found = next(
                each for each in yaml.safe_load_all(case(name)) if each and each["kind"] == "RayCluster"
            )
            assert [error.message for error in validator.iter_errors(found)] == []
            for path_, typo in (("spec", "rayVersions"), ("spec", "authOption")):
                found[path_][typo] = "x"
                assert len(list(validator.iter_errors(found))) == 1
                del found[path_][typo]
            found["spec"]["workerGroupSpecs"][0]["template"]["spec"]["container"] = []
            assert len(list(validator.iter_errors(found))) == 1


def test_counts_and_machines_are_those_that_were_asked_for() -> None:
    aws = launcher(case("aws, GPUs"))
    assert aws["max_workers"] == 64
    worker = aws["available_node_types"]["worker"]
    assert (worker["min_workers"], worker["max_workers"]) == (64, 64)
    assert worker["node_config"]["InstanceType"] == "p4d.24xlarge"
    assert (aws["provider"]["region"], "availability_zone" in aws["provider"]) == ("us-east-1", False)
    zone = launcher(case("aws, zone"))
    assert (zone["provider"]["region"], zone["provider"]["availability_zone"]) == (
        "eu-central-1",
        "eu-central-1b",
    )
    assert zone["available_node_types"]["worker"]["node_config"]["InstanceType"] == "g6.8xlarge"
    assert zone["docker"]["image"] == "me/mine:1"
    gcp = launcher(case("gcp, GPUs"))
    assert (gcp["cluster_name"], gcp["provider"]["project_id"]) == ("fast", "my-project")
    assert (gcp["provider"]["region"], gcp["provider"]["availability_zone"]) == (
        "europe-west4",
        "europe-west4-a",
    )
    assert gcp["available_node_types"]["worker"]["resources"] == {"CPU": 48, "GPU": 4}
    lab = launcher(case("on-prem"))
    assert (lab["provider"]["head_ip"], lab["provider"]["worker_ips"]) == (
        "head.lab",
        ["10.0.0.7", "fd00::1"],
    )
    assert (lab["max_workers"], lab["auth"]["ssh_user"]) == (2, "ada")
    assert launcher(case("on-prem, one"))["provider"]["worker_ips"] == []
    seen = kubernetes(case("kuberay, GPUs"))["seen by Ray"]
    resources = {name: node["resources"] for name, node in seen["available_node_types"].items()}
    assert (resources["workers"]["CPU"], resources["workers"]["GPU"]) == (16, 2)
    assert resources["headgroup"]["CPU"] == 0
    assert seen["available_node_types"]["workers"]["max_workers"] == 3
    own = kubernetes(case("kuberay, image"))
    assert set(own) == {"RayCluster", "NetworkPolicy", "seen by Ray"}, (
        "an image of one's own is not installed into"
    )


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name][0].startswith("ray-")])
def test_nothing_listens_beyond_what_it_must(name: str) -> None:
    config = launcher(case(name))
    head = " ".join(config["head_start_ray_commands"])
    assert "--dashboard-host=127.0.0.1" in head
    assert "0.0.0.0" not in case(name)
    for commands in (config["head_start_ray_commands"], config["worker_start_ray_commands"]):
        assert re.search(r"RAY_AUTH_MODE=token \S*ray start", commands[-1]), (
            "every connection needs the token"
        )
    assert config["file_mounts"] == {"~/.ray/auth_token": "~/.ray/auth_token"}


def test_kuberay_listens_to_its_own_pods_alone() -> None:
    objects = kubernetes(case("kuberay"))
    spec = objects["RayCluster"]["spec"]
    assert spec["authOptions"] == {"mode": "token"}
    assert spec["headGroupSpec"]["serviceType"] == "ClusterIP"
    assert spec["headGroupSpec"]["rayStartParams"]["dashboard-host"] == "127.0.0.1"
    own = {"matchLabels": {"ray.io/cluster": "seqsweep"}}
    policy = objects["NetworkPolicy"]["spec"]
    assert (policy["podSelector"], policy["ingress"]) == (own, [{"from": [{"podSelector": own}]}])


@pytest.mark.parametrize("name", CASES)
def test_every_file_says_how_and_warns(name: str) -> None:
    text = case(name)
    for words in (
        "START",
        "STOP",
        "seqsweep submit SPEC --address http://127.0.0.1:8265",
        "must not face the",
    ):
        assert words in text
    assert all(
        len(line) <= 130 for line in text.splitlines() if "pip install" not in line and "://" not in line
    )


def test_pinned_to_what_is_installed() -> None:
    release = re.sub(r"\+.*", "", version("torch"))
    ray = version("ray")
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    for name in ("aws", "gcp", "on-prem"):
        [install] = [line for line in launcher(case(name))["setup_commands"] if "pip install" in line]
        assert f"'torch=={release}'" in install
        assert re.search(rf"'ray\[[a-z,]*\bdefault\b[a-z,]*\]=={ray}'", install), "the Jobs API"
        assert "+" not in install
        assert "seqsweep==" not in install
        assert install.count("==") == install.count("'") / 2
    assert launcher(case("aws"))["docker"]["image"] == f"rayproject/ray:{ray}-{python}-cpu"
    assert launcher(case("gcp, GPUs"))["docker"]["image"] == f"rayproject/ray:{ray}-{python}-gpu"
    objects = kubernetes(case("kuberay"))
    assert objects["RayCluster"]["spec"]["rayVersion"] == ray
    assert f"torch=={release}\n" in objects["ConfigMap"]["data"]["requirements.txt"]


def test_every_machine_type_exists_and_can_be_asked_for() -> None:
    _, known = ec2()
    from seqsweep.cluster.instances import _table

    for cloud, table in _table().items():
        assert sorted(table["cpus"], key=lambda row: row[2]) == table["cpus"]
        for gpu_type, rows in [(None, table["cpus"]), *table["gpus"].items()]:
            for type_, gpus, cpus in rows:
                assert cloud != "ray-aws" or type_ in known
                assert choose(cloud, gpus=gpus, gpu_type=gpu_type, cpus=cpus).type == type_


@pytest.mark.parametrize(
    ("kind", "said", "message"),
    [
        ("ray-asw", {}, r"KIND is 'ray-asw', but must be one of .*; did you mean ray-aws\?"),
        ("ray-aws", {"gpu_type": "H10O"}, r"--gpu-type is 'H10O', which ray-aws has not; did you mean H100"),
        ("ray-aws", {"gpu_type": "A100"}, r"did you mean A100-40GB or A100-80GB\?"),
        ("ray-aws", {"gpu_type": "xyz"}, r"which ray-aws has not; known: A10G, L4,"),
        ("ray-aws", {"gpu_type": "H100", "gpus": 3}, r"--gpus is 3, but .* there are 1 or 8 a node"),
        ("ray-aws", {"gpus": 2}, "--gpus is 2: ray-aws needs --gpu-type too"),
        ("ray-aws", {"gpu_type": "L4", "gpus": 0}, "--gpu-type is L4, but --gpus is 0"),
        (
            "ray-aws",
            {"gpu_type": "L4", "cpus": 100},
            "largest machine type of ray-aws with 1 L4 GPUs has 64 CPUs",
        ),
        (
            "ray-gcp",
            {**GCP, "cpus": 1000},
            "--cpus is 1000, but the largest machine type of ray-gcp has 128 CPUs",
        ),
        ("ray-gcp", {}, "ray-gcp needs --project"),
        (
            "ray-gcp",
            {**GCP, "zone": "us-central1-a", "region": "us-east1"},
            "which is not in --region us-east1",
        ),
        ("ray-onprem", {}, "ray-onprem needs --hosts"),
        ("ray-onprem", {"hosts": ("a", "b", "a")}, "--hosts names a machine twice"),
        ("ray-onprem", {"hosts": ("a", "b c")}, "--hosts is 'b c', but must be"),
        (
            "ray-onprem",
            {"hosts": ("a",), "nodes": 3},
            "--nodes has no meaning for ray-onprem, which takes --name, --hosts",
        ),
        ("slurm", {"region": "us-east-1"}, "--region has no meaning for slurm"),
        ("slurm", {"time": "tomorrow"}, "--time is 'tomorrow', but must be minutes"),
        ("slurm", {"nodes": 0}, "--nodes is 0, but must be at least 1"),
        (
            "kuberay",
            {"name": "Big Cluster"},
            "--name is 'Big Cluster', but must be 1 to 40 lower-case letters",
        ),
        ("kuberay", {"image": "x; rm -rf /"}, "--image is 'x; rm -rf /', but must be a container image"),
    ],
)
def test_mistakes_are_named(kind: str, said: dict[str, Any], message: str) -> None:
    with pytest.raises(ClusterError, match=message):
        render(kind, Wanted(**said))


def spelled(field: str) -> st.SearchStrategy[str]:
    """Good spellings, near misses and anything."""
    good = st.from_regex(module._PATTERNS[field][0], fullmatch=True)
    return (
        good
        | st.tuples(good, st.sampled_from(["\n", "'", '"', " ", "$(x)", "#", ": ", "{{"]), good).map("".join)
        | st.text()
    )


def found(kind: str, field: str, text: str) -> Any:
    """The value of an option as a reader of the file finds it."""
    if kind == "slurm":
        directive = {"name": "job-name"}.get(field, field)
        return re.findall(rf"^#SBATCH --{directive}=(.*)$", text, re.M)
    objects = list(yaml.safe_load_all(text))
    first, last = objects[0], objects[-1]
    if kind == "kuberay":
        cluster = next(each for each in objects if each and each["kind"] == "RayCluster")
        assert last["spec"]["podSelector"]["matchLabels"]["ray.io/cluster"] == cluster["metadata"]["name"]
        worker = cluster["spec"]["workerGroupSpecs"][0]["template"]["spec"]
        if field == "gpu_type":
            return [worker["nodeSelector"]["nvidia.com/gpu.product"]]
        return [cluster["metadata"]["name"] if field == "name" else worker["containers"][0]["image"]]
    return {
        "name": lambda: [first["cluster_name"]],
        "image": lambda: [first["docker"]["image"]],
        "project": lambda: [first["provider"]["project_id"]],
        "user": lambda: [first["auth"]["ssh_user"]],
        "hosts": lambda: [first["provider"]["head_ip"]],
    }[field]()


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("ray-aws", "name"),
        ("ray-aws", "image"),
        ("ray-gcp", "project"),
        ("ray-onprem", "user"),
        ("ray-onprem", "hosts"),
        ("kuberay", "name"),
        ("kuberay", "image"),
        ("kuberay", "gpu_type"),
        ("slurm", "name"),
        ("slurm", "partition"),
        ("slurm", "time"),
    ],
)
@settings(max_examples=40)
@given(data=st.data())
def test_whatever_is_said_arrives_unchanged_or_is_refused(kind: str, field: str, data: st.DataObject) -> None:
    value = data.draw(spelled(field))
    said = {each: {"project": "my-project", "hosts": ("head",)}[each] for each in KINDS[kind].needs}
    said[field] = (value,) if field == "hosts" else value
    complaint = None
    try:
        text = render(kind, Wanted(**said))
    except ClusterError as error:
        complaint = str(error)
    if complaint is None:
        assert found(kind, field, text) == [value]
    else:
        assert complaint.startswith(f"{module.option(field)} is {value!r}, but must be")


def test_every_gpu_type_renders() -> None:
    for cloud in ("ray-aws", "ray-gcp"):
        for gpu_type in gpu_types(cloud):
            gpus = 8
            launcher(
                render(cloud, Wanted(gpu_type=gpu_type, gpus=gpus, **(GCP if cloud == "ray-gcp" else {})))
            )
