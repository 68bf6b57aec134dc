package eval

import (
	"fmt"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/kvcache"
)

// Setup is what is judged: a model and how its sessions keep what they read.
type Setup struct {
	Model *winnow.Model

	// Cache returns the configuration for a prompt of so many tokens, the first
	// if there are two: a program that keeps a share of it derives the budget
	// here. nil: the full cache.
	Cache func(tokens int) kvcache.Config
}

// config returns the configuration for a prompt of so many tokens.
func (s Setup) config(tokens int) kvcache.Config {
	if s.Cache == nil {
		return kvcache.Config{}
	}
	return s.Cache(tokens)
}

func (s Setup) open(tokens int) (*winnow.Session, error) {
	session, err := s.Model.NewSession(s.config(tokens))
	if err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	return session, nil
}
