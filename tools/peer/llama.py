#!/usr/bin/env python3
"""Measures llama.cpp through its C interface, in the words of examples/bench.

  llama.py -lib DIR -model FILE -p 512 -n 64 -d 0,4096 -threads 1,2 -k f16 -r 5 -l 16 -seqs 8

Prints JSON lines with test, depth, threads, tok_s. DIR holds the libraries of
the npm package that compare.py installs; the structures below are those of that
release, v0.5.0. -cpu haswell has it work as on a processor with AVX2 alone.
With -turns it prints "ready" before each repeat of a depth, and waits for a line.
"""
import argparse
import ctypes as C
import glob
import json
import os
import random
import sys
import time

P, I, B, F, SIZE = C.c_void_p, C.c_int32, C.c_bool, C.c_float, C.c_size_t


def struct(name, fields):
    """A structure of fields written as "type name name; ..."."""
    kinds = {"p": P, "i": I, "u": C.c_uint32, "b": B, "f": F, "f4": F * 4, "n": SIZE, "pi": C.POINTER(I),
             "ppi": C.POINTER(C.POINTER(I)), "pc": C.POINTER(C.c_int8)}
    out = []
    for part in fields.split(";"):
        kind, *names = part.split()
        out += [(n, kinds[kind]) for n in names]
    return type(name, (C.Structure,), {"_fields_": out})


ModelParams = struct("ModelParams", "p devices overrides_buft; i gpu_layers split_mode load_mode lazy_mode main_gpu; p tensor_split progress"
                     " progress_data kv_overrides; b vocab_only check_tensors extra_bufts no_host no_alloc load_mtp")
ContextParams = struct("ContextParams", "u n_ctx n_batch n_ubatch n_seq_max n_rs_seq n_outputs_max n_outputs_max_per_seq; i threads threads_batch type"
                       " rope pooling attention flash; f rope_base rope_scale; f4 yarn; u yarn_orig; f defrag; p eval eval_data; i type_k type_v;"
                       " p abort abort_data; b embeddings offload no_perf op_offload swa_full kv_unified; p samplers; n n_samplers; p other")
Batch = struct("Batch", "i n; pi token; p embd; pi pos n_seq; ppi seq; pc logits")
TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 8, "bf16": 30}


