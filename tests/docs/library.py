#!/usr/bin/env python3
"""Writes docs/library.md from the doc comments of stdlib/*.dl; with --check, fails when the page is another."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# The order of the page; what is new comes at the end.
ORDER = ["prelude", "tensors", "random", "distributions", "text", "files", "nn", "init", "optim", "data", "metrics", "testing"]
INTERNAL = ["list_functions"]


def signature(lines, at):
    """The head of the declaration at lines[at]: up to its body."""
    text = ""
    for line in lines[at:]:
        text += (" " if text else "") + line.strip()
        if text.count("(") <= text.count(")"):
            break
    depth = 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        # The body begins behind the parameters: ` =` or ` {`.
        if depth == 0 and text[:i].count("(") and text[i:i + 2] in (" =", " {"):
            return text[:i].replace("( ", "(").replace(", )", ")")
    return text.replace("( ", "(").replace(", )", ")")


def entries(path):
    """The file's own doc, and (is method, signature, doc) of what it declares."""
    lines = path.read_text().split("\n")
    found, doc, private, head, sections = [], [], False, [], False
    for at, line in enumerate(lines):
        stripped = line.strip()
        if stripped.startswith("##"):
            doc.append(stripped[2:].strip())
            continue
        match = re.match(r"(  )?(mut |derivative )?(fn|module) \w", line)
        if match and not private and not (match.group(1) and not doc):
            found.append((bool(match.group(1)), signature(lines, at), " ".join(doc)))
        if not match and doc and not found and not head:
            head = doc
        private = stripped.startswith("# ") and not stripped.startswith("# --")
        doc = []
    return " ".join(head), found


def page():
    files = {path.stem: path for path in (ROOT / "stdlib").glob("*.dl") if path.stem not in INTERNAL}
    names = [n for n in ORDER if n in files] + sorted(set(files) - set(ORDER))
    out = ["# The library", "", "Written from the comments in `stdlib/` by `tests/docs/library.py`. What `prelude` holds or takes from other files is always",
           "there; the rest is imported: `import nn`.", ""]
    for name in names:
        head, found = entries(files[name])
        out += [f"## {name}", ""]
        if head:
            out += [head, ""]
        for method, text, doc in found:
            out.append(f"{'  ' if method else ''}- `{text}`" + (f": {doc}" if doc else ""))
        if found:
            out.append("")
    return "\n".join(out)


target = ROOT / "docs" / "library.md"
if "--check" in sys.argv:
    if not target.exists() or target.read_text() != page():
        sys.exit("docs/library.md is not what stdlib/ says: run tests/docs/library.py")
else:
    target.write_text(page())
