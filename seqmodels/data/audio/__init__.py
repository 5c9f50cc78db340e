"""Sound: files to samples, samples to features by Kaldi's recipe."""
