"""Forms of facts and questions, and what they are about. RULER's wording (Hsieh et al. 2024) is among them."""
from words import ADJECTIVES, HELD_OUT_ADJECTIVES, HELD_OUT_NOUNS, NOUNS, PEOPLE

# A fact, its question, and how an answer begins. {k} is the key, {v} the value.
NUMBERS = [
    ("One of the special magic numbers for {k} is: {v}.", "What is the special magic number for {k} mentioned in the provided text?", "The special magic number for {k} mentioned in the provided text is"),
    ("The pass key for {k} is {v}. Remember it.", "What is the pass key for {k}?", "The pass key for {k} is"),
    ("The secret code of {k} is {v}.", "Question: What is the secret code of {k}?", "Answer:"),
    ("The house of {k} has the number {v}.", "Which number does the house of {k} have?", "The house of {k} has the number"),
    ("The {k} was sold for {v} coins.", "For how many coins was the {k} sold?", "The {k} was sold for"),
    ("The telephone number of {k} is {v}.", "Please tell me the telephone number of {k}.", "It is"),
    ("{k}: {v}.", "What stands beside {k}?", "{k}:"),
]
WORDS = [
    ("One of the special magic words for {k} is: {v}.", "What is the special magic word for {k} mentioned in the provided text?", "The special magic word for {k} mentioned in the provided text is"),
    ("The best friend of {k} is called {v}.", "Who is the best friend of {k}?", "The best friend of {k} is called"),
    ("The treasure of {k} lies under the {v}.", "Question: Under what does the treasure of {k} lie?", "Answer: under the"),
]
# Never trained on: other questions about facts of the first and third form.
UNTRAINED = [
    (NUMBERS[0][0], "Tell me the magic number that belongs to {k}.", "The magic number that belongs to {k} is"),
    (NUMBERS[2][0], "{k} has a secret code. Which one?", "{k} has the secret code"),
]
# RULER's first words. {kind} is what values are.
INTRO = "A special magic {kind} is hidden within the following text. Make sure to memorize it. I will quiz you about the {kind} afterwards.\n"
CHAIN_INTRO = "Memorize and track the chain(s) of variable assignment hidden in the following text.\n\n"
NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."


def digits(rng, n=None):
    n = n or rng.choice((4, 5, 5, 6, 6, 7, 7))
    return str(rng.randint(1, 9)) + "".join(rng.choices("0123456789", k=n - 1))


def held_out_key(rng):
    return rng.choice(HELD_OUT_ADJECTIVES) + "-" + rng.choice(HELD_OUT_NOUNS)


def uuid(rng):
    return "-".join("".join(rng.choices("0123456789abcdef", k=n)) for n in (8, 4, 4, 4, 12))


class Keys:
    """Draws keys and values; `lexicon` are more words, so that no key is learned by heart."""

    def __init__(self, rng, lexicon):
        held = set(HELD_OUT_ADJECTIVES + HELD_OUT_NOUNS)
        free = lambda words: [w for w in words if w not in held]
        self.r, self.lexicon, self.adjectives, self.nouns = rng, free(lexicon), free(ADJECTIVES), free(NOUNS)

    def key(self):
        r, u = self.r, self.r.random()
        if u < 0.35:
            return r.choice(self.adjectives) + "-" + r.choice(self.nouns)
        if u < 0.70:
            return r.choice(self.lexicon) + "-" + r.choice(self.lexicon)
        if u < 0.80:
            return r.choice(PEOPLE) + " " + r.choice(self.lexicon).capitalize()
        if u < 0.92:
            return "the " * (r.random() < 0.3) + r.choice(self.adjectives + self.lexicon) + " " + r.choice(self.nouns + self.lexicon)
        return "".join(r.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=r.randint(1, 3))) + digits(r, r.randint(1, 3))

    def word(self):
        r = self.r
        if r.random() < 0.3:
            return r.choice(self.lexicon) + "-" + r.choice(self.lexicon)
        return r.choice(self.nouns + self.lexicon)

    def fact(self, form):
        if form is NUMBERS[0] and self.r.random() < 0.08:
            return self.key(), uuid(self.r)
        return self.key(), self.word() if form in WORDS else digits(self.r)

    def facts(self, form, n):
        """n facts of one form whose keys differ."""
        facts = {}
        while len(facts) < n:
            k, v = self.fact(form)
            facts.setdefault(k, v)
        return list(facts.items())


def variable(rng):
    if rng.random() < 0.6:
        return "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=5))
    return rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") + str(rng.randint(1, 99))


class Chain:
    """Variables of which each is said to be the one before it: VAR A = 7. VAR B = VAR A."""

    def __init__(self, rng, hops):
        names = {}
        while len(names) < hops + 1:
            names[variable(rng)] = None
        self.names, self.value = list(names), digits(rng, 5)
        stop = rng.choice((".", ""))
        self.facts = [f"VAR {self.names[0]} = {self.value}{stop}"]
        self.facts += [f"VAR {b} = VAR {a}{stop}" for a, b in zip(self.names, self.names[1:])]

    def resolve(self):
        """Asks for the last variable's value; the answer goes back along the chain."""
        last = self.names[-1]
        steps = "".join(f" VAR {n} =" for n in reversed(self.names[:-1]))
        return f"Question: What is the value of VAR {last}?", f"Answer: VAR {last} =", f"{steps} {self.value}."

    def members(self):
        """RULER's question: every variable that has the value."""
        return (
            f"Question: Find all variables that are assigned the value {self.value} in the text above.",
            f"Answer: According to the chain(s) of variable assignment in the text above, {len(self.names)} variables are assigned the value {self.value}, they are:",
            "".join(f" {n}" for n in self.names) + ".",
        )
