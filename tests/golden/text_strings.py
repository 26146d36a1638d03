"""Diverse strings, the same in Python and C++ (text_strings.h): test inputs of the tokenizer golden files.

Every string follows from its index through splitmix64; code points are assigned in Unicode 14, so that engines with
newer and older tables agree.
"""

MASK = (1 << 64) - 1

# Ranges of letters (and marks) by script.
SCRIPTS = [
    (0x61, 0x7A), (0x41, 0x5A), (0xC0, 0xD6), (0xD8, 0xF6), (0x100, 0x17F), (0x1E00, 0x1EFF), (0x3B1, 0x3C9),
    (0x430, 0x44F), (0x410, 0x42F), (0x561, 0x586), (0x5D0, 0x5EA), (0x620, 0x64A), (0x64B, 0x655), (0x905, 0x939),
    (0x93A, 0x94F), (0x985, 0x98C), (0xB85, 0xB8A), (0xE01, 0xE3A), (0xE81, 0xE82), (0xF40, 0xF47), (0x10D0, 0x10FA),
    (0x1100, 0x1112), (0x1161, 0x1175), (0x11A8, 0x11C2), (0x1780, 0x17B3), (0x3041, 0x3096), (0x30A1, 0x30FA),
    (0x4E00, 0x9FA5), (0x3400, 0x4DB5), (0x20000, 0x2A6D6), (0xAC00, 0xD7A3), (0x13A0, 0x13F5), (0x1200, 0x1248),
    (0x10400, 0x1044F), (0x1D400, 0x1D454), (0xFB00, 0xFB06), (0xFF21, 0xFF3A), (0x300, 0x36F), (0x1F00, 0x1F15),
    (0xA000, 0xA48C), (0x12000, 0x12399), (0x1E900, 0x1E94B),
]
NUMBERS = [(0x30, 0x39), (0x30, 0x39), (0x30, 0x39), (0x660, 0x669), (0x966, 0x96F), (0xB2, 0xB3), (0xBC, 0xBE),
           (0x2160, 0x2188), (0x2460, 0x249B), (0xFF10, 0xFF19), (0x1D7CE, 0x1D7FF), (0x3007, 0x3007)]
PUNCTUATION = [(0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E), (0xA1, 0xBF), (0x2010, 0x2027), (0x2030, 0x205E),
               (0x20A0, 0x20BF), (0x2190, 0x21FF), (0x2200, 0x22FF), (0x2500, 0x257F), (0x3001, 0x3003),
               (0x3008, 0x3011), (0xFF01, 0xFF0F)]
SPACES = [0x20, 0x20, 0x20, 0x20, 0x09, 0x0A, 0x0A, 0x0D, 0x0B, 0x0C, 0xA0, 0x85, 0x1680, 0x180E, 0x2000, 0x2003, 0x2009,
          0x200B, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF]
EMOJI = [0x1F600, 0x1F469, 0x1F468, 0x1F680, 0x2764, 0x1F9D1, 0x1F1E9, 0x1F1EA, 0x1F3F4, 0x1F44D, 0x261D, 0x1F995]
JOINERS = [0x200D, 0xFE0F, 0x1F3FB, 0x1F3FF, 0xFE0E, 0x20E3, 0x200D]
WORDS = ["the", "The", "THE", "don't", "I'll", "we've", "it's", "IT'S", "they're", "I'm", "he'd", "naïve", "Straße",
         "Übergröße", "hello", "world", "tokenization", "antidisestablishmentarianism", "supercalifragilistic", "a",
         "of", "and", "in", "x1", "3.14", "1,000,000", "2024-05-06", "user@example.org", "https://example.org/a?b=c#d",
         "foo_bar", "camelCase", "snake_case", "être", "garçon", "señor", "İstanbul", "ΣΊΣΥΦΟΣ", "привет", "мир", "你好",
         "世界", "こんにちは", "한국어", "नमस्ते", "مرحبا", "שלום", "สวัสดี", "don’t", "…", "—", "'s", "'S", "'ſ", "'ll", "'LL"]
CODE = ["if (x == 0) {\n", "    return foo(a, b);\n", "}\n", "\tfor i in range(10):\n", "        print(i)\n", "// comment\n",
        "/* block */", "a[i] += b->c;", "\n\n\n", "#include <vector>\r\n", "λ x → x", "x := y", "`code`", "{\"key\": [1, 2]}",
        "<div class='a'>", "&amp;", "\\n", "\\u00e9", "==", "!=", ">>>", "___", "----------", "$$$", "0xDEADBEEF"]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "[CLS]", "[SEP]", "[MASK]", "[UNK]", "<s>", "</s>", "<unk>",
            "<0x0A>", "<|im_start|", "[ CLS ]", "##ing", "▁", "Ġ"]


