"""Simple English: short stories about people, objects, places and numbers, in which everything said is true of a small world."""
from words import ADJECTIVES, ANIMALS, CITIES, COLORS, FEELINGS, FOODS, NOUNS, OBJECTS, PEOPLE, PLACES

NUMBERS = "two three four five six seven eight nine ten eleven twelve twenty".split()
TIMES = ["In the morning", "At noon", "In the evening", "Later that day", "Before supper", "After breakfast", "The next day", "On Sunday", "On Monday", "That night", "Soon", "A little later"]
WEATHER = ["The sun was shining", "It was raining", "The wind blew hard", "Snow lay on the ground", "The sky was gray", "It was a warm day", "A cold fog hung over the hills", "The air was clear"]
SHE = set("Anna Clara Emma Grace Ida Kate Mary Nell Rose Alice Lucy".split())


def article(word):
    return ("an " if word[0] in "aeiou" else "a ") + word


class World:
    """Who is where and has what; each event changes it and is told in a sentence or two."""

    def __init__(self, rng):
        r = self.r = rng
        self.people = r.sample(PEOPLE, r.randint(2, 4))
        self.places = r.sample(PLACES, 4)
        self.at = {p: r.choice(self.places) for p in self.people}
        self.objects = r.sample(OBJECTS, r.randint(2, 4))
        self.color = {o: r.choice(COLORS) for o in self.objects}
        self.holder = {o: r.choice(self.people) for o in self.objects}
        self.count = {}
        self.mood = {}
        self.liked = {}
        self.told = set()

    def opening(self):
        r, a, b = self.r, self.people[0], self.people[1]
        o = self.objects[0]
        return r.choice([
            f"Once upon a time there was a {r.choice(['boy', 'farmer', 'teacher', 'sailor', 'baker']) if a not in SHE else r.choice(['girl', 'farmer', 'teacher', 'singer', 'baker'])} named {a}. ",
            f"{a} and {b} were old friends. ",
            f"There was once {article(r.choice(ADJECTIVES))} {r.choice(['town', 'village', 'valley'])} near {r.choice(CITIES)}. {a} and {b} lived there. ",
            f"{r.choice(WEATHER)}. {a} looked out of the window of the {self.at[a]}. ",
            f"{a} had {article(self.color[o])} {o} and was very fond of it. ",
            f"This is the story of {a} and the {self.color[o]} {o}. ",
        ])

    def event(self):
        r = self.r
        return r.choice((self.go, self.go, self.give, self.put, self.talk, self.feel, self.animal, self.counting, self.eat, self.find, self.weather))()

    def when(self, clause):
        return f"{self.r.choice(TIMES)} {clause}" if self.r.random() < 0.4 else clause

    def he(self, p):
        return "she" if p in SHE else "he"

    def go(self):
        p = self.r.choice(self.people)
        old, new = self.at[p], self.r.choice(self.places)
        if old == new:
            return f"{p} stayed in the {old} and waited. "
        self.at[p] = new
        self.told.add(p)
        return self.r.choice([
            self.when(f"{p} went to the {new}. "), f"{p} walked from the {old} to the {new}. ",
            self.when(f"{p} left the {old} and went to the {new}. "), f"Then {p} ran to the {new} as fast as {self.he(p)} could. ",
        ])

    def give(self):
        o = self.r.choice(self.objects)
        a = self.holder[o]
        b = self.r.choice([p for p in self.people if p != a])
        self.holder[o] = b
        self.told.add(o)
        return self.r.choice([
            f"{a} gave the {self.color[o]} {o} to {b}. ", self.when(f"{a} handed {b} the {o}. \"Take good care of it,\" {self.he(a)} said. "),
            f"\"Here is the {o},\" said {a}. {b} took it and smiled. ",
        ])

    def put(self):
        o = self.r.choice(self.objects)
        self.told.update((o, "color " + o))
        return self.r.choice([
            f"The {o} was {self.color[o]}, and {self.holder[o]} had it. ", f"{self.holder[o]} had the {self.color[o]} {o} and looked at it for a long time. ",
            f"{self.holder[o]} put the {self.color[o]} {o} on the table, and then took it up again. ",
        ])

    def talk(self):
        r = self.r
        a, b = r.sample(self.people, 2)
        if r.random() < 0.5:
            return r.choice([
                f"\"Where is {b}?\" asked {a}. \"In the {self.at[b]},\" said the old man. ",
                f"\"I like the {self.at[a]},\" said {a}. \"It is quiet here.\" ",
                f"\"Will you come with me?\" {a} asked. \"Yes,\" said {b}, \"I will come.\" ",
            ])
        o = r.choice(self.objects)
        return r.choice([
            f"\"Who has the {o}?\" asked {a}. \"{self.holder[o]} has it,\" said {b}. ",
            f"\"What color is the {o}?\" {b} asked. \"It is {self.color[o]},\" said {a}. ",
        ])

    def feel(self):
        p, f = self.r.choice(self.people), self.r.choice(FEELINGS)
        self.mood[p] = f
        return self.r.choice([f"{p} was {f}. ", f"{p} felt {f} and said nothing. ", f"\"I am {f},\" said {p}. "])

    def animal(self):
        r, a = self.r, self.r.choice(ANIMALS)
        p = r.choice(self.people)
        return r.choice([
            f"{article(r.choice(COLORS)).capitalize()} {a} came into the {self.at[p]} and looked at {p}. ",
            f"{p} saw {article(r.choice(ADJECTIVES))} {a} near the {r.choice(self.places)}. ",
            f"A {a} slept under the {r.choice(['tree', 'table', 'window', 'old wall', 'bench'])}. ",
        ])

    def counting(self):
        p, o = self.r.choice(self.people), self.r.choice(NOUNS)
        n = self.r.choice(NUMBERS)
        self.count[p] = (n, o)
        return self.r.choice([f"{p} counted {n} {o}s in the {self.at[p]}. ", f"There were {n} {o}s in the {self.at[p]}, and {p} counted them all. "])

    def eat(self):
        p, f = self.r.choice(self.people), self.r.choice(FOODS)
        self.liked[p] = f
        return self.r.choice([f"{p} ate some {f} in the {self.at[p]}. ", f"For supper {p} had {f}. ", f"{p} liked {f} more than anything. "])

    def find(self):
        r = self.r
        p, o = r.choice(self.people), r.choice(OBJECTS)
        if o in self.holder:
            return f"{p} asked about the {o}, but nobody answered. "
        self.objects.append(o)
        self.color[o], self.holder[o] = r.choice(COLORS), p
        self.told.update((o, p, "color " + o))
        return f"In the {self.at[p]} {p} found {article(self.color[o])} {o}. "

    def weather(self):
        return self.r.choice(WEATHER) + ". "

    def question(self):
        """A question about what was told, and its answer; None if it chose something that nobody told."""
        r = self.r
        p, o = r.choice(self.people), r.choice(self.objects)
        asked = []
        if p in self.told:
            asked.append((f"Where is {p}?", f"{p} is in the {self.at[p]}."))
        if o in self.told:
            asked.append((f"Who has the {o}?", f"{self.holder[o]} has the {o}."))
        if "color " + o in self.told:
            asked.append((f"What color is the {o}?", f"The {o} is {self.color[o]}."))
        if p in self.count:
            n, what = self.count[p]
            asked.append((f"How many {what}s did {p} count?", f"{p} counted {n} {what}s."))
        if p in self.liked:
            asked.append((f"What did {p} eat?", f"{p} ate {self.liked[p]}."))
        return r.choice(asked) if asked else None


def story(rng, sentences):
    """A story of so many events, and the world it leaves."""
    w = World(rng)
    text = w.opening()
    for i in range(sentences):
        text += w.event()
        if i % 6 == 5:
            text = text.rstrip() + "\n"
    return text.strip(), w


if __name__ == "__main__":
    # world.py SEED STORIES: stories of 20 to 60 events, with an empty line between them.
    import random
    import sys

    rng = random.Random(int(sys.argv[1]))
    print("\n\n".join(story(rng, rng.randint(20, 60))[0] for _ in range(int(sys.argv[2]))))
