"""Makes a data set of synthetic syllables, each half as frequent as the one before, and the spec of a sweep on it.

python docs/tools/uneven.py FOLDER && cd FOLDER && seqsweep run
python docs/tools/pictures.py --uneven --store FOLDER/store
"""

import argparse
from pathlib import Path

from seqsweep.seqmodels.data.collection import TEST, TRAIN, Collection
from seqsweep.seqmodels.data.formats.writing import write_parquet
from seqsweep.seqmodels.data.generators.syllables import generate

DRAWS = 3  # of the speakers
EVERY = 16  # of the least frequent syllable one in so many is kept
SPEC = """\
name = "uneven"
datasets = [{path = "uneven.parquet"}]
seeds = 5
candidates = 3

[architecture]
cell = ["rnn_tanh", "gru", "lstm"]
hidden = [12, 40]
readout = "last+max"

[hyperparameters]
lr = {log_uniform = [2e-3, 2e-2]}
schedule = "one_cycle"
clip_norm = 1.0

[training]
epochs = 10
min_change = 0.0
keep = "last"

[split]
by = "group"
"""


def uneven() -> Collection:
    """Draw speakers anew several times, and thin out what they say."""
    sequences, labels, ids, parts, groups = [], [], [], [], []
    for seed in range(DRAWS):
        data = generate(seed)
        assert data.group is not None
        for place, name in enumerate(data.ids):
            if 7919 * place % EVERY < EVERY >> data.label[place]:
                sequences.append(data.sequence(place)[:, :13])  # without deltas
                labels.append(data.class_names[data.label[place]])
                ids.append(f"{seed}/{name}")
                parts.append(TEST if data.is_test[place] else TRAIN)
                groups.append(f"{seed}/{data.group[place]}")
    return Collection(sequences, labels, ids, ids, parts, groups)


def main() -> None:
    """Write FOLDER/uneven.parquet and FOLDER/sweep.toml."""
    parser = argparse.ArgumentParser(description="Make an uneven data set, and the spec of a sweep on it.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    write_parquet(uneven(), folder / "uneven.parquet")
    (folder / "sweep.toml").write_text(SPEC)


if __name__ == "__main__":
    main()
