"""Trains the model. Everything that is scheduled goes by tokens, so that a run may be stopped, resumed and slowed down at will.

usage: train.py DIR [--until TOKENS] [--threads N]     DIR holds what prepare.py wrote; checkpoints and the log go there
"""
import argparse
import json
import math
import os
import time

import numpy as np
import torch

import circuit
import model as net
import tasks
from bpe import Tokenizer
from muon import Muon
from probe import Probe

TOKENS = 13e6  # the whole schedule
STAGES = [  # share of the tokens until which a stage lasts, tokens a row, rows, shares of the tasks
    (0.10, 256, 16, dict(copies=0.20, repeats=0.10, book=0.35, needles=0.10, chains=0.05, reading=0.20)),
    (0.35, 384, 11, dict(copies=0.03, repeats=0.06, book=0.14, needles=0.22, chains=0.07, links=0.14, reading=0.34)),
    (0.62, 512, 8, dict(copies=0.01, repeats=0.04, book=0.10, needles=0.24, chains=0.09, links=0.14, reading=0.38)),
    (0.86, 1024, 4, dict(copies=0.01, repeats=0.03, book=0.07, needles=0.28, chains=0.14, links=0.07, reading=0.40)),
    (1.00, 2048, 2, dict(repeats=0.03, book=0.07, needles=0.37, chains=0.18, links=0.05, reading=0.30)),
]
WARM_UP, COOL_DOWN = 0.015, 0.55  # shares of the tokens: the learning rate rises, and falls from there on to a twentieth
AVERAGE = 0.995  # per step, of the weights that are exported
LOG_EVERY, PROBE_EVERY, SAVE_SECONDS = 25, 300, 120


def rate(f):
    up, down = min(1, f / WARM_UP), min(1, (1 - f) / (1 - COOL_DOWN))
    return max(0.05, up * (0.5 - 0.5 * math.cos(math.pi * max(0, down))))


def optimizers(model):
    """Muon for matrices; Adam for the embedding, vectors, and the attention whose weights circuit.py has set."""
    matrices, by_hand, vectors = [], [], []
    for name, p in model.named_parameters():
        if p.dim() < 2:
            vectors.append(p)
        elif name.startswith(("layers.0.", "layers.1.")) and name.split(".")[2] in "qkvo":
            by_hand.append(p)
        elif not name.startswith("embed"):
            matrices.append(p)
    groups = [
        {"params": [model.embed.weight], "peak": 6e-3, "weight_decay": 0.0},
        {"params": by_hand, "peak": 7e-4, "weight_decay": 0.0},
        {"params": vectors, "peak": 3e-3, "weight_decay": 0.0},
    ]
    adam = torch.optim.AdamW(groups, lr=0, betas=(0.9, 0.95), foreach=True)
    return [adam, Muon(matrices, peak=0.02, momentum=0.95, weight_decay=0.01)]


class Run:
    def __init__(self, dir):
        self.dir, self.path = dir, os.path.join(dir, "checkpoint.pt")
        self.tokenizer = Tokenizer(os.path.join(dir, "vocab.json"))
        with open(os.path.join(dir, "vocab.json")) as f:
            self.lexicon = json.load(f)["lexicon"]
        prose = np.memmap(os.path.join(dir, "prose.u16"), np.uint16, "r")
        self.prose = prose if len(prose) else None
        torch.manual_seed(0)
        self.model = net.Model(net.Config())
        circuit.open_gate(self.model)
        self.optimizers = optimizers(self.model)
        self.average = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.tokens = self.steps = 0
        self.seconds = 0.0
        if os.path.exists(self.path):
            self.resume()
        self.tasks = tasks.Tasks(self.tokenizer, self.prose, self.lexicon, self.steps)
        self.probe = Probe(self.tokenizer, self.dir)
        self.mean = {}

    def resume(self):
        c = torch.load(self.path)
        self.model.load_state_dict(c["model"])
        self.average = c["average"]
        for o, s in zip(self.optimizers, c["optimizers"]):
            o.load_state_dict(s)
        self.tokens, self.steps, self.seconds = c["tokens"], c["steps"], c["seconds"]

    def save(self):
        state = dict(model=self.model.state_dict(), average=self.average, optimizers=[o.state_dict() for o in self.optimizers])
        torch.save(dict(state, tokens=self.tokens, steps=self.steps, seconds=self.seconds, config=self.model.c.dict()), self.path + ".new")
        os.replace(self.path + ".new", self.path)

    def log(self, **what):
        line = json.dumps(dict(step=self.steps, tokens=self.tokens, minutes=round(self.seconds / 60, 1), **what))
        print(line, flush=True)
        with open(os.path.join(self.dir, "log.jsonl"), "a") as f:
            f.write(line + "\n")

    def step(self):
        f = self.tokens / TOKENS
        _, n, rows, mix = next(s for s in STAGES if f < s[0] or s is STAGES[-1])
        ids, weights, pos = (torch.from_numpy(a) for a in self.tasks.batch(rows, n, mix))
        loss, nll, w = net.loss(self.model, ids, weights, pos)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for o in self.optimizers:
            for g in o.param_groups:
                g["lr"] = g["peak"] * rate(f)
            o.step()
            o.zero_grad(set_to_none=True)
        keep = min(AVERAGE, 1 - 1 / (self.steps / 10 + 2))
        torch._foreach_mul_(list(self.average.values()), keep)
        torch._foreach_add_(list(self.average.values()), list(self.model.state_dict().values()), alpha=1 - keep)
        self.steps += 1
        self.tokens += rows * n
        for name, weight in (("text", tasks.TEXT), ("hint", tasks.HINT), ("copy", tasks.COPY), ("answer", tasks.ANSWER)):
            some = nll[w == weight]
            if len(some):
                now = some.mean().item()
                self.mean[name] = 0.95 * self.mean.get(name, now) + 0.05 * now
        return n

    def run(self, until):
        begin, before, saved = time.time(), self.seconds, time.time()
        tokens = self.tokens
        while self.tokens < until:
            n = self.step()
            self.seconds = before + time.time() - begin
            if self.steps % LOG_EVERY == 0:
                speed = (self.tokens - tokens) / (time.time() - begin)
                self.log(n=n, **{k: round(v, 3) for k, v in self.mean.items()}, rate=round(rate(self.tokens / TOKENS), 3), speed=round(speed))
            if self.steps % PROBE_EVERY == 0:
                self.log(probe=self.probe(self.model, self.average))
            if time.time() - saved > SAVE_SECONDS:
                self.save()
                saved = time.time()
        self.save()
        self.log(probe=self.probe(self.model, self.average))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("dir")
    p.add_argument("--until", type=float, default=TOKENS)
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    Run(a.dir).run(min(a.until, TOKENS))


if __name__ == "__main__":
    main()
