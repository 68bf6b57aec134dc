package kvcache

// Rehearser is a Policy that has what was read read again before it decides
// what survives: what the model attends to when it repeats a text is what it
// needs of it (KVzip, Kim et al. 2025). A rehearsal's steps have Again set; the
// rows' scores are all that the policy can take from it, for the rest goes on a
// fork that is then forgotten.
type Rehearser interface {
	Policy
	// Rehearse returns how many tokens are to be read again at a time.
	Rehearse() int
	// Settle is asked when the rehearsal is over. It may drop rows of any layer.
	Settle(layers []Layer)
}

// Again says what the tokens of a step rehearse.
type Again struct {
	From, To int32 // positions of the tokens that are repeated
	Since    int32 // position of the rehearsal's own first token
}

// Rehearse has tokens, which were read as positions first, first+1, …, read
// again if the policy is a Rehearser, and then asks it what survives. lead
// returns what to say before a chunk, given the tokens before it. read has the
// model read tokens into a fork f as step s; its error ends the rehearsal, and
// the cache should be dropped.
func (c *Cache) Rehearse(tokens []int32, first int32, lead func(before []int32) []int32, read func(f *Cache, tokens []int32, s Step) error) error {
	r, ok := c.cfg.Policy.(Rehearser)
	if !ok {
		return nil
	}
	end := first + int32(len(tokens))
	for lo, hi := 0, 0; lo < len(tokens); lo = hi {
		hi = min(lo+r.Rehearse(), len(tokens))
		said := append(lead(tokens[:lo]), tokens[lo:hi]...)
		s := Step{Prompt: true, Again: &Again{From: first + int32(lo), To: first + int32(hi), Since: end}}
		for j := range said {
			s.Pos = append(s.Pos, end+int32(j))
		}
		f := c.Fork()
		if err := read(f, said, s); err != nil {
			return err
		}
		c.learn(f)
	}
	for i := range c.layers {
		c.hide(&c.layers[i])
	}
	r.Settle(c.layers)
	c.release()
	c.bytes = 0
	for i := range c.layers {
		c.layers[i].show()
		c.bytes += c.layers[i].count()
	}
	return nil
}

// learn takes over the rows' scores from a fork that read on.
func (c *Cache) learn(f *Cache) {
	c.peak = max(c.peak, f.peak)
	for i := range c.layers {
		for h := range c.layers[i].Heads {
			copy(c.layers[i].Heads[h].Score(), f.layers[i].Heads[h].Score())
		}
	}
}
