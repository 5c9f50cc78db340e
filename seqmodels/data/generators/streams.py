"""Random streams that are addressed, not consumed: each place (class, writer, repetition, ...) has its own."""

import numpy as np


def stream(seed: int, *place: int) -> np.random.Generator:
    """The random numbers of one place.

    Philox-4x64 is counter-based (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): the seed is its
    key and up to three integers >= 0 form the upper words of its counter, so neither the order of the calls nor the
    presence of other places changes what a place draws.
    """
    if len(place) > 3:
        raise ValueError(f"a place has at most 3 coordinates, not {len(place)}")
    counter = np.zeros(4, dtype=np.uint64)
    counter[1 : 1 + len(place)] = place
    return np.random.Generator(np.random.Philox(key=seed, counter=counter))
