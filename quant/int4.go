package quant

import "github.com/winnowlm/winnow/internal/vec"

// The formats of 4 and 2 bits are asymmetric, with scale and minimum in half
// precision: scale = (max−min)/(2^bits−1), code = round to even of
// (x−min)/scale, as in KIVI (Liu et al. 2024, arXiv:2402.02750,
// quant/new_pack.py). Those per group take 32, 64 or 128 columns of a row: KIVI's
// values, and weights. Those per channel take each column over all rows of the
// matrix: KIVI's keys, whose groups are the cache's blocks. 4 bits per channel
// for keys and per group for values is KIVI with 4 bits.
var (
	Int4         Format = &grouped{name: "int4", codec: unsigned4, group: 32, asym: true}
	Int4Group64  Format = &grouped{name: "int4-64", codec: unsigned4, group: 64, asym: true}
	Int4Group128 Format = &grouped{name: "int4-128", codec: unsigned4, group: 128, asym: true}
	Int4Channel  Format = &grouped{name: "int4-channel", codec: unsigned4, share: perChannel, asym: true}
	Int2         Format = &grouped{name: "int2", codec: unsigned2, group: 32, asym: true}
	Int2Channel  Format = &grouped{name: "int2-channel", codec: unsigned2, share: perChannel, asym: true}
)

var (
	unsigned4 = unsignedCodec(vec.CodeU4).integers(unsignedBytes4, 0)
	unsigned2 = unsignedCodec(vec.CodeU2).integers(unsignedBytes2, 0)
)
