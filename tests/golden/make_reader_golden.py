#!/usr/bin/env python3
"""Writes readers.json: made-up HTML and CSV with what html5lib's tokenizer and Python's csv module read in them.

    python3 -m venv venv && venv/bin/pip install html5lib==1.1 && venv/bin/python tests/golden/make_reader_golden.py
"""
import csv
import io
import json
import os
import random

from html5lib._tokenizer import HTMLTokenizer
from html5lib.constants import tokenTypes

HTML = ["<", ">", "</", "<!", "<!--", "-->", "--", "->", "!", "<?", "?>", "/", "/>", '"', "'", "=", " ", "\n", "a", "b", "p", "<p>", "</p>",
        '<a href="', "<br/>", "&", "&amp;", "&lt", "&#65;", "&#x41", "&nbsp;", "&copy", "&notit;", "&zzz;", ";", "#", "x", "1", "é", "<script>",
        "</script>", "</script >", "<style>", "</style>", "<title>", "</title>", "<textarea>", "</textarea>", "A", "<B C=D>", "<!DOCTYPE html>",
        "<![CDATA[", "]]>", "</>", "\t", "&AMP;", "&hellip;", "&#0;", "&#128;", "&#xD800;", "&ngE;", "&NotEqualTilde;", "&alpha", ".", "-", "_",
        ":", "<a b='c'd=e>", '<a b="1" b="2">', "é<", "<é>", "\r\n"]
CLOSING = "\">'>--></script></style></title></textarea>"  # so that nothing is left open
CSV = ['"', ",", "\n", "\r\n", "a", 'b"', '""', '"a"', '"a,b"', '"\n"', " ", "é", "\t", '"x""y"']


def html_tokens(text):
    """Texts as strings, tags as [kind, name, attributes, self-closing]."""
    tokens, tokenizer = [], HTMLTokenizer(text)
    for token in tokenizer:
        kind = token["type"]
        if kind in (tokenTypes["Characters"], tokenTypes["SpaceCharacters"]):
            if tokens and isinstance(tokens[-1], str):
                tokens[-1] += token["data"]
            else:
                tokens.append(token["data"])
        elif kind == tokenTypes["EndTag"]:
            tokens.append(["end", token["name"], [], False])
        elif kind in (tokenTypes["StartTag"], tokenTypes["EmptyTag"]):
            tokens.append(["start", token["name"], list(map(list, token["data"].items())), bool(token.get("selfClosing"))])
            # What a browser's tree construction tells its tokenizer.
            states = {"script": tokenizer.scriptDataState, "style": tokenizer.rawtextState, "title": tokenizer.rcdataState,
                      "textarea": tokenizer.rcdataState}
            tokenizer.state = states.get(token["name"], tokenizer.state)
    return tokens


def csv_records(text):
    try:
        return [record for record in csv.reader(io.StringIO(text, newline=""), strict=True) if record]
    except csv.Error:
        return None


def main():
    random.seed(1)
    html = ["".join(random.choices(HTML, k=random.randint(1, 14))).replace("\r", "") + CLOSING for _ in range(400)]
    table = ["".join(random.choices(CSV, k=random.randint(0, 12))) for _ in range(500)]
    result = {"html": [[t, html_tokens(t)] for t in html], "csv": [[t, csv_records(t)] for t in table]}
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "readers.json"), "w", encoding="utf-8") as f:
        json.dump(result, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
