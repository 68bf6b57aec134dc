package eval

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

var adjectives = strings.Fields(`able absent active agile airy alert ample angry anxious aware balmy bashful blunt bold bouncy brainy brief brisk
	bulky bumpy careful cheap cheerful chilly chubby civil classic clumsy coarse cosmic costly cozy crafty creamy crisp crooked
	dainty damp decent deep dense dizzy double dreamy drowsy dusty earnest edible elastic elegant empty exact exotic fancy
	fast feeble fickle fluffy foggy fond formal fragile frank fresh frugal funny fuzzy giant giddy glad gloomy glossy graceful
	grateful greasy grim groovy handy happy hasty heavy helpful honest hungry idle infinite joyful juicy keyless large lazy legal
	level light literal local loose loyal magic major mellow merciful mighty modern modest mute narrow nasty neat nervous nimble
	normal odd oval peaceful petite plain playful pointy polite prickly prime puny quaint rare ready rigid ripe robust rough
	round salty savory scarce serious shaky shallow sharp shy silky sincere sleek slim sly smooth snug sober soft solid sour
	spare spicy square stale steep sticky subtle sudden supple tall tame tart tasty thick thin tidy tight timid tough tricky
	trusty ugly unique urban useful vague valid vast vital vivid wacky wealthy wet wicked witty zany zesty`)

var nouns = strings.Fields(`abacus airport album almond alpaca ant apple apron attic avocado axe bagel balloon bamboo banana banjo bat battery beach bear
	bench berry bicycle biscuit blanket blouse boot bottle bowl bracelet branch brick broom bubble buffalo bulb bus butter cabbage
	cable cactus cake camel camera canal canyon cape caravan carpet carrot cart cashew cattle cave cello chair cheese cherry chimney
	cigar circus clarinet cliff clover coat cobweb coconut coffee coin collar copier coral corn couch crab cradle crane crayon
	cricket cucumber cup curtain cushion daisy deer diary dice dolphin donkey door doughnut drawer dress duck easel eel elbow elk
	engine envelope falconer fence fern ferry finch flag flute fog fork fossil fox freezer frog fungus gallery garlic gate geyser
	giraffe glacier glove glue goat goose grape gravel guitar gull hamster hatchet hedge heron hinge hippo honey hook horse hotel
	iguana jaguar jam jar jelly jigsaw kayak kennel kiosk kite koala lake lamp lawn lemon lever lime lizard lobster locket lounge
	magnet mango marina market mask mast mattress melon menu mint mitten mole moose mop moth motor mouse muffin mug mule museum
	mushroom napkin nest noodle notebook nut oar oats onion orange orchid ostrich oven oyster paddle pan panda parade parrot
	peach peanut pebble pelican pencil pepper piano pickle pie pirate plum pond pony poodle popcorn puddle puma pump puppet
	quarry quilt rabbi racket radio raft rail ramp reef rice robin robot rocket rope rug ruler sail salad salmon sandal
	saucer scarf scissors seal shark shed sheep shelf shoe shovel shrimp sink skate sketch ski skirt slipper snail soap sock sofa
	soup spider sponge squid stamp statue stool stove straw sugar suit swan sweater tablet tackle taxi teapot tent tie tile toad
	toast tomato towel tractor trailer train tray trolley truck tuba tulle turkey turtle twig umbrella urn vase vest vine vulture
	waffle wagonette walrus wand wasp well whale wheat wheel wick wrench yacht yak yarn yogurt zebra zipper`)

// Kind is what keys and values are.
type Kind struct {
	Name string // in the singular, such as "number"
	Make func(*rand.Rand) string
}

// Word is pairs such as "salty-pelican".
func Word() Kind {
	return Kind{"word", func(r *rand.Rand) string {
		return adjectives[r.IntN(len(adjectives))] + "-" + nouns[r.IntN(len(nouns))]
	}}
}

// Number is numbers of so many digits, the first not 0; RULER's have 7.
func Number(digits int) Kind {
	if digits < 1 || digits > 18 {
		panic(fmt.Sprintf("eval: Number: got %d digits, want 1 to 18", digits))
	}
	low := int64(1)
	for range digits - 1 {
		low *= 10
	}
	return Kind{"number", func(r *rand.Rand) string { return strconv.FormatInt(low+r.Int64N(9*low), 10) }}
}

// UUID is random UUIDs, version 4.
func UUID() Kind {
	return Kind{"uuid", func(r *rand.Rand) string {
		hi, lo := r.Uint64(), r.Uint64()
		return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xfff, lo>>48&0x3fff|0x8000, lo&(1<<48-1))
	}}
}

// letters returns a random word of n letters, the first of which is given by
// case: 'a' or 'A'.
func letters(r *rand.Rand, first byte, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(r.IntN(26))
	}
	return string(b)
}

// distinct calls next until it returns something new. What next can return
// must not run out; after many failures in a row it panics.
func distinct(seen map[string]bool, next func() string) string {
	for range 1 << 16 {
		if s := next(); !seen[s] {
			seen[s] = true
			return s
		}
	}
	panic("eval: a Kind: got nothing new in 65536 calls, want more different values than a sample has")
}

// lone returns n distinct words in a random order: single ones as long as they
// last, then pairs.
func lone(r *rand.Rand, n int) []string {
	words := append(append([]string(nil), adjectives...), nouns...)
	r.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	seen, pair := map[string]bool{}, Word()
	for len(words) < n {
		words = append(words, distinct(seen, func() string { return pair.Make(r) }))
	}
	return words[:n]
}
