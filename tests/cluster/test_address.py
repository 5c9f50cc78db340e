"""Which dashboard is meant, and what is said where none or a senseless one is."""

from pathlib import Path

import pytest

from seqsweep.cluster.address import dashboard, is_dashboard
from seqsweep.cluster.local import ClusterError


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No variable is set, and the configuration is an empty folder; gives the file that would be read."""
    for name in ("SEQSWEEP_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = tmp_path / "seqsweep" / "config.toml"
    file.parent.mkdir()
    return file


def test_the_option_goes_before_the_variables_and_these_before_the_file(
    monkeypatch: pytest.MonkeyPatch, nowhere: Path
) -> None:
    nowhere.write_text('address = "http://file:1"')
    assert dashboard(None) == "http://file:1"
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://ray:2")
    assert dashboard(None) == "http://ray:2"
    monkeypatch.setenv("SEQSWEEP_ADDRESS", "https://ours:3/")
    assert dashboard(None) == "https://ours:3"
    assert dashboard("http://option:4") == "http://option:4"


def test_without_a_configuration_of_its_own_the_home_folder_is_looked_into(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / ".config" / "seqsweep" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('address = "http://home:1"')
    assert dashboard(None) == "http://home:1"


def test_none_is_named(nowhere: Path) -> None:
    with pytest.raises(
        ClusterError, match=r"give --address http://HOST:PORT .*, set \$SEQSWEEP_ADDRESS, or write"
    ):
        dashboard(None)


@pytest.mark.parametrize(
    "address",
    [
        "head:8265",
        "ray://head:10001",
        "auto",
        "http://",
        "http://:8265",
        "http://h:port",
        "http://h:0",
        "http://h?x",
    ],
)
def test_malformed(address: str, monkeypatch: pytest.MonkeyPatch, nowhere: Path) -> None:
    with pytest.raises(
        ClusterError, match=f"--address is '{address.replace('?', '.')}', but must be http://HOST:PORT"
    ):
        dashboard(address)
    monkeypatch.setenv("SEQSWEEP_ADDRESS", address)
    with pytest.raises(ClusterError, match=r"\$SEQSWEEP_ADDRESS is"):
        dashboard(None)


def test_a_password_in_it_is_refused_and_not_repeated() -> None:
    with pytest.raises(ClusterError, match=r"give Ray's token in \$RAY_AUTH_TOKEN") as caught:
        dashboard("http://me:secret@head:8265")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("address = 8265", "`address` in .*config.toml is 8265, but must be"),
        ("adress = 'http://h:1'", "config.toml: unknown key `adress`; there is only `address`"),
        ("address = ", "config.toml: cannot be read: Invalid value"),
    ],
)
def test_a_bad_file_is_named(nowhere: Path, text: str, message: str) -> None:
    nowhere.write_text(text)
    with pytest.raises(ClusterError, match=message):
        dashboard(None)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_wide_encoding_is_named(nowhere: Path, encoding: str) -> None:
    nowhere.write_bytes("address = 'http://h:1'".encode(encoding))
    with pytest.raises(ClusterError, match=f"it is written in {encoding.upper()}, but must be UTF-8"):
        dashboard(None)


def test_which_addresses_are_dashboards() -> None:
    assert is_dashboard("http://h:1")
    assert is_dashboard("https://h")
    assert not any(map(is_dashboard, (None, "auto", "h:6379", "ray://h:1")))
