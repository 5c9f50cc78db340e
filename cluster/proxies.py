"""Which proxy a request takes: the one that the environment names, but none to this very machine."""

import ipaddress
import os
import re
import socket
from urllib.parse import urlsplit

NAMES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")
EXCEPTIONS = ("no_proxy", "no_grpc_proxy")
LOOPBACK = "localhost,127.0.0.1,127.0.0.0/8,::1"


def spare_loopback() -> None:
    """Add this machine's own addresses to what the environment excepts from proxies, for whatever asks in our name.

    Ray, curl (in pyarrow) and every child read the variables themselves; an address spelled otherwise is only known to
    `for_url`.
    """
    if not any(os.environ.get(spelled) for name in NAMES for spelled in (name, name.upper())):
        return
    for name in EXCEPTIONS:
        said = os.environ.get(name) or os.environ.get(name.upper()) or ""
        if name == "no_grpc_proxy" and not said:
            continue  # gRPC then heeds no_proxy
        if said.strip() == "*" or all(each in said.split(",") for each in LOOPBACK.split(",")):
            excepted = said
        else:
            excepted = ",".join(filter(None, [said, LOOPBACK]))
        os.environ[name] = os.environ[name.upper()] = excepted


def for_url(url: str) -> str | None:
    """The proxy that a request for `url` takes, as the environment has it; None for none, and always to loopback."""
    from requests.utils import get_environ_proxies, select_proxy

    proxy = select_proxy(url, get_environ_proxies(url))
    if not proxy or is_loopback(urlsplit(url).hostname or ""):
        return None
    return str(proxy)


def for_requests(url: str) -> dict[str, str]:
    """The argument `proxies` of `requests`: an empty text is no proxy, also where the answer leads elsewhere."""
    proxy = for_url(url) or ""
    return {"http": proxy, "https": proxy}


def described(proxy: str) -> str:
    """The proxy for a message: without a password in it, and with the variable that names it."""
    for name in NAMES:
        for spelled in (name, name.upper()):
            value = os.environ.get(spelled)
            if value and _bare(value) == _bare(proxy):
                return f"the proxy {_bare(proxy)} (${spelled})"
    return f"the proxy {_bare(proxy)}"


def _bare(proxy: str) -> str:
    """Without user and password, and as `requests` completes it."""
    bare = re.sub(
        r"^([a-z0-9+.-]+://)?(?:[^/]*@)?", lambda found: found[1] or "http://", proxy.strip(), flags=re.I
    )
    return bare.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, however it is spelled: `127.1`, `0x7f000001`, `::ffff:127.0.0.1`, `LOCALHOST.`.

    The unspecified address leads to this machine too. Other names are looked up.
    """
    host = host.strip("[]").rstrip(".").lower().partition("%")[0]
    if not host:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    if address is not None:
        return _is_own(address)
    try:
        found = {_address(str(each[4][0]).partition("%")[0]) for each in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(each is not None and _is_own(each) for each in found)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        # as the system reads it, and thus whoever connects: with fewer parts, in octal or hexadecimal
        return ipaddress.IPv4Address(socket.inet_aton(host)) if re.fullmatch(r"[0-9a-fx.]+", host) else None
    except OSError:
        return None


def _is_own(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback or (mapped or address).is_unspecified
