"""Words that the generator draws from. The HELD_OUT words are those of package eval; no key or value has them."""

ADJECTIVES = """amber ancient azure bitter brave bright broken calm clever cold copper crimson curious daring distant eager elder
faint fierce frozen gentle gilded golden grand green hidden hollow humble icy iron jolly keen lively lonely loud lucky marble merry
misty noble pale patient proud quiet rapid restless royal rusty scarlet secret shining silent silver simple sleepy solemn stormy
strange sturdy sunny swift tender tiny velvet violet wandering warm weary wild wise wooden young""".split()

NOUNS = """acorn anchor arrow badger banner barrel basket beacon bell bridge bucket button candle canoe castle cellar chapel chest
cloak clock comet compass cottage crown dagger desk dove dragon drum eagle falcon feather fiddle forest fountain garden garnet goblet
hammer harbor harp hawk helmet hill hunter island jacket kettle key kitten ladder lantern ledger letter lion lock maple meadow mirror
monk mountain needle oak orchard otter owl palace parcel pearl pigeon pillow piper plough portrait prince quill rabbit raven ribbon
ring river road rose saddle sailor shepherd shield ship shore spoon stable star stone sword table temple thistle thunder tiger tower
trumpet tulip valley village violin wagon walnut watch whistle willow window wolf""".split()

HELD_OUT_ADJECTIVES = """able absent active agile airy alert ample angry anxious aware balmy bashful blunt bold bouncy brainy brief brisk bulky bumpy
careful cheap cheerful chilly chubby civil classic clumsy coarse cosmic costly cozy crafty creamy crisp crooked dainty damp
decent deep dense dizzy double dreamy drowsy dusty earnest edible elastic elegant empty exact exotic fancy fast feeble fickle
fluffy foggy fond formal fragile frank fresh frugal funny fuzzy giant giddy glad gloomy glossy graceful grateful greasy grim
groovy handy happy hasty heavy helpful honest hungry idle infinite joyful juicy keyless large lazy legal level light literal
local loose loyal magic major mellow merciful mighty modern modest mute narrow nasty neat nervous nimble normal odd oval
peaceful petite plain playful pointy polite prickly prime puny quaint rare ready rigid ripe robust rough round salty savory
scarce serious shaky shallow sharp shy silky sincere sleek slim sly smooth snug sober soft solid sour spare spicy square
stale steep sticky subtle sudden supple tall tame tart tasty thick thin tidy tight timid tough tricky trusty ugly unique
urban useful vague valid vast vital vivid wacky wealthy wet wicked witty zany zesty""".split()

HELD_OUT_NOUNS = """abacus airport album almond alpaca ant apple apron attic avocado axe bagel balloon bamboo banana banjo bat battery beach bear
bench berry bicycle biscuit blanket blouse boot bottle bowl bracelet branch brick broom bubble buffalo bulb bus butter
cabbage cable cactus cake camel camera canal canyon cape caravan carpet carrot cart cashew cattle cave cello chair cheese
cherry chimney cigar circus clarinet cliff clover coat cobweb coconut coffee coin collar copier coral corn couch crab cradle
crane crayon cricket cucumber cup curtain cushion daisy deer diary dice dolphin donkey door doughnut drawer dress duck easel
eel elbow elk engine envelope falconer fence fern ferry finch flag flute fog fork fossil fox freezer frog fungus gallery
garlic gate geyser giraffe glacier glove glue goat goose grape gravel guitar gull hamster hatchet hedge heron hinge hippo
honey hook horse hotel iguana jaguar jam jar jelly jigsaw kayak kennel kiosk kite koala lake lamp lawn lemon lever lime
lizard lobster locket lounge magnet mango marina market mask mast mattress melon menu mint mitten mole moose mop moth motor
mouse muffin mug mule museum mushroom napkin nest noodle notebook nut oar oats onion orange orchid ostrich oven oyster paddle
pan panda parade parrot peach peanut pebble pelican pencil pepper piano pickle pie pirate plum pond pony poodle popcorn
puddle puma pump puppet quarry quilt rabbi racket radio raft rail ramp reef rice robin robot rocket rope rug ruler sail salad
salmon sandal saucer scarf scissors seal shark shed sheep shelf shoe shovel shrimp sink skate sketch ski skirt slipper snail
soap sock sofa soup spider sponge squid stamp statue stool stove straw sugar suit swan sweater tablet tackle taxi teapot tent
tie tile toad toast tomato towel tractor trailer train tray trolley truck tuba tulle turkey turtle twig umbrella urn vase
vest vine vulture waffle wagonette walrus wand wasp well whale wheat wheel wick wrench yacht yak yarn yogurt zebra zipper""".split()

PEOPLE = "Anna Ben Clara Daniel Emma Frank Grace Henry Ida Jack Kate Leo Mary Nell Oscar Peter Rose Sam Tom Walter Alice Edward Lucy Simon".split()

PLACES = "kitchen garden barn attic market school library station bakery harbor mill church workshop cellar park meadow".split()

OBJECTS = """apple ball basket book bottle box bread brush cake candle chair coat coin cup doll drum flag flute hammer hat kettle key
kite knife ladder lamp lantern letter map needle pen pencil plate ribbon ring rope shoe spoon stone toy umbrella watch""".split()

COLORS = "red blue green yellow white black brown gray golden silver".split()

FEELINGS = "happy sad tired proud hungry cold angry afraid curious glad".split()

ANIMALS = "dog cat horse bird rabbit fox goat cow duck mouse".split()

FOODS = "bread soup cheese apples honey cake fish milk porridge plums".split()

CITIES = "London Paris Rome Vienna Oslo Madrid Dublin Athens Berlin Prague Lisbon Geneva".split()
