"""Byte-level BPE with single digits: the pre-tokenizer that GGUF files call `smollm`.

Exact for text whose letters are letters to Python and whose digits are decimal; the tests of the Go side hold the ids together.
"""
import collections
import json
import re

SPECIALS = ["<|endoftext|>", "<|user|>", "<|assistant|>"]
EOT, USER, ASSISTANT = range(3)

DIGIT = re.compile(r"\d")
WORD = re.compile(r"'(?:[stmd]|re|ve|ll)| ?[^\W\d_]+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


def byte_alphabet():
    """The printable character that stands for each byte (GPT-2's bytes_to_unicode)."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table, n = {}, 0
    for b in range(256):
        table[b] = chr(b) if b in keep else chr(256 + n)
        n += b not in keep
    return table


BYTES = byte_alphabet()


def words(text):
    """Cuts text into the pieces inside which merges happen."""
    last = 0
    for digit in DIGIT.finditer(text):
        yield from WORD.findall(text[last : digit.start()])
        yield digit.group()
        last = digit.end()
    yield from WORD.findall(text[last:])


def train(texts, size):
    """Returns the tokens and merges of a vocabulary of `size`, special tokens and bytes first."""
    counts = collections.Counter()
    for text in texts:
        counts.update(words(text))
    pieces = [[BYTES[b] for b in w.encode()] for w, c in counts.items() if c > 1]
    weight = [c for c in counts.values() if c > 1]
    pairs, where = collections.Counter(), collections.defaultdict(set)
    for i, w in enumerate(pieces):
        for p in zip(w, w[1:]):
            pairs[p] += weight[i]
            where[p].add(i)
    vocab, merges = SPECIALS + [BYTES[b] for b in range(256)], []
    while len(vocab) < size:
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        vocab.append(best[0] + best[1])
        for i in where.pop(best):
            w = pieces[i]
            for p in zip(w, w[1:]):
                pairs[p] -= weight[i]
            merged = merge(w, best)
            pieces[i] = merged
            for p in zip(merged, merged[1:]):
                pairs[p] += weight[i]
                where[p].add(i)
        del pairs[best]
    return vocab, merges


def merge(word, pair):
    out, i = [], 0
    while i < len(word):
        if tuple(word[i : i + 2]) == pair:
            out.append(pair[0] + pair[1])
            i += 2
        else:
            out.append(word[i])
            i += 1
    return out


class Tokenizer:
    def __init__(self, path):
        with open(path) as f:
            d = json.load(f)
        self.vocab, self.merges = d["vocab"], [tuple(m.split(" ")) for m in d["merges"]]
        self.ids = {t: i for i, t in enumerate(self.vocab)}
        self.rank = {m: i for i, m in enumerate(self.merges)}
        self.bytes = {c: b for b, c in BYTES.items()}
        self.cache = {}

    def encode(self, text):
        out = []
        for w in words(text):
            ids = self.cache.get(w)
            if ids is None:
                ids = self.cache[w] = self.word(w)
            out += ids
        return out

    def word(self, w):
        s = [BYTES[b] for b in w.encode()]
        while len(s) > 1:
            rank, pair = min((self.rank.get(p, 1 << 30), p) for p in zip(s, s[1:]))
            if rank == 1 << 30:
                break
            s = merge(s, pair)
        return [self.ids[t] for t in s]

    def decode(self, ids):
        text = bytes(self.bytes[c] for i in ids if i >= len(SPECIALS) for c in self.vocab[i])
        return text.decode("utf-8", "replace")
