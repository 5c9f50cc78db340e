"""How to install what a plain install of seqsweep leaves out: one sentence, wherever it is said."""


def install(extra: str) -> str:
    """Say how an extra of seqsweep's is installed: from its folder, as no package index has it yet."""
    return f"pip install '.[{extra}]' in seqsweep's folder"
