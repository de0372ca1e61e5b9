"""Writes the corpus, or with --check says whether the committed one is what would be written.

    python3 tests/vectors/generate [--check]
"""

import importlib
import json
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
VECTORS = HERE.parent

CASES = [
    "form", "header", "keysets", "signatures", "claims", "credentials", "answers", "paths", "routes", "requirements",
    "upstream", "modes", "fetching", "status",
]
SIGNATURES = ["standards"]


def build():
    """The text of every file, by its path."""
    files = {}
    for folder, names in (("cases", CASES), ("signatures", SIGNATURES)):
        for name in names:
            theme = importlib.import_module(f"themes.{name}").theme
            assert theme.name == name
            files[VECTORS / folder / f"{name}.jsonl"] = "".join(theme.lines)
    ids = Counter(json.loads(line)["id"] for text in files.values() for line in text.splitlines())
    twice = [id_ for id_, count in ids.items() if count > 1]
    assert not twice, f"an identifier names one case: {twice}"
    return files


def main():
    files = build()
    there = {path for folder in ("cases", "signatures") for path in (VECTORS / folder).glob("*")}
    if "--check" in sys.argv[1:]:
        wrong = [path for path in files if path not in there or path.read_text() != files[path]]
        wrong += there - files.keys()
        for path in wrong:
            print(f"{path.relative_to(VECTORS)} is not what the generator makes", file=sys.stderr)
        return 1 if wrong else 0
    for path in there - files.keys():
        path.unlink()
    for path, text in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        print(f"{path.relative_to(VECTORS)}: {text.count(chr(10))} cases, {len(text)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
