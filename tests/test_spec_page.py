"""docs/spec.md has every key of a spec, as the models check it."""

import importlib.util

from tests import REPOSITORY

DOCS = REPOSITORY / "docs"


def test_the_page_is_what_the_models_say() -> None:
    spec = importlib.util.spec_from_file_location("spec_page", DOCS / "tools" / "spec_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (DOCS / "spec.md").read_text(encoding="utf-8")
    assert written == module.page(), "run `python docs/tools/spec_page.py`"
