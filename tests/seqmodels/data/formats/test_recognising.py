"""Each format looks at real files of all the others, and takes none of them."""

import contextlib

import pytest

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.files import list_files
from seqsweep.seqmodels.data.registry import FORMATS, recognise

FOLDERS = {
    "aiff": "audio", "csv-folders": "folder", "flac": "audio", "hdf5": "mat", "hf-save-to-disk": "table", "htk": "htk",
    "inkml": "inkml", "jsonl": "jsonl", "kaldi": "kaldi", "mat-v5": "mat", "ogg": "audio", "parquet": "table",
    "quickdraw": "quickdraw", "sphere": "audio", "ts": "ts", "ucr-tsv": "ucr", "unipen": "unipen", "wav": "audio",
}  # fmt: skip


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_of_real_files_is_recognised(real_data, name):
    found, reason = recognise(list_files(real_data / "formats" / name))
    assert found.name == FOLDERS[name]
    assert reason


def test_every_format_can_look_at_every_file(real_data):
    for path in sorted((real_data / "formats").rglob("*")):
        if path.is_file():
            files = list_files(path)
            for each in FORMATS:
                with contextlib.suppress(DataError):
                    assert each.recognise(files) != ""
