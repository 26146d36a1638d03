"""Training and encoding with a byte-level BPE tokenizer: Roux and Hugging Face's tokenizers side by side.

    recipes/data/fetch novels && bazel build //tests/benchmarks:tokenizer_benchmark
    python3 tests/peers/tokenizer.py --binary bazel-bin/tests/benchmarks/tokenizer_benchmark [--rounds 3] [CORPUS...]

Both run in turn on the same lines of the corpus (default: the literature of `fetch novels`, 24 locales), one thread
each, and are timed in CPU seconds without reading, writing and loading. Merges and ids must be the same, otherwise the
script fails. Needs the package tokenizers.
"""
import argparse
import glob
import json
import os
import statistics
import subprocess
import tempfile
import time

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import tokenizers  # noqa: E402
from tokenizers import models, pre_tokenizers, trainers  # noqa: E402

CACHE = os.environ.get("ROUX_CACHE", os.path.expanduser("~/.cache/roux/data"))


def peer(lines, vocab_size):
    begin = time.process_time()
    t = tokenizers.Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=vocab_size, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    result = {"train_s": time.process_time() - begin}
    t = tokenizers.Tokenizer.from_str(t.to_str())  # without the cache that training filled
    begin = time.process_time()
    encodings = t.encode_batch_fast(lines, add_special_tokens=False)
    result["encode_s"] = time.process_time() - begin
    ids = 0xCBF29CE484222325
    for encoding in encodings:
        for i in encoding.ids:
            ids = ((ids ^ i) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    result["hash"] = ids
    return result, json.loads(t.to_str())["model"]["merges"]


def roux(binary, corpus, vocab_size, out):
    text = subprocess.run([binary, corpus, str(vocab_size), out], capture_output=True, text=True, check=True).stdout
    result = {name: float(value) if "." in value else int(value) for name, value in map(str.split, text.splitlines())}
    return result, json.load(open(out, encoding="utf-8"))["model"]["merges"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--vocab_size", type=int, default=8000)
    parser.add_argument("corpus", nargs="*")
    args = parser.parse_args()
    files = args.corpus or sorted(glob.glob(os.path.join(CACHE, "novels/**/Text.php"), recursive=True))
    assert files, "no corpus: run recipes/data/fetch novels, or name files"
    with tempfile.TemporaryDirectory() as folder:
        text = "\n".join(open(name, encoding="utf-8", errors="replace", newline="").read() for name in files)
        corpus = os.path.join(folder, "corpus")
        with open(corpus, "w", encoding="utf-8", newline="") as f:
            f.write(text)
        pieces = text.split("\n")
        lines = [piece + "\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
        times = {}
        for _ in range(args.rounds):
            ours, our_merges = roux(args.binary, corpus, args.vocab_size, os.path.join(folder, "tokenizer.json"))
            theirs, their_merges = peer(lines, args.vocab_size)
            assert [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in our_merges] == \
                [tuple(m) for m in their_merges], "merges differ"
            assert ours["hash"] == theirs["hash"], "ids differ"
            for what in ("train_s", "encode_s"):
                times.setdefault(("roux", what), []).append(ours[what])
                times.setdefault(("tokenizers", what), []).append(theirs[what])
    print(f"tokenizers {tokenizers.__version__}; {ours['bytes'] / 1e6:.1f} MB, {ours['lines']} lines; one thread; medians of "
          f"{args.rounds} rounds, CPU seconds; the same {len(our_merges)} merges and {ours['ids']} ids")
    for what, label in (("train_s", "train"), ("encode_s", "encode")):
        a, b = (statistics.median(times[name, what]) for name in ("roux", "tokenizers"))
        print(f"  {label:7s} roux {a:7.3f} s ({ours['bytes'] / a / 1e6:6.1f} MB/s)   tokenizers {b:7.3f} s "
              f"({ours['bytes'] / b / 1e6:6.1f} MB/s)   ratio {b / a:.1f}")


if __name__ == "__main__":
    main()
