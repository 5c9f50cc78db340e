"""The `seqsweep` command; `app` puts it together."""
