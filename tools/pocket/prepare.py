"""Trains the vocabulary and encodes the novels.

usage: prepare.py OUT [NOVELS]     NOVELS is a folder of .txt files; without it the generator's own English is all there is
"""
import collections
import glob
import json
import os
import random
import re
import sys

import numpy as np

import bpe
import forms
import world

VOCAB = 4096
# Kept for evaluation.
LEFT_OUT = ("Burnett_Garden_1911", "Conrad_Nostromo_1904", "Dickens_Bleak_1853", "Hardy_Tess_1891")


def main():
    out, novels, held_out = sys.argv[1], [], []
    os.makedirs(out, exist_ok=True)
    for path in sorted(glob.glob(os.path.join(sys.argv[2], "*.txt"))) if len(sys.argv) > 2 else []:
        with open(path, encoding="utf-8", errors="replace") as f:
            (held_out if os.path.basename(path)[:-4] in LEFT_OUT else novels).append(f.read())
    rng = random.Random(0)
    rng.shuffle(novels)
    counts = collections.Counter()
    for text in novels[:40]:
        counts.update(re.findall(r"\b[a-z]{3,9}\b", text))
    lexicon = [w for w, _ in counts.most_common(5000)][250:]
    lexicon = lexicon or sorted({w for _ in range(200) for w in re.findall(r"[a-z]{4,}", world.story(rng, 16)[0])})

    keys, own = forms.Keys(rng, lexicon), []
    for _ in range(4000):
        text, w = world.story(rng, 12)
        own += [text, " ".join(w.question() or "")]
        for form in forms.NUMBERS + forms.WORDS:
            k, v = keys.fact(form)
            own += [part.format(k=k, v=v) for part in form]
        own.append(forms.NOISE)
        chain = forms.Chain(rng, 2)
        own += chain.facts + [" ".join(chain.resolve()), " ".join(chain.members())]
    vocab, merges = bpe.train(novels[:25] + own, VOCAB)
    with open(os.path.join(out, "vocab.json"), "w") as f:
        json.dump({"vocab": vocab, "merges": [" ".join(m) for m in merges], "lexicon": lexicon}, f, ensure_ascii=False, indent=0)
    tokenizer = bpe.Tokenizer(os.path.join(out, "vocab.json"))
    with open(os.path.join(out, "prose.u16"), "wb") as f:
        for text in novels:
            np.array(tokenizer.encode(text), np.uint16).tofile(f)
    with open(os.path.join(out, "held-out.u16"), "wb") as f:
        for text in held_out:
            np.array(tokenizer.encode(text), np.uint16).tofile(f)
    print(len(vocab), "tokens;", os.path.getsize(os.path.join(out, "prose.u16")) // 2, "tokens of prose")


if __name__ == "__main__":
    main()