class Llama:
    def __init__(self, folder, cpu):
        def library(pattern):
            found = sorted(glob.glob(os.path.join(folder, pattern)))
            if not found:
                raise SystemExit("%s: no %s" % (folder, pattern))
            return C.CDLL(found[0], mode=C.RTLD_GLOBAL)
        library("libggml-base*.so")
        ggml, L = library("libggml.*so"), library("libllama.*so")
        self.L, self.log = L, C.CFUNCTYPE(None, I, C.c_char_p, P)(lambda *_: None)
        L.llama_log_set(self.log, None)
        for name, result, args in (
                ("model_default_params", ModelParams, ()), ("context_default_params", ContextParams, ()),
                ("model_load_from_file", P, (C.c_char_p, ModelParams)), ("init_from_model", P, (P, ContextParams)),
                ("model_get_vocab", P, (P,)), ("vocab_n_tokens", I, (P,)), ("batch_init", Batch, (I, I, I)), ("batch_free", None, (Batch,)),
                ("decode", I, (P, Batch)), ("synchronize", None, (P,)), ("get_memory", P, (P,)), ("memory_clear", None, (P, B)),
                ("memory_seq_rm", B, (P, I, I, I)), ("set_n_threads", None, (P, I, I)), ("free", None, (P,)), ("model_free", None, (P,)),
                ("get_logits_ith", C.POINTER(F), (P, I))):
            f = getattr(L, "llama_" + name)
            f.restype, f.argtypes = result, args
        if cpu:
            ggml.ggml_backend_load.restype = P
            if not ggml.ggml_backend_load(os.path.join(folder, "libggml-cpu-%s.so" % cpu).encode()):
                raise SystemExit("llama.cpp has no library for %s" % cpu)
        else:
            ggml.ggml_backend_load_all_from_path(folder.encode())
        L.llama_backend_init()
        d = L.llama_context_default_params()
        if (d.n_batch, d.n_ubatch, d.type_k, d.type_v) != (2048, 512, 1, 1) or not d.offload:
            raise SystemExit("this release has other structures than llama.py knows")

    def open(self, path):
        p = self.L.llama_model_default_params()
        p.load_mode = 1  # map the file
        self.model = self.L.llama_model_load_from_file(path.encode(), p)
        if not self.model:
            raise SystemExit("llama.cpp cannot load " + path)
        self.vocab = self.L.llama_vocab_n_tokens(self.L.llama_model_get_vocab(self.model))

    def context(self, rows, threads, kind, flash, sequences=1):
        p = self.L.llama_context_default_params()
        p.n_ctx, p.n_seq_max, p.kv_unified, p.threads, p.threads_batch = rows * sequences, sequences, False, threads, threads
        p.flash, p.type_k, p.type_v, p.no_perf = flash, TYPES[kind], TYPES[kind], True
        self.ctx = self.L.llama_init_from_model(self.model, p)
        if not self.ctx:
            raise SystemExit("llama.cpp makes no context of %d rows of %s" % (rows, kind))
        self.memory = self.L.llama_get_memory(self.ctx)

    def close(self):
        self.L.llama_free(self.ctx)
        self.L.llama_model_free(self.model)

    def read(self, rows):
        """Runs rows of (token, position, sequence, wants logits), 2048 at a time."""
        for lo in range(0, len(rows), 2048):
            part = rows[lo:lo + 2048]
            b = self.L.llama_batch_init(len(part), 0, 1)
            b.n = len(part)
            for i, (token, pos, seq, logits) in enumerate(part):
                b.token[i], b.pos[i], b.n_seq[i], b.logits[i] = token, pos, 1, logits
                b.seq[i][0] = seq
            failed = self.L.llama_decode(self.ctx, b)
            self.L.llama_synchronize(self.ctx)
            self.L.llama_batch_free(b)
            if failed:
                raise SystemExit("llama_decode: %d" % failed)

    def prompt(self, n, at=0, seq=0):
        ids = [random.randrange(self.vocab) for _ in range(n)]
        return [(t, at + i, seq, i == n - 1) for i, t in enumerate(ids)]


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ints = lambda s: [int(x) for x in s.split(",")]
    a.add_argument("-lib", required=True)
    a.add_argument("-model", required=True)
    for flag, default in (("-p", "512"), ("-n", "64"), ("-d", "0"), ("-threads", "1"), ("-l", "0")):
        a.add_argument(flag, type=ints, default=ints(default))
    a.add_argument("-k", default="f16")
    a.add_argument("-r", type=int, default=5)
    a.add_argument("-seqs", type=int, default=0)
    a.add_argument("-flash", type=int, default=1)
    a.add_argument("-cpu", default="")
    a.add_argument("-turns", action="store_true")
    a = a.parse_args()
    random.seed(1)
    l = Llama(a.lib, a.cpu)

    def out(test, depth, threads, tokens, run, before=lambda: None):
        rates = []
        for _ in range(a.r):
            before()
            begin = time.perf_counter()
            run()
            rates.append(tokens / (time.perf_counter() - begin))
        for rate in rates:
            print(json.dumps({"test": test, "depth": depth, "threads": threads, "tok_s": rate}), flush=True)

    rows = max(a.d) + max(a.p + a.n + a.l + [16]) + 256
    for n, threads in ((n, t) for n in a.l if n for t in a.threads):
        def first():
            l.open(a.model)
            l.context(rows, threads, a.k, a.flash)
            l.read(l.prompt(n))
            l.L.llama_get_logits_ith(l.ctx, -1)
            l.close()
        first()  # brings the file into memory
        out("ld%d" % n, 0, threads, n, first)
    if max(a.p + a.n) == 0:
        return
    l.open(a.model)
    if a.seqs:
        for threads in a.threads:
            l.context(a.n[0] + 256, threads, a.k, a.flash, a.seqs)

            def prompts():
                l.L.llama_memory_clear(l.memory, True)
                l.read([r for s in range(a.seqs) for r in l.prompt(16, seq=s)])

            def together():
                for i in range(a.n[0]):
                    l.read([r for s in range(a.seqs) for r in l.prompt(1, 16 + i, s)])
            out("tg%dx%d" % (a.n[0], a.seqs), 0, threads, a.n[0] * a.seqs, together, prompts)
            l.L.llama_free(l.ctx)
        return
    l.context(rows, max(a.threads), a.k, a.flash)
    l.read(l.prompt(16))
    l.L.llama_memory_clear(l.memory, True)
    have = 0
    for depth in sorted(a.d):
        if depth > have:
            l.L.llama_set_n_threads(l.ctx, max(a.threads), max(a.threads))
            l.read(l.prompt(depth - have, have))
            have = depth

        def measure(kind, n, threads):
            l.L.llama_memory_seq_rm(l.memory, 0, depth, -1)
            l.L.llama_set_n_threads(l.ctx, threads, threads)
            begin = time.perf_counter()
            for rows in [l.prompt(n, depth)] if kind == "pp" else (l.prompt(1, depth + i) for i in range(n)):
                l.read(rows)
            return n / (time.perf_counter() - begin)
        tests = [(kind, n, threads) for kind, sizes in (("pp", a.p), ("tg", a.n)) for n in sizes if n for threads in a.threads]
        for _ in range(a.r):
            if a.turns:
                print("ready", flush=True)
                sys.stdin.readline()
            for kind, n, threads in tests:
                print(json.dumps({"test": "%s%d" % (kind, n), "depth": depth, "threads": threads, "tok_s": measure(kind, n, threads)}), flush=True)
        l.L.llama_memory_seq_rm(l.memory, 0, depth, -1)


main()
