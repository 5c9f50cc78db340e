"""Which stores there are, and that a secret in a URI goes nowhere."""

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seqsweep.results.errors import StoreError
from seqsweep.results.files import Folder
from seqsweep.sweeps.cli.app import main

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    "uri",
    [
        f"s3://AKIAIOSFODNN7EXAMPLE:{SECRET}@bucket/store",
        f"s3://AKIA:{SECRET[:9]}/{SECRET}@bucket/store",  # secrets may hold slashes
        f"s3://AKIA%3A{SECRET}%40bucket/store",
        f"s3://bucket/store?access_key=AKIA&secret_key={SECRET}",
        f"s3://bucket/store#{SECRET}",
        f"gs://{SECRET}@bucket/store",
        f"S3://AKIA:{SECRET}@bucket",
        f"s3:/AKIA:{SECRET}@bucket",
        f"hdfs://user:{SECRET}@host/store",
        f"file://user:{SECRET}@host/store",
    ],
)
@pytest.mark.parametrize("verb", [["list"], ["show"], ["run"], ["resume"]])
def test_a_uri_with_credentials_is_refused_and_not_repeated(
    uri: str, verb: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*verb, "--store", uri]) == 2
    output = "".join(capfd.readouterr())
    assert "error: " in output
    assert "Traceback" not in output
    assert SECRET not in output
    assert SECRET[:9] not in output
    if uri.startswith("s3://"):
        assert (
            "credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment" in output
        )


@pytest.mark.parametrize(
    "uri",
    ["s3://", "s3:///store", "s3://b", "s3://bucket/../other", "s3://bucket/a/./b", "s3://bucket/a//b", "s3://bucket/%2e%2e"],
)  # fmt: skip
def test_what_is_no_bucket_and_folder_is_refused(uri: str) -> None:
    with pytest.raises(StoreError, match="must be s3://BUCKET/FOLDER and nothing more"):
        Folder.at(uri)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [("s3://my-bucket", None), ("s3://my-bucket/a/b.c_d/", "s3://my-bucket/a/b.c_d"), ("S3://Bucket1/a", "s3://Bucket1/a")],
)  # fmt: skip
def test_plain_uris(uri: str, shown: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    folder = Folder.at(uri)
    assert str(folder) == (shown or uri)
    assert folder.system.region == "eu-central-1"


@settings(max_examples=300)
@given(st.text(max_size=30))
@example("bucket/a/../../b")
@example("bucket/a\n")
@example("bucket/\0")
def test_any_uri_is_a_folder_of_its_bucket_or_a_store_error(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(StoreError):
        patch.setenv("AWS_REGION", "eu-central-1")
        folder = Folder.at(f"s3://{text}")
        parts = folder.path.split("/")
        assert all(part and part not in (".", "..") for part in parts)
        assert not set("@:?#%\\") & set(folder.path)
        assert text.startswith(folder.path)


@pytest.mark.parametrize(
    ("variables", "endpoint"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "127.0.0.1:1"),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:2"},
            "127.0.0.1:2",
        ),
    ],
)
def test_the_endpoint_comes_from_the_environment(
    variables: dict[str, str], endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    folder = Folder.at("s3://bucket/x", patience=0)
    assert folder.system.region == "us-east-1"
    with pytest.raises(StoreError, match=endpoint):
        folder.exists("x")


def test_a_path_with_a_nul_is_refused() -> None:
    with pytest.raises(StoreError, match="NUL"):
        Folder.at("a\0b")
