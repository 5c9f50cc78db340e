"""Data that people gave us in three formats are the same in each format that can hold them."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, ipc
from scipy.io import savemat

from seqsweep.seqmodels.data.collection import Collection
from seqsweep.seqmodels.data.formats.base import Format
from seqsweep.seqmodels.data.formats.mfcc import MFCC
from seqsweep.seqmodels.data.formats.strokes import STROKES
from seqsweep.seqmodels.data.formats.ts import TS
from seqsweep.seqmodels.data.formats.writing import write_parquet
from seqsweep.seqmodels.data.preparing import prepare
from seqsweep.seqmodels.data.source import collect

SETS: dict[str, tuple[Format, str]] = {
    "vowels": (TS, "japanese-vowels"),
    "strokes": (STROKES, "handwriting-kannada-telugu/handwriting.tar.xz"),
    "syllables": (MFCC, "cv-hindi-5/cv-hindi-5.tar.xz"),
}


@pytest.fixture(scope="module", params=list(SETS))
def original(request: pytest.FixtureRequest, real_data: Path) -> tuple[Format, Collection]:
    form, path = SETS[request.param]
    return form, form.collect(real_data / path)[0]


def long_frame(data: Collection) -> pd.DataFrame:
    lengths = [len(each) for each in data.sequences]
    values = np.concatenate(data.sequences)
    frame = pd.DataFrame(values, columns=[f"f{place}" for place in range(values.shape[1])])
    frame.insert(0, "sequence", np.repeat(data.ids, lengths))
    frame.insert(1, "label", np.repeat(data.labels, lengths))
    frame.insert(2, "split", np.repeat(np.array(data.parts, object), lengths))
    return frame


def list_table(data: Collection) -> pa.Table:
    columns = {"id": data.ids, "label": data.labels, "split": data.parts}
    return pa.table({**columns, "values": [each.tolist() for each in data.sequences]})


def as_csv(data: Collection, folder: Path) -> None:
    long_frame(data).to_csv(folder / "data.csv", index=False)


def as_decimal_commas(data: Collection, folder: Path) -> None:
    long_frame(data).to_csv(folder / "data.csv", index=False, sep=";", decimal=",", encoding="utf-8-sig")


def as_long_parquet(data: Collection, folder: Path) -> None:
    long_frame(data).to_parquet(folder / "data.parquet")


def as_long_feather(data: Collection, folder: Path) -> None:
    feather.write_feather(pa.Table.from_pandas(long_frame(data)), folder / "data.feather")


def as_parquet(data: Collection, folder: Path) -> None:
    write_parquet(data, folder / "data.parquet")


def as_arrow_stream(data: Collection, folder: Path) -> None:
    table = list_table(data)
    with ipc.new_stream(folder / "data.arrow", table.schema) as stream:
        stream.write_table(table, max_chunksize=100)


def as_json_lines(data: Collection, folder: Path) -> None:
    with (folder / "data.jsonl").open("w") as file:
        for row in list_table(data).to_pylist():
            file.write(json.dumps(row) + "\n")


WRITERS: list[Callable[[Collection, Path], None]] = [
    as_csv,
    as_decimal_commas,
    as_long_parquet,
    as_long_feather,
    as_parquet,
    as_arrow_stream,
    as_json_lines,
]


@pytest.mark.parametrize("write", WRITERS, ids=lambda each: each.__name__)
def test_the_tokens_are_the_same(
    original: tuple[Format, Collection], write: Callable[[Collection, Path], None], tmp_path: Path
) -> None:
    form, data = original
    write(data, tmp_path)
    found, _, _ = collect({"path": str(tmp_path)})
    one = prepare(data, "set", form.transforms)
    other = prepare(found, "set", form.transforms)
    assert one.ids == other.ids
    assert one.fingerprint == other.fingerprint


def as_padded_arrays(data: Collection, folder: Path) -> None:
    for part in ("train", "test"):
        some = [place for place, of in enumerate(data.parts) if of == part]
        shape = (len(some), max(len(data.sequences[place]) for place in some), data.sequences[0].shape[1])
        whole = np.full(shape, np.nan)
        for row, place in enumerate(some):
            whole[row, : len(data.sequences[place])] = data.sequences[place]
        np.save(folder / f"X_{part}.npy", whole)
        np.save(folder / f"y_{part}.npy", np.array([data.labels[place] for place in some]))


def as_flat_arrays(data: Collection, folder: Path) -> None:
    arrays = {}
    for part in ("train", "test"):
        some = [place for place, of in enumerate(data.parts) if of == part]
        arrays[f"X_{part}"] = np.concatenate([data.sequences[place] for place in some])
        arrays[f"y_{part}"] = np.array([data.labels[place] for place in some])
        arrays[f"lengths_{part}"] = np.array([len(data.sequences[place]) for place in some])
    np.savez(folder / "data.npz", **arrays)


def as_kaldi(data: Collection, folder: Path) -> None:
    for part in ("train", "test"):
        (folder / part).mkdir()
        lines = {"feats.scp": "", "utt2label": ""}
        with (folder / part / "raw.ark").open("wb") as ark:
            for place, of in enumerate(data.parts):
                if of == part:
                    values = np.asarray(data.sequences[place], "<f8")
                    ark.write(f"{place} ".encode())
                    lines["feats.scp"] += f"{place} data/{part}/raw.ark:{ark.tell()}\n"
                    lines["utt2label"] += f"{place} {data.labels[place]}\n"
                    ark.write(
                        b"\0BDM "
                        + struct.pack("<bibi", 4, len(values), 4, values.shape[1])
                        + values.tobytes()
                    )
        for name, text in lines.items():
            (folder / part / name).write_text(text)


def as_htk(data: Collection, folder: Path) -> None:
    for place, values in enumerate(data.sequences):
        file = folder / data.labels[place] / str(data.parts[place]) / f"{place}.fea"
        file.parent.mkdir(parents=True, exist_ok=True)
        header = struct.pack(">iihH", len(values), 100_000, 4 * values.shape[1], 9)
        file.write_bytes(header + np.asarray(values).astype(">f4").tobytes())


def as_listed_files(data: Collection, folder: Path) -> None:
    (folder / "files").mkdir()
    lines = ["path,label,split"]
    for number, (values, label, part) in enumerate(zip(data.sequences, data.labels, data.parts, strict=True)):
        np.save(folder / f"files/{number}.npy", values)
        lines.append(f"files/{number}.npy,{label},{part}")
    (folder / "list.csv").write_text("\n".join(lines) + "\n")


def as_arff(data: Collection, folder: Path) -> None:
    longest = max(map(len, data.sequences))
    attributes = "".join(f"@attribute a{number} numeric\n" for number in range(longest))
    classes = ",".join(sorted(set(data.labels)))
    header = (
        f"@relation x\n@attribute r relational\n{attributes}@end r\n@attribute target {{{classes}}}\n@data\n"
    )
    for part in ("train", "test"):
        lines = []
        for values, label, of in zip(data.sequences, data.labels, data.parts, strict=True):
            padding = ["?"] * (longest - len(values))
            if of == part:
                rows = "\\n".join(",".join([*map(repr, column), *padding]) for column in values.T.tolist())
                lines.append(f"'{rows}',{label}\n")
        (folder / f"x_{part.upper()}.arff").write_text(header + "".join(lines))


def as_ts(data: Collection, folder: Path) -> None:
    for part in ("train", "test"):
        rows = zip(data.sequences, data.labels, data.parts, strict=True)
        lines = [
            ":".join([*(",".join(map(repr, column)) for column in values.T.tolist()), label])
            for values, label, of in rows
            if of == part
        ]
        header = f"@classLabel true {' '.join(sorted(set(data.labels)))}\n@data\n"
        (folder / f"x_{part.upper()}.ts").write_text(header + "\n".join(lines) + "\n")


def as_matlab(data: Collection, folder: Path) -> None:
    variables = {}
    for part in ("train", "test"):
        some = [place for place, of in enumerate(data.parts) if of == part]
        for name in ("X", "y"):
            variables[f"{name}_{part}"] = np.empty((len(some), 1), object)
        for row, place in enumerate(some):
            variables[f"X_{part}"][row, 0] = np.asarray(data.sequences[place]).T
            variables[f"y_{part}"][row, 0] = data.labels[place]
    savemat(folder / "data.mat", variables, do_compression=True)


def as_hdf5(data: Collection, folder: Path) -> None:
    as_padded_arrays(data, folder)
    with h5py.File(folder / "data.h5", "w") as file:
        for path in sorted(folder.glob("*.npy")):
            array = np.load(path)
            file[path.stem] = array.tolist() if array.dtype.kind == "U" else array
            path.unlink()


@pytest.mark.parametrize(
    "write",
    [
        as_padded_arrays,
        as_flat_arrays,
        as_kaldi,
        as_htk,
        as_listed_files,
        as_arff,
        as_ts,
        as_matlab,
        as_hdf5,
    ],
    ids=lambda each: each.__name__,
)
def test_the_numbers_are_the_same_where_ids_are_lost(
    original: tuple[Format, Collection], write: Callable[[Collection, Path], None], tmp_path: Path
) -> None:
    _, data = original
    write(data, tmp_path)
    found, _, _ = collect({"path": str(tmp_path)})

    kind = np.float32 if write is as_htk else np.float64  # HTK has no wider numbers

    def content(of: Collection) -> list[tuple[str, str | None, bytes]]:
        rows = zip(of.labels, of.parts, of.sequences, strict=True)
        return sorted((label, part or "", np.asarray(each, kind).tobytes()) for label, part, each in rows)

    assert content(found) == content(data)
