#!/usr/bin/env python3
"""Cuts excerpts of parallel sources out of what recipes/data/fetch has brought; make_excerpts calls it.

    sample_source.py catalogues OUT CACHE/libreoffice_de CACHE/libreoffice_fr ...
    sample_source.py help OUT CACHE/libreoffice_help_en_us CACHE/libreoffice_help_de ...
    sample_source.py cldr OUT CACHE/cldr
    sample_source.py sword OUT CACHE/bible_kjv ...

Writes OUT/RESOURCE/PATH for each file, at the path that it has in its package and in the package's format, so that
an excerpt is read as the whole is. What is chosen is the same in all languages: strings with one English text, pages
with the same paragraphs, symbols, books.
"""
import os
import re
import struct
import sys


def save(out, folder, path, data):
    target = os.path.join(out, os.path.basename(folder), path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as file:
        file.write(data)


def load(folder, path):
    with open(os.path.join(folder, path), "rb") as file:
        return file.read()


def paths(folder, ending):
    found = []
    for base, _, names in os.walk(folder):
        found += [os.path.relpath(os.path.join(base, name), folder) for name in names if name.endswith(ending)]
    return sorted(found)


def parse_mo(data):
    word = lambda at: struct.unpack_from("<I", data, at)[0]
    assert word(0) == 0x950412DE, "not a little-endian catalogue"
    text = lambda table, i: data[word(table + 8 * i + 4):][:word(table + 8 * i)]
    return {text(word(12), i): text(word(16), i) for i in range(word(8))}


def mo_bytes(entries):
    keys, count = sorted(entries), len(entries)
    tables, text = b"", b""
    for strings in (keys, [entries[key] for key in keys]):
        for string in strings:
            tables += struct.pack("<II", len(string), 28 + 16 * count + len(text))
            text += string + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 28 + 16 * count) + tables + text


def catalogues(out, folders):
    """Strings of Writer of two to eight English words, without markup, that every language translates."""
    files = {folder: [p for p in paths(folder, ".mo") if p.endswith("/sw.mo")][0] for folder in folders}
    all_entries = {folder: parse_mo(load(folder, path)) for folder, path in files.items()}

    def is_chosen(key):
        english = key.split(b"\x04")[-1].split(b"\0")[0]
        if not 2 <= len(english.split()) <= 8 or re.search(rb"[%<>{}\\$=\n]", english):
            return False
        return all(entries.get(key, b"").split(b"\0")[0] not in (b"", english) for entries in all_entries.values())

    chosen = [b""] + [key for key in all_entries[folders[0]] if is_chosen(key)]
    for folder, entries in all_entries.items():
        save(out, folder, files[folder], mo_bytes({key: entries[key] for key in chosen}))


def help_pages(out, folders):
    """Every seventh of the pages that all languages have with the same paragraphs, at most a fifth of them in English;
    of each page the paragraphs and headings that have an id."""
    marked = re.compile(rb'<(p|h\d) id="((?:par|hd)_[^"]*)".*?</\1>', re.S)
    text_of = {folder: paths(folder, ".html")[0].split("/text/")[0] + "/text/" for folder in folders}
    english = [f for f in folders if f.endswith("_en_us")][0]
    chosen = []
    for page in paths(os.path.join(english, text_of[english]), ".html"):
        found = {f: list(marked.finditer(load(f, text_of[f] + page))) for f in folders}
        own = found[english]
        if len(own) < 6:
            continue

        def is_parallel(folder):
            ids = [m.group(2) for m in found[folder]] == [m.group(2) for m in own]
            return ids and 5 * sum(a.group() == b.group() for a, b in zip(found[folder], own)) <= len(own)

        if all(is_parallel(f) for f in folders if f != english):
            chosen.append((page, found))
    for page, found in chosen[::7]:
        for folder in folders:
            elements = b"\n".join(m.group() for m in found[folder])
            save(out, folder, text_of[folder] + page, b"<html><body>\n" + elements + b"\n</body></html>\n")


CLDR_LANGUAGES = ("ar as bn ca cs da de el en es fi fr gl gu hi hu id it ja kn ko ml mr nl or pa pl pt ro ru sv sw ta te "
                  "tr uk vi zh").split()
CLDR_TERRITORIES = "AR AU BD BR CA CH CN DE DK EG ES FI FR GB GR HU IN IT JP KE MX NG NL NP PT RU SE TR US ZA".split()
CLDR_SYMBOLS = 40


def cldr(out, folders):
    """Names of symbols, spread over all that have one in every language here, and of languages and territories."""
    folder, common = folders[0], "usr/share/unicode/cldr/common/"

    def cut(kind, named, choose):
        files = {language: load(folder, f"{common}{kind}/{language}.xml").split(b"\n") for language in CLDR_LANGUAGES}
        keys = {language: [m.group(1) for m in map(named.search, lines) if m] for language, lines in files.items()}
        shared = set.intersection(*map(set, keys.values()))
        chosen = set(choose([key for key in dict.fromkeys(keys["en"]) if key in shared]))
        for language, lines in files.items():
            head = lines[:next(i for i, line in enumerate(lines) if b"<identity>" in line)]
            kept = [line for line in lines if (m := named.search(line)) and m.group(1) in chosen]
            save(out, folder, f"{common}{kind}/{language}.xml", b"\n".join(head + kept + [b"</ldml>", b""]))

    symbols = re.compile(rb'<annotation cp="([^"]*)" type="tts"[^>]*>(?!\xe2\x86\x91)')
    names = re.compile(rb'<((?:language|territory) type="[^"]*")(?: draft="[^"]*")?>(?!\xe2\x86\x91)')

    codes = [f'language type="{x}"' for x in CLDR_LANGUAGES] + [f'territory type="{x}"' for x in CLDR_TERRITORIES]
    cut("annotations", symbols, lambda keys: [keys[i * len(keys) // CLDR_SYMBOLS] for i in range(CLDR_SYMBOLS)])
    cut("main", names, lambda keys: {code.encode() for code in codes}.intersection(keys))
    licence = "usr/share/doc/unicode-cldr-core/copyright"
    save(out, folder, licence, load(folder, licence))


SWORD_BOOKS = {"ot": 1, "nt": 2}  # blocks: Genesis, Mark


def sword(out, folders):
    """One block (a book) of each testament, with its entries; blocks are not packed anew."""
    for folder in folders:
        for path in paths(folder, ".bzs"):
            block = SWORD_BOOKS[os.path.basename(path)[:2]]
            stem = path[:-len(".bzs")]
            offset, size, inflated = struct.unpack_from("<III", load(folder, path), 12 * block)
            entries = list(struct.iter_unpack("<IIH", load(folder, stem + ".bzv")))
            inside = [i for i, entry in enumerate(entries) if entry[0] == block]
            kept = entries[inside[0]:inside[-1] + 1]
            assert all(entry[0] == block or entry[2] == 0 for entry in kept), f"{folder}: {path}"
            save(out, folder, stem + ".bzs", struct.pack("<III", 0, size, inflated))
            save(out, folder, stem + ".bzv", b"".join(struct.pack("<IIH", 0, *entry[1:]) for entry in kept))
            save(out, folder, stem + ".bzz", load(folder, stem + ".bzz")[offset:offset + size])
        for path in paths(folder, ".conf"):
            save(out, folder, path, load(folder, path))


if __name__ == "__main__":
    {"catalogues": catalogues, "help": help_pages, "cldr": cldr, "sword": sword}[sys.argv[1]](sys.argv[2], sys.argv[3:])