class Random:
    def __init__(self, seed):
        self.state = (seed * 0x9E3779B97F4A7C15 + 0x1234567) & MASK

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, n):
        return self.next() % n

    def pick(self, items):
        return items[self.below(len(items))]

    def in_range(self, r):
        return r[0] + self.below(r[1] - r[0] + 1)


def _word(rng):
    if rng.below(3) == 0:
        return rng.pick(WORDS).encode()
    script = rng.pick(SCRIPTS)
    return "".join(chr(rng.in_range(script)) for _ in range(1 + rng.below(10))).encode()


def _any_char(rng):
    kind = rng.below(8)
    if kind < 3:
        c = rng.in_range(rng.pick(SCRIPTS))
    elif kind == 3:
        c = rng.in_range(rng.pick(NUMBERS))
    elif kind == 4:
        c = rng.in_range(rng.pick(PUNCTUATION))
    elif kind == 5:
        c = rng.pick(SPACES)
    elif kind == 6:
        c = rng.below(0x80)
    else:
        c = rng.pick(EMOJI)
    return chr(c).encode()


def make_string(index):
    rng = Random(index)
    kind = index % 13
    n = 1 + rng.below(12)
    out = b""
    if kind == 0:  # words of many scripts
        for _ in range(n):
            out += _word(rng) + b" "
    elif kind == 1:  # emoji sequences
        for _ in range(n):
            out += chr(rng.pick(EMOJI)).encode()
            if rng.below(2):
                out += chr(rng.pick(JOINERS)).encode()
    elif kind == 2:  # control characters
        for _ in range(n * 2):
            out += bytes([rng.below(0x20)]) if rng.below(2) else chr(rng.below(0xA0)).encode()
    elif kind == 3:  # numbers and punctuation
        for _ in range(n * 2):
            out += chr(rng.in_range(rng.pick(PUNCTUATION if rng.below(3) == 0 else NUMBERS))).encode()
    elif kind == 4:  # long runs
        length = 1 + rng.below(400)
        if rng.below(20) == 0:
            length *= 10
        out = _any_char(rng) * length + _word(rng)
    elif kind == 5:  # any characters
        for _ in range(n * 3):
            out += _any_char(rng)
    elif kind == 6:  # bytes that are not UTF-8
        for _ in range(n * 2):
            out += bytes([rng.below(256)]) if rng.below(3) else _word(rng)
    elif kind == 7:  # white space
        for _ in range(n):
            for _ in range(1 + rng.below(4)):
                out += chr(rng.pick(SPACES)).encode()
            if rng.below(2):
                out += _word(rng)
    elif kind == 8:  # sentences
        for i in range(n * 2):
            out += (b" " if i else b"") + rng.pick(WORDS).encode()
        out += rng.pick([".", "!", "?", "...", ".\n", ""]).encode()
    elif kind == 9:  # code
        for _ in range(n):
            out += rng.pick(CODE).encode()
    elif kind == 10:  # everything
        for _ in range(n):
            out += _word(rng) if rng.below(2) else _any_char(rng)
            if rng.below(3) == 0:
                out += b" " * (1 + rng.below(5))
    elif kind == 11:  # letters with combining marks, Hangul letters
        for _ in range(n):
            out += chr(rng.in_range(rng.pick(SCRIPTS))).encode()
            for _ in range(rng.below(4)):
                out += chr(rng.in_range((0x300, 0x36F))).encode()
            if rng.below(3) == 0:
                out += chr(rng.in_range((0x1100, 0x1112))).encode() + chr(rng.in_range((0x1161, 0x1175))).encode()
    else:  # special tokens in the text
        for _ in range(n):
            out += rng.pick(SPECIALS).encode() if rng.below(2) else _word(rng)
            if rng.below(2):
                out += b" "
    return out


def fnv(values):
    """64-bit FNV-1a over 32-bit little-endian words."""
    h = 0xCBF29CE484222325
    for v in values:
        for b in (v & 0xFFFFFFFF).to_bytes(4, "little"):
            h = ((h ^ b) * 0x100000001B3) & MASK
    return h


def check_assigned():
    import unicodedata
    for ranges in (SCRIPTS, NUMBERS, PUNCTUATION):
        for lo, hi in ranges:
            for c in range(lo, hi + 1):
                assert unicodedata.category(chr(c)) != "Cn", hex(c)


if __name__ == "__main__":
    import unicodedata
    print(unicodedata.unidata_version)
    check_assigned()
    total = 0
    for i in range(10400):
        total += len(make_string(i))
    print(total, [make_string(i)[:60] for i in range(13)])
