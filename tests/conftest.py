"""Shared fixtures: the real data sets, and torch as the tests want it (one thread, repeatable)."""

import gc
import os
from pathlib import Path

import hypothesis
import pytest
import torch

from tests import REPOSITORY
from tests.support.slow_tests import LISTED, function_of

# Ray gives way to whatever else runs; here that is other tests, and for its workers these wait
os.environ.setdefault("RAY_worker_niceness", "0")
# the user's cache folder is not ours
os.environ["SEQSWEEP_FEATURE_CACHE"] = "off"

gc.disable()  # thousands of tests are gathered, and stay: looking at each again and again took a third of the time

hypothesis.settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("untimed")


FIRST = (
    "test_local.py",  # starts Rays of its own, so before those files that share one
    "test_submission.py",
    "test_cluster_faults.py",
    "test_faults.py",
    "test_project.py",  # mypy
    "test_doctor_cluster.py",
    "test_backends.py",
    "test_footprint.py",
)


@pytest.hookimpl(tryfirst=True)  # before `-m` is looked at
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest files first, or where files are shared out to processes one of them is what all wait for at the end.

    What is not listed in slow.txt, and starts nothing that takes seconds, is marked quick.
    """
    listed = set(LISTED.read_text().split())
    for item in items:
        starts = SLOW_FIXTURES & set(getattr(item, "fixturenames", ()))
        if not starts and function_of(item.nodeid) not in listed:
            item.add_marker(pytest.mark.quick)
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST))


SLOW_FIXTURES = {"local_ray", "nodes", "undisturbed", "trained_store", "browser"}


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with handwriting-kannada-telugu/, cv-hindi-5/ and japanese-vowels/; skips where it is absent."""
    folder = Path(os.environ.get("SEQSWEEP_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if (folder / "cv-hindi-5").is_dir():
        return folder
    reason = f"no real data in {folder}; set SEQSWEEP_TEST_DATA"
    if os.environ.get("SEQSWEEP_REQUIRE_TEST_DATA"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(autouse=True, scope="session")
def single_threaded() -> None:
    """Small matrices gain nothing from threads, and two cores are shared."""
    torch.set_num_threads(1)
