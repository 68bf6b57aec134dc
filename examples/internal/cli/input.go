package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Text is a text that comes from a flag, from the file that another flag
// names, or, when neither is given, from standard input.
type Text struct {
	fs         *flag.FlagSet
	name       string
	text, file string
}

// TextFlags adds the flag name and the flag file.
func TextFlags(fs *flag.FlagSet, name, what string) *Text {
	t := &Text{fs: fs, name: name}
	fs.StringVar(&t.text, name, "", what+"; without it and -file, standard input")
	fs.StringVar(&t.file, "file", "", "`file` that holds "+what)
	return t
}

// Check refuses two sources.
func (t *Text) Check() error {
	if len(Given(t.fs, t.name, "file")) > 1 {
		return Usagef("got -%s and -file, want one of them", t.name)
	}
	return nil
}

// Read returns the text, byte for byte.
func (t *Text) Read(ctx context.Context, stdin io.Reader) (string, error) {
	switch {
	case len(Given(t.fs, t.name)) > 0:
		return t.text, nil
	case len(Given(t.fs, "file")) > 0:
		data, err := os.ReadFile(t.file)
		return string(data), err
	}
	return readAll(ctx, stdin)
}

// readAll reads all of r, or returns the error of ctx while r waits.
func readAll(ctx context.Context, r io.Reader) (string, error) {
	var data []byte
	done := make(chan error, 1)
	go func() {
		var err error
		data, err = io.ReadAll(r)
		done <- err
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case err := <-done:
		if err != nil {
			return "", fmt.Errorf("standard input: %w", err)
		}
		return string(data), nil
	}
}

// Ints is a flag that holds numbers, such as "0,4096".
type Ints []int

func (l *Ints) String() string {
	words := make([]string, len(*l))
	for i, n := range *l {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, ",")
}

// Set parses numbers that are not negative, with commas between them.
func (l *Ints) Set(text string) error {
	*l = nil
	for _, word := range strings.Split(text, ",") {
		n, err := strconv.ParseUint(strings.TrimSpace(word), 10, 31)
		if err != nil {
			return fmt.Errorf("%q is no number from 0 to 2^31-1", word)
		}
		*l = append(*l, int(n))
	}
	return nil
}

// Strings is a flag that may be given more than once.
type Strings []string

func (l *Strings) String() string { return strings.Join(*l, " ") }

// Set adds a text.
func (l *Strings) Set(text string) error {
	*l = append(*l, text)
	return nil
}
