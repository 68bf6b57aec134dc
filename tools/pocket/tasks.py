"""Training sequences: token ids, a loss weight for each, and a position for each.

Positions need not be consecutive: a gap in the text between two facts teaches a long distance at the cost of a short sequence.
"""
import random

import numpy as np

import forms
import world
from bpe import ASSISTANT, EOT, USER, Tokenizer

NOTHING, HINT, TEXT, COPY, ANSWER = 0.0, 0.25, 1.0, 1.5, 3.0  # weights; a value that nobody can guess has none


class Sequence:
    def __init__(self, tokenizer):
        self.tokenizer, self.ids, self.weights, self.cuts = tokenizer, [EOT], [NOTHING], []

    def add(self, what, weight):
        ids = self.tokenizer.encode(what) if isinstance(what, str) else what
        self.ids += ids
        self.weights += [weight] * len(ids)
        return self

    def append(self, other):
        self.ids += other.ids[1:]
        self.weights += other.weights[1:]
        return self

    def fill(self, template, weight, **unknown):
        """Adds a fact: the words of its form are learned, the unknown is not."""
        parts, last = [], 0
        text = template.format(**unknown)
        for value in sorted(unknown.values(), key=text.find):
            at = text.find(value, last)
            if at >= 0:
                parts += [(text[last:at], weight), (value, NOTHING)]
                last = at + len(value)
        ids = self.tokenizer.encode(text)
        weights, n = [weight] * len(ids), 0
        spans = np.cumsum([0] + [len(p) for p, _ in parts])
        for j, i in enumerate(ids):
            k = int(np.searchsorted(spans, n, side="right")) - 1
            if k < len(parts) and parts[k][1] == NOTHING:
                weights[j] = NOTHING
            n += len(self.tokenizer.vocab[i])
        self.ids += ids
        self.weights += weights
        return self

    def cut(self):
        """Marks where a gap may come."""
        self.cuts.append(len(self.ids))
        return self

    def positions(self, rng, limit):
        pos = np.arange(len(self.ids))
        room = limit - len(pos)
        if room > 0 and self.cuts and rng.random() < 0.6:
            total = int(room * rng.random())
            shares = np.array([rng.random() ** 3 for _ in self.cuts])
            for at, gap in zip(self.cuts, (shares / shares.sum() * total).astype(int)):
                pos[at:] += gap
        return pos


