#!/usr/bin/env python3
"""Writes the table in recipes/kit/text/readers/entities.cc: the named characters of the HTML standard, as Python has them.

    python3 tests/golden/html_entities.py
"""
import html.entities
import os
import re
import textwrap

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../recipes/kit/text/readers/entities.cc")


def main():
    known = html.entities.html5
    items = []
    for name in sorted(n[:-1] for n in known if n.endswith(";")):
        points = "+".join("%x" % ord(c) for c in known[name + ";"])
        items.append(name + ("!" if name in known else "") + ":" + points)
    lines = ["    \"%s \"" % line for line in textwrap.wrap(" ".join(items), 102, break_long_words=False, break_on_hyphens=False)]
    with open(FILE, encoding="utf-8") as f:
        source = f.read()
    table = "constexpr char kEntities[] =\n" + "\n".join(lines) + ";\n"
    with open(FILE, "w", encoding="utf-8") as f:
        f.write(re.sub(r"constexpr char kEntities\[\] =\n.*?;\n", lambda _: table, source, count=1, flags=re.S))


if __name__ == "__main__":
    main()
