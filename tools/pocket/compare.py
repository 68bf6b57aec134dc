"""Compares what PyTorch and Winnow write greedily after 20 prompts.

usage: compare.py DIR GENERATE     DIR is a training run's; GENERATE is examples/generate, built

Winnow runs the same weights twice, as a Hugging Face folder in F16 and as GGUF in Q8_0, both with a cache in float32.
PyTorch runs reference.py with the weights that the file holds.
"""
import json
import os
import random
import subprocess
import sys
import tempfile

import numpy as np
import torch

import export
import forms
import reference
import world
from bpe import EOT, Tokenizer
from model import Config

TOKENS = 32


def prompts():
    """Ten beginnings of stories, and ten questions about facts."""
    rng, out = random.Random(20), []
    for _ in range(10):
        out.append(world.story(rng, rng.randint(1, 8))[0])
    for i in range(10):
        form, facts = forms.NUMBERS[i % 3], [(forms.held_out_key(rng), forms.digits(rng)) for _ in range(3)]
        text = " ".join(form[0].format(k=k, v=v) for k, v in facts)
        out.append(f"{text}\n{form[1].format(k=facts[1][0])} {form[2].format(k=facts[1][0])}")
    return out


def greedy(weights, c, ids):
    """The likeliest tokens one after another, and how near the nearest decision was."""
    ids, near = list(ids), float("inf")
    with torch.no_grad():
        for _ in range(TOKENS):
            best = reference.logits(weights, c, torch.tensor(ids))[-1].topk(2)
            near = min(near, (best.values[0] - best.values[1]).item())
            ids.append(best.indices[0].item())
            if ids[-1] == EOT:
                break
    return ids, near


def as_stored(a, kind):
    """The values that a file of that kind gives back."""
    if a.ndim != 2 or kind == export.F16:
        return torch.from_numpy(a.astype(np.float16).astype(np.float32) if kind == export.F16 else a)
    b = np.frombuffer(export.q8_0(a), np.uint8).reshape(-1, 34)
    d, q = b[:, :2].copy().view(np.float16).astype(np.float32), b[:, 2:].copy().view(np.int8).astype(np.float32)
    return torch.from_numpy((d * q).reshape(a.shape))


def main():
    dir, generate = sys.argv[1:3]
    state = torch.load(os.path.join(dir, "checkpoint.pt"))
    c, tokenizer = Config(**state["config"]), Tokenizer(os.path.join(dir, "vocab.json"))
    arrays = {k: v.float().numpy() for k, v in state["average"].items()}
    with tempfile.TemporaryDirectory() as tmp:
        files = {"F16": os.path.join(tmp, "hf"), "Q8_0": os.path.join(tmp, "pocket.gguf")}
        export.write_hf(files["F16"], c, tokenizer, arrays)
        export.write_gguf(files["Q8_0"], c, tokenizer, arrays, export.Q8_0)
        print("| prompt | tokens | F16: the same | Q8_0: the same | least lead |\n|---|---:|---:|---:|---:|")
        for prompt in prompts():
            ids, cells = [EOT, *tokenizer.encode(prompt)], []
            for kind, path in files.items():
                weights = {k: as_stored(a, {"F16": export.F16, "Q8_0": export.Q8_0}[kind]) for k, a in arrays.items()}
                full, lead = greedy(weights, c, ids)
                want = [tokenizer.decode([i]) for i in full[len(ids) :] if i != EOT]
                run = [generate, "-model", path, "-prompt", prompt, "-n", str(TOKENS), "-k", "f32", "-v", "f32", "-json"]
                result = json.loads(subprocess.run(run, check=True, capture_output=True).stdout)
                assert result["prompt_tokens"] == len(ids), (prompt, result["prompt_tokens"], len(ids))
                same = 0
                while same < len(want) and result["text"].startswith("".join(want[: same + 1])):
                    same += 1
                assert same < len(want) or result["text"] == "".join(want)
                cells.append((same, len(want), lead))
            (a, n, lead), (b, m, _) = cells
            text = " ".join(prompt.split())
            print(f"| {'…' * (len(text) > 48)}{text[-48:].replace('|', '')} | {len(ids)} | {a} of {n} | {b} of {m} | {lead:.3f} |", flush=True)


if __name__ == "__main__":
    main()
