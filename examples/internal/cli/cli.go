// Package cli holds what the example programs have in common: how they end,
// and how they read flags and text.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

// Program is a program's body. It returns the exit status, for which Exit has
// the rules.
type Program func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int

// Main runs a program on the process's arguments and streams. The first Ctrl-C
// ends its context, a second one the process.
func Main(run Program) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// The exit statuses.
const (
	OK          = 0
	Failure     = 1
	WrongUsage  = 2
	Interrupted = 130 // as a shell reports a process that Ctrl-C ended
)

// Exit reports err, if there is one to report, and returns the exit status.
func Exit(stderr io.Writer, name string, err error) int {
	switch wrong := (*usageError)(nil); {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return OK
	case errors.Is(err, context.Canceled):
		return Interrupted
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "%s: %v\n(%s -h lists the flags)\n", name, err, name)
		return WrongUsage
	}
	fmt.Fprintf(stderr, "%s: %v\n", name, err)
	return Failure
}

type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// Usagef returns an error for which Exit returns WrongUsage.
func Usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// Flags returns an empty set of flags that Parse parses.
func Flags(name string) *flag.FlagSet {
	return flag.NewFlagSet(name, flag.ContinueOnError)
}

// Parse parses args, all of which must be flags. Asked for help it writes the
// synopsis and the flags to stdout and returns flag.ErrHelp.
func Parse(fs *flag.FlagSet, args []string, synopsis string, stdout io.Writer) error {
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stdout, "usage: %s %s\n", fs.Name(), synopsis)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return err
	case err != nil:
		return Usagef("%v", err)
	case fs.NArg() > 0:
		return Usagef("got argument %q, want flags alone", fs.Arg(0))
	}
	return nil
}

// Given returns those of the flags names that were given.
func Given(fs *flag.FlagSet, names ...string) []string {
	var given []string
	fs.Visit(func(f *flag.Flag) {
		for _, name := range names {
			if f.Name == name {
				given = append(given, name)
			}
		}
	})
	return given
}

// MaxThreads is the most that winnow.Options take.
const MaxThreads = 1024
