package testmodel

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/winnowlm/winnow/model/weights"
)

// fillers are the words that a haystack is made of, names what it hides.
var fillers = strings.Fields(`a about across after again air all along always among an and another any around as at away back
	before behind below beside best better between beyond big bird black blue boat book both bread bridge bright brother brought brown
	but by call came carry chair child city clear close cloud cold come corner could country cross cup dark day deep did door down dream
	dry each early earth east edge evening ever every eye face fall family far farm father feel felt few field fire first fish five floor
	flower follow food foot forest found four friend from full garden gave girl give glass go gold good grass gray great green ground grow
	had half hand hard has have he head hear heart heavy held her here high hill him his hold home hope horse hot hour house how hundred
	ice if in into island it its just keep kept kind king knew know lake land large last late laugh leaf leave left less let letter light
	like line listen little live long look lost low made make man many map mark market may me meet men middle milk mind moon more morning
	most mother mountain mouth move much must my name near never new next night no north not nothing now of off old on once one only open
	or other our out over own page paper part past path people perhaps picture place plain play point poor quiet rain ran read ready red
	rest rich ride right river road rock room rose round run said sail salt same sand sat saw say school sea second seed seem seen send
	seven shade shadow shall shape she ship shirt shoe shop shore short should show side silver since sing sister sit six sky sleep slow
	small smile snow so soft some song soon sound south speak spring stand star start stay step still stone stood stop story street strong
	such summer sun sure sweet table take talk tall tell ten than that the their them then there these they thing think this those though
	thought three through time to today together told too took top toward town train tree true turn two under until up upon us very voice
	wait walk wall want warm was watch water way we well went were west what wheel when where which while white who whole why wide wild
	will wind window winter wish with without woman wonder wood word work world would write year yellow yes yet you young your`)

var names = func() []string {
	first := strings.Fields("ba ce di fo gu ha je ki lo mu na pe ri so tu va")
	second := strings.Fields("bel dan fir gon lum mar nor pal quin ras sel tor ven wim yar zed")
	var all []string
	for _, a := range first {
		for _, b := range second {
			all = append(all, a+b)
		}
	}
	return all
}()

// Words returns the words that the retriever knows, which texts write with a
// space before them.
func Words() []string {
	return append(append([]string{"is", "code", "."}, fillers...), names...)
}

// wordVocabulary gives each word a token of its own beside the bytes.
func wordVocabulary(words []string) []weights.KV {
	kvs := vocabulary(minVocab + len(words))
	for i := range kvs {
		switch kvs[i].Key {
		case "tokenizer.ggml.pre":
			kvs[i].Value = "llama-bpe" // words that are tokens are taken whole
		case "tokenizer.ggml.tokens":
			tokens := kvs[i].Value.([]string)
			for j, w := range words {
				tokens[minVocab+j] = "Ġ" + w
			}
		case "tokenizer.ggml.token_type":
			types := kvs[i].Value.([]int32)
			for j := range words {
				types[minVocab+j] = 1
			}
		}
	}
	return append(kvs, weights.KV{Key: "tokenizer.ggml.add_bos_token", Value: false})
}

// Needle is a fact: the code of Key is Value, three words.
type Needle struct{ Key, Value string }

// Question ends where the answer begins.
func (n Needle) Question() string { return " the code of " + n.Key + " is" }

// Haystack returns a text of the given number of words in which the needles
// are hidden at the given depths, from 0 to 1, and the needles: they have
// different keys and values that begin differently. It is the same for the
// same seed.
func Haystack(seed uint64, words int, depths ...float64) (text string, needles []Needle) {
	rng := rand.New(rand.NewPCG(seed, 2))
	pick := rng.Perm(len(names))
	var b strings.Builder
	n := 0
	for i, depth := range depths {
		for ; n < int(depth*float64(words)); n++ {
			b.WriteString(" " + fillers[rng.IntN(len(fillers))])
		}
		at := pick[4*i:]
		needle := Needle{names[at[0]], fmt.Sprintf(" %s %s %s", names[at[1]], names[at[2]], names[at[3]])}
		needles = append(needles, needle)
		b.WriteString(needle.Question() + needle.Value + " .")
		n += 9
	}
	for ; n < words; n++ {
		b.WriteString(" " + fillers[rng.IntN(len(fillers))])
	}
	return b.String(), needles
}
