"""Words that the generator draws from. What stands under HELD_OUT is never trained on as a key or value."""

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

HELD_OUT_ADJECTIVES = "ivory dusty polite narrow cheerful mighty purple honest crooked modest heavy careful foreign slender gloomy".split()

HELD_OUT_NOUNS = "pocket bottle captain cousin doctor engine finger hotel iron-works jewel knight lawyer minister novel ocean pencil queen servant teacher uncle voyage widow carriage dinner farmer coffee stranger".replace("iron-works ", "").split()

PEOPLE = "Anna Ben Clara Daniel Emma Frank Grace Henry Ida Jack Kate Leo Mary Nell Oscar Peter Rose Sam Tom Walter Alice Edward Lucy Simon".split()

PLACES = "kitchen garden barn attic market school library station bakery harbor mill church workshop cellar park meadow".split()

OBJECTS = """apple ball basket book bottle box bread brush cake candle chair coat coin cup doll drum flag flute hammer hat kettle key
kite knife ladder lamp lantern letter map needle pen pencil plate ribbon ring rope shoe spoon stone toy umbrella watch""".split()

COLORS = "red blue green yellow white black brown gray golden silver".split()

FEELINGS = "happy sad tired proud hungry cold angry afraid curious glad".split()

ANIMALS = "dog cat horse bird rabbit fox goat cow duck mouse".split()

FOODS = "bread soup cheese apples honey cake fish milk porridge plums".split()

CITIES = "London Paris Rome Vienna Oslo Madrid Dublin Athens Berlin Prague Lisbon Geneva".split()
