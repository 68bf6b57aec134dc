"""How often answers are right, token for token, about keys and text never trained on. Fed the right answer, so one pass tells."""
import os


import numpy as np
import torch

import forms
import tasks

LENGTHS = (256, 512, 1024, 2048)
CASES = 10


class HeldOut(tasks.Tasks):
    """The same tasks about held-out keys, in stories of a seed of their own or the end of the prose."""

    def __init__(self, tokenizer, prose, seed):
        super().__init__(tokenizer, prose, [], seed)
        self.keys.key = lambda: forms.held_out_key(self.r)


class Probe:
    def __init__(self, tokenizer, dir):
        path = os.path.join(dir, "held-out.u16")
        self.tokenizer, self.prose = tokenizer, np.memmap(path, np.uint16, "r") if os.path.exists(path) else None

    @torch.no_grad()
    def __call__(self, model, average):
        live = {k: v.clone() for k, v in model.state_dict().items()}
        model.load_state_dict(average)
        result = {}
        for n in LENGTHS:
            t = HeldOut(self.tokenizer, self.prose, n)
            t.r.seed(n)
            for kind in ("one", "eight", "chain", "list"):
                result[f"{kind}@{n}"] = round(np.mean([self.right(model, self.case(t, kind, n)) for _ in range(CASES)]), 2)
        model.load_state_dict(live)
        return result

    def case(self, t, kind, n):
        if kind in ("chain", "list"):
            c = forms.Chain(t.r, 2)
            facts = [t.new().add(" " + f, tasks.HINT) for f in c.facts]
            return t.hide(n, "", facts, False, lambda s: t.ask(s, *(c.resolve() if kind == "chain" else c.members())))
        form = t.r.choice(forms.NUMBERS[:3])
        some = t.keys.facts(form, 8 if kind == "eight" else 1)
        facts = [t.new().fill(" " + form[0], tasks.HINT, k=k, v=v) for k, v in some]
        return t.hide(n, "", facts, False, lambda s: t.pose(s, form, t.r.choice(some)))

    def right(self, model, s):
        ids = torch.tensor([s.ids])
        h = model(ids[:, :-1], torch.arange(len(s.ids) - 1)[None])
        answer = torch.tensor(s.weights[1:]) == tasks.ANSWER
        return bool((model.logits(h[0][answer]).argmax(-1) == ids[0, 1:][answer]).all())