class Tasks:
    def __init__(self, tokenizer, prose, lexicon, seed, limit=4352):
        self.tok, self.text, self.limit = tokenizer, prose, limit
        self.r = random.Random(seed)
        self.keys = forms.Keys(self.r, lexicon)
        self.first_word = len(tokenizer.vocab) - len(tokenizer.merges)
        ends = np.array([t[-1] in ".!?" for t in tokenizer.vocab])  # of sentences
        self.ends = lambda ids: np.flatnonzero(ends[np.asarray(ids, dtype=np.int64)])
        self.noise = tokenizer.encode("\n" + forms.NOISE)

    # What a model reads without being asked.

    def prose(self, n):
        """n tokens of a novel, or of stories where there is none."""
        if self.text is None:
            ids = []
            while len(ids) < n:
                ids += self.tok.encode(world.story(self.r, 16)[0] + "\n\n")
            return ids[:n]
        i = self.r.randrange(len(self.text) - n)
        return self.text[i : i + n].astype(np.int64).tolist()

    def haystack(self, n, noise):
        if noise:
            return (self.noise * (n // len(self.noise) + 1))[:n]
        if self.r.random() < 0.2:
            ids = []
            while len(ids) < n:
                ids += self.tok.encode(world.story(self.r, 16)[0] + "\n")
            return ids[:n]
        return self.prose(n)

    def reading(self, n):
        s = self.new()
        if self.r.random() < 0.7:
            return s.add(self.prose(n), TEXT)
        while len(s.ids) < n:
            self.story(s)
        return s

    def story(self, s):
        """A story, at times with questions at its end."""
        text, w = world.story(self.r, self.r.randint(4, 16))
        s.add(text, TEXT)
        for _ in range(self.r.randint(0, 3)):
            asked = w.question()
            if asked:
                self.ask(s, asked[0], None, " " + asked[1])
        s.add([EOT], TEXT)

    def new(self):
        return Sequence(self.tok)

    # Copying.

    def copies(self, n):
        """A block said again and again."""
        r, s = self.r, self.new()
        size = r.randrange(6, max(7, min(n // 2, 160)))
        u = r.random()
        if u < 0.25:
            block = self.prose(size)
        elif u < 0.5:
            block = self.tok.encode(" ".join(forms.digits(r) for _ in range(size // 6 + 1)))
        else:
            lo = r.randrange(self.first_word, len(self.tok.vocab) - 64)
            hi = min(len(self.tok.vocab), lo + r.choice((64, 300, 4000)))
            block = [r.randrange(lo, hi) for _ in range(size)]
        s.add(block, NOTHING)
        while len(s.ids) < n:
            s.add(block, COPY)
        return s

    def repeats(self, n):
        """Prose whose spans come again between runs of random tokens."""
        r, s = self.r, self.new()
        s.add(self.prose(n // 3), TEXT)
        while len(s.ids) < n:
            s.cut()
            s.add([r.randrange(self.first_word, len(self.tok.vocab)) for _ in range(r.randrange(3, 16))], NOTHING)
            i = r.randrange(1, len(s.ids) - 6)
            span = s.ids[i : i + r.randrange(8, 40)]
            s.add(span[:3], NOTHING).add(span[3:], COPY)
        return s

    # Retrieval.

    def ask(self, s, question, lead, answer):
        """A question in one of three dresses; lead is how the answer begins, if that is not to be weighed."""
        lead = lead or ""
        u = self.r.random()
        if u < 0.25:
            s.add([USER], HINT).add(question, HINT).add([ASSISTANT], HINT)
            if lead:
                s.add(lead, HINT).add(answer, ANSWER)
            else:
                s.add(answer.strip(), ANSWER)
            return s.add([EOT], TEXT)
        gap = "\n" if u < 0.6 else "\n\n"
        return s.add(gap + question + (" " + lead if lead else ""), HINT).add(answer, ANSWER)

    def pose(self, s, form, fact):
        k, v = fact
        end = form[0].split("{v}")[1] if form[2].split("{k}")[-1] and form[2] != "Answer:" else "."
        self.ask(s, form[1].format(k=k), form[2].format(k=k), f" {v}{end}")

    def form(self):
        return self.r.choice(forms.NUMBERS[:1] * 3 + forms.NUMBERS + forms.WORDS)

    def book(self, n):
        """Nothing but facts of one form, then questions about them in another order."""
        r, s, form, between = self.r, self.new(), self.form(), self.r.choice(" \n")
        some = self.keys.facts(form, max(2, n // 2 // 18))
        some = some[: r.randint(2, len(some))] if r.random() < 0.5 else some
        for k, v in some:
            if r.random() < 0.2:
                s.cut()
            s.fill(between + form[0], HINT, k=k, v=v)
        s.cut()
        while len(s.ids) < n:
            self.pose(s, form, r.choice(some))
        return s

    def needles(self, n):
        """Facts in a haystack, and questions about some at its end, at times at its beginning as well."""
        r, form, noise = self.r, self.form(), self.r.random() < 0.12
        between = "\n" if noise else " "
        count = r.choice((1, 1, 2, 4, 8) if n > 400 else (1, 2, 4))
        some = self.keys.facts(form, count)
        asked = r.sample(some, min(count, r.randint(1, 4)))
        facts = [self.new().fill(between + form[0], HINT, k=k, v=v) for k, v in some]
        if count < 3 and r.random() < 0.4:  # facts of another form stand beside them
            other = self.form()
            facts += [self.new().fill(between + other[0], HINT, k=k, v=v) for k, v in self.keys.facts(other, 2)]
        begin = form[1].format(k=asked[0][0]) + "\n" if r.random() < 0.3 else ""
        if "magic" in form[0] and r.random() < 0.5:
            begin += forms.INTRO.format(kind="word" if form in forms.WORDS else "number")
        return self.hide(n, begin, facts, noise, lambda s: [self.pose(s, form, f) for f in asked])

    def chains(self, n):
        """Chains of variables in a haystack, their assignments in order."""
        r, noise = self.r, self.r.random() < 0.3
        chains = [forms.Chain(r, r.choice((1, 2, 2, 3, 4))) for _ in range(r.choice((1, 1, 2, 3)))]
        facts, left = [], [list(c.facts) for c in chains]
        while any(left):
            facts.append(self.new().add(("\n" if noise else " ") + r.choice([f for f in left if f]).pop(0), HINT))

        def end(s):
            for c in r.sample(chains, min(2, len(chains))):
                for question in r.sample((c.resolve(), c.members()), r.choice((1, 2))):
                    self.ask(s, *question)

        return self.hide(n, forms.CHAIN_INTRO if r.random() < 0.4 else "", facts, noise, end)

    def links(self, n):
        """Nothing but assignments, then questions about all chains: what a book is to needles."""
        r, s, between = self.r, self.new(), self.r.choice(" \n")
        chains = [forms.Chain(r, r.choice((1, 2, 2, 3, 4))) for _ in range(r.randint(1, max(2, n // 96)))]
        left = [list(c.facts) for c in chains]
        while any(left):
            s.add(between + r.choice([f for f in left if f]).pop(0), HINT)
            if r.random() < 0.3:
                s.cut()
        s.cut()
        while len(s.ids) < n:
            c = r.choice(chains)
            self.ask(s, *(c.members() if r.random() < 0.7 else c.resolve()))
        return s

    def hide(self, n, begin, facts, noise, end):
        """Spreads facts, in order, over a haystack, at ends of sentences; `end` adds the questions."""
        r, s, tail = self.r, self.new(), self.new()
        s.add(begin, HINT)
        end(tail)
        room = n - len(s.ids) - len(tail.ids) - sum(len(f.ids) for f in facts)
        hay = self.haystack(max(room, 16), noise)
        ends = self.ends(hay)
        last = 0
        for i, fact in zip(sorted(r.randrange(len(hay)) for _ in facts), facts):
            j = np.searchsorted(ends, i)
            i = int(ends[j]) + 1 if j < len(ends) else i
            s.add(hay[last:i], TEXT).cut().append(fact).cut()
            last = i
        return s.add(hay[last:], TEXT).cut().append(tail)

    def batch(self, rows, n, mix):
        """ids, weights and positions, each [rows][n + 1]; mix gives the share of each task."""
        ids = np.zeros((rows, n + 1), np.int64)
        weights, pos = np.zeros((rows, n + 1), np.float32), np.zeros((rows, n + 1), np.int64)
        tasks = self.r.choices(list(mix), list(mix.values()), k=rows)
        for row, name in enumerate(tasks):
            s = getattr(self, name)(n + 1)
            if len(s.ids) < n + 1:
                s.add(self.prose(n + 1 - len(s.ids)), TEXT)
            # The questions stand at the end; what is too long loses its beginning, but not the first token.
            drop = len(s.ids) - n - 1 if name in ("needles", "chains") else 0
            p = s.positions(self.r, max(self.limit, n + 1))
            for to, of in ((ids, s.ids), (weights, s.weights), (pos, p)):
                to[row, 0], to[row, 1:] = of[0], of[1 + drop :][:n]
        return ids, weights, pos
