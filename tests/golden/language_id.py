#!/usr/bin/env python3
"""Prints how many sentences of a file (language, tab, text) the package langdetect gets right: languages.tsv by default.

    python3 -m venv venv && venv/bin/pip install langdetect==1.0.9 && venv/bin/python tests/golden/language_id.py [FILE]
"""
import os
import sys

from langdetect import DetectorFactory, detect
from langdetect.lang_detect_exception import LangDetectException


def guess(text):
    try:
        return detect(text)
    except LangDetectException:
        return ""


def main():
    DetectorFactory.seed = 0
    here = os.path.dirname(os.path.abspath(__file__))
    with open(sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "languages.tsv"), encoding="utf-8") as f:
        lines = [line.rstrip("\n").split("\t") for line in f]
    print(sum(guess(text) == language for language, text in lines), "of", len(lines))


if __name__ == "__main__":
    main()
