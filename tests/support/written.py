"""Small data sets on disk: the same files as a folder or as an archive."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

Tree = Mapping[str, str | bytes]


def as_bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode()


def write_folder(root: Path, tree: Tree) -> Path:
    """`tree` maps a path to a file's content; a path that ends in `/` is an empty folder."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in tree.items():
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(as_bytes(content))
    return root


def write_archive(path: Path, tree: Tree, top: str = "") -> Path:
    packing = {"tar": "", "gz": "gz", "tgz": "gz", "xz": "xz", "txz": "xz"}[path.suffix[1:]]
    with tarfile.open(path, f"w:{packing}") as archive:
        for name, content in tree.items():
            member = tarfile.TarInfo(top + name.rstrip("/"))
            if name.endswith("/"):
                member.type = tarfile.DIRTYPE
                archive.addfile(member)
            else:
                data = as_bytes(content)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return path


def write(place: str, folder: Path, tree: Tree) -> tuple[Path, str]:
    """Write `tree` as `place` says ("folder" or an archive's ending); the path, and how its files are named."""
    if place == "folder":
        path = write_folder(folder / "set", tree)
        return path, f"{path}/"
    path = write_archive(folder / f"set.{place}", tree)
    return path, f"{path}!"


PLACES = ["folder", "tar", "tar.gz", "tgz", "tar.xz", "txz"]
