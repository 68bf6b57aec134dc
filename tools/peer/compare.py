#!/usr/bin/env python3
"""Winnow and llama.cpp side by side: the same file, in turns, as Markdown.

  tools/peer/compare.py MODEL.gguf... -- -p 512 -n 64 -threads 1,2
  tools/peer/compare.py MODEL.gguf -ours "-policy snapkv -budget 1024" -- -p 0 -n 16 -d 16384
  tools/peer/compare.py MODEL.gguf -k int8 -- -d 4096,16384          (q8_0 there)
  tools/peer/compare.py MODEL.gguf -cpu haswell -- -p 512 -n 64      (both with AVX2 alone)
  tools/peer/compare.py smollm2-135m-f16.gguf -onnx MODEL.onnx -- -p 512 -n 0    (ONNX Runtime, with what onnx_llama.py writes)

What follows -- are flags of examples/bench; llama.py takes the same. A row has
the medians of all rounds, of which each starts both programs anew, or, with -d,
has each take its turn behind the prompt that it has read; from the least to the
largest, ours ÷ theirs in each round, and the largest resident size of the
processes, that of Python without a model taken off; it means something with one
number of threads, for each of which our side maps the file. It needs Go, Python,
npm, and Linux on x86-64.
"""
import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys

PACKAGE, ONNX = "@node-llama-cpp/linux-x64@3.22.1", "onnxruntime-node@1.30.0"
HERE = os.path.dirname(os.path.abspath(__file__))
HOME = os.environ.get("PEER_HOME") or os.path.expanduser("~/.cache/winnow-peer")
LIB = os.path.join(HOME, "node_modules/@node-llama-cpp/linux-x64/bins/linux-x64")


def install(package, folder):
    """Installs a package with its libraries ready-made."""
    os.makedirs(HOME, exist_ok=True)
    if not os.path.isdir(folder):
        subprocess.run(["npm", "install", "--prefix", HOME, "--ignore-scripts", "--omit=optional", package], check=True, stdout=sys.stderr)


def build():
    """Builds our side."""
    bench = os.path.join(HOME, "bench")
    subprocess.run(["go", "build", "-o", bench, "./examples/bench"], check=True, cwd=os.path.join(HERE, "../.."))
    return bench


class Side:
    """A program under way, with the rates of each test, and its peak in MiB when it has ended."""

    def __init__(self, command, env=None):
        self.command, self.rates = command, {}
        self.p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **(env or {})})

    def wait(self):
        """Reads results until the program waits for its turn, or ends; returns whether it waits."""
        for line in self.p.stdout:
            if line == "ready\n":
                return True
            d = json.loads(line)
            self.rates.setdefault((d["test"], d["depth"], d["threads"]), []).extend(d.get("samples") or [d["tok_s"]])
        _, status, usage = os.wait4(self.p.pid, 0)
        if status:
            sys.exit("failed: " + shlex.join(self.command))
        self.peak = usage.ru_maxrss / 1024
        return False

    def turn(self):
        self.p.stdin.write("\n")
        self.p.stdin.flush()
        return self.wait()


def anew(rounds, commands, env):
    """Starts both programs in each round; yields the two sides of each."""
    for _ in range(rounds):
        sides = []
        for c, e in zip(commands, (env, None)):
            sides.append(Side([*c, "-r", "1"], e))
            sides[-1].wait()
        yield sides


def behind(rounds, commands, env):
    """Starts both programs once, to read their long prompts, and has them take turns; yields both in the end."""
    sides = []
    for c, e in zip(commands, (env, None)):
        sides.append(Side([*c, "-r", str(rounds), "-turns"], e))
        sides[-1].wait()
    while all([s.turn() for s in sides]):
        pass
    yield sides


def main():
    cut = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    own, bench_flags = sys.argv[1:cut], sys.argv[cut + 1:]
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("models", nargs="+")
    a.add_argument("-rounds", type=int, default=5)
    a.add_argument("-k", default="f16", choices=["f16", "int8"], help="of the cache; int8 is q8_0 there")
    a.add_argument("-ours", type=shlex.split, default=[], help="flags for our side alone")
    a.add_argument("-onnx", help="a model for ONNX Runtime, which then is the other side")
    a.add_argument("-flash", default="1", help="0: llama.cpp without flash attention")
    a.add_argument("-cpu", default="", help="llama.cpp's library for another processor; haswell has AVX2 alone, ours then too")
    a = a.parse_args(own)
    if a.onnx:
        empty = ["true"]
        install(ONNX, os.path.join(HOME, "node_modules/onnxruntime-node"))
        os.environ["ORT_HOME"] = HOME
        theirs = ["node", os.path.join(HERE, "ort.mjs"), "-onnx", a.onnx]
    else:
        install(PACKAGE, LIB)
        theirs = [sys.executable, os.path.join(HERE, "llama.py"), "-lib", LIB, "-k", {"int8": "q8_0"}.get(a.k, a.k), "-flash", a.flash, "-cpu", a.cpu]
        empty = [*theirs, "-model", os.devnull, "-p", "0", "-n", "0"]
    ours = [build(), "-json", "-k", a.k, "-v", a.k, *a.ours]
    env = {"WINNOW_CPU": "avx2"} if a.cpu == "haswell" else {}
    print("| model | test | depth | threads | Winnow, tok/s | from, to | %s | from, to | ratio | from, to | peak MiB | theirs |" % ("ONNX Runtime" if a.onnx else "llama.cpp"))
    print("|---|---|--:|--:|--:|---|--:|---|--:|---|--:|--:|")
    for model in a.models:
        table, peaks = {}, ([], [])
        none = Side(empty)
        none.wait()
        for sides in (behind if "-d" in bench_flags else anew)(a.rounds, [[*c, "-model", model, *bench_flags] for c in (ours, theirs)], env):
            for i, side in enumerate(sides):
                peaks[i].append(side.peak - i * none.peak)
                for key, rates in side.rates.items():
                    table.setdefault(key, ([], []))[i].extend(rates)
        peak = [statistics.median(p) for p in peaks]
        for (test, depth, threads), (o, t) in sorted(table.items()):
            if not o or not t:
                continue
            cell = lambda x, f: "%s | %s to %s" % tuple(f % v for v in (statistics.median(x), min(x), max(x)))
            print("| %s | %s | %d | %d | %s | %s | %s | %.0f | %.0f |" % (
                os.path.basename(model), test, depth, threads, cell(o, "%.4g"), cell(t, "%.4g"), cell([x / y for x, y in zip(o, t)], "%.2f"), *peak), flush=True)


main()
