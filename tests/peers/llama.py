"""Reading prompts and writing answers with a model of a GGUF file: the chat program and llama.cpp side by side.

    bazel build //recipes/kit/chat
    python3 tests/peers/llama.py --model smollm2.gguf --binary bazel-bin/recipes/kit/chat/chat [--rounds 5] [--threads 2]

Both run in turn on the same number of threads, each once unmeasured first: prompts of 128 and of 512 tokens that are
not in the cache, and answers of 128 tokens behind a short prompt. Roux with f32 activations and with those of 8 bits, which
llama.cpp always takes. Prints medians in tokens a second. Needs the package xllamacpp, which brings llama.cpp
compiled; what of the processor it uses is printed first. Or, with --bench PATH, a llama-bench compiled for this
processor, whose source the source distribution of llama-cpp-python has:

    pip download --no-deps --no-binary :all: llama-cpp-python && tar xf llama_cpp_python-*.tar.gz
    cmake -B build -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DLLAMA_CURL=OFF llama_cpp_python-*/vendor/llama.cpp
    cmake --build build --target llama-bench
"""
import argparse
import json
import re
import statistics
import subprocess

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--binary", required=True)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--bench", help="llama-bench, in the place of the package xllamacpp")
args = parser.parse_args()

PROMPTS = (128, 512)
ANSWER = 128
QUESTION = "Write a long story about a fisherman and his boat."
NOTE = re.compile(r"\[prompt (\d+) tokens? at ([\d.e+]+) tok/s(?: \(\d+ more kept\))?, answer (\d+) tokens?(?: at ([\d.e+]+) tok/s)?\]")


def chat(questions, max_tokens, *flags):
    """(prompt tokens, tok/s, answer tokens, tok/s) of each question, each in a conversation of its own."""
    lines = "".join(f"{question}\n/reset\n" for question in ["Hello.", *questions])
    flags = [*flags, f"--model={args.model}", f"--threads={args.threads}", f"--max-tokens={max_tokens}", "--temperature=0"]
    done = subprocess.run([args.binary, *flags], input=lines, capture_output=True, text=True, check=True)
    found = NOTE.findall(done.stderr)
    assert len(found) == len(questions) + 1, done.stderr
    return [(int(p), float(p_rate), int(a), float(a_rate or 0)) for p, p_rate, a, a_rate in found[1:]]


def words(tokens, around):
    return " ".join(["the"] * (tokens - around))


def bench():
    """{row: tok/s} of one run of llama-bench, which runs each once before."""
    command = [args.bench, "-m", args.model, "-t", str(args.threads), "-p", ",".join(map(str, PROMPTS)), "-n",
               str(ANSWER), "-r", "1", "-o", "json"]
    done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {f"prompt {r['n_prompt']}" if r["n_prompt"] else f"answer {r['n_gen']}": r["avg_ts"] for r in done}


def package():
    """The same by the package."""
    def ask(tokens, answer):
        request = {"prompt": [1000 + i % 7 for i in range(tokens)], "n_predict": answer, "temperature": 0,
                   "ignore_eos": True, "cache_prompt": False}
        timings = server.handle_completions(request)["timings"]
        assert timings["prompt_n"] == tokens and timings["predicted_n"] == answer, timings
        return timings["prompt_per_second"], timings["predicted_per_second"]

    return {**{f"prompt {n}": ask(n, 2)[0] for n in PROMPTS}, f"answer {ANSWER}": ask(40, ANSWER)[1]}


if args.bench:
    llama = bench
else:
    import xllamacpp
    params = xllamacpp.CommonParams()
    params.model.path = args.model
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = args.threads
    params.n_ctx, params.n_parallel, params.warmup = 4096, 1, True
    server = xllamacpp.Server(params)
    llama = package
    print("llama.cpp:", xllamacpp.get_system_info().strip())
around = chat([words(100, 0)], 2)[0][0] - 100  # of the template
rows = [*(f"prompt {n}" for n in PROMPTS), f"answer {ANSWER}"]
rates = {(name, column): [] for name in rows for column in ("f32", "int8", "llama.cpp")}
llama()
for _ in range(args.rounds):
    for column, flags in (("f32", []), ("int8", ["--int8"])):
        for n, (read, rate, _, _) in zip(PROMPTS, chat([words(n, around) for n in PROMPTS], 2, *flags)):
            assert read == n, (read, n)
            rates[f"prompt {n}", column].append(rate)
        written, rate = chat([QUESTION], ANSWER, *flags)[0][2:]
        assert written == ANSWER, written
        rates[f"answer {ANSWER}", column].append(rate)
    for name, rate in llama().items():
        rates[name, "llama.cpp"].append(rate)
print(f"{'tok/s':12} {'Roux':>8} {'--int8':>8} {'llama.cpp':>10}   medians of {args.rounds}")
for name in rows:
    f32, int8, peer = (statistics.median(rates[name, column]) for column in ("f32", "int8", "llama.cpp"))
    print(f"{name:12} {f32:8.1f} {int8:8.1f} {peer:10.1f}")
