package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	fast := flag.Bool("fast", false, "leave out those whose tests need a server")
	only := flag.String("run", "", "try those alone whose file, test or purpose matches")
	bound := flag.String("timeout", "90s", "of one run of tests; a test that hangs has noticed the break")
	flag.Parse()
	return mutate(ctx, os.Stdout, *fast, *only, trials{bound: *bound})
}

// lists is where the mutations stand, from the top of the module.
const lists = "internal/dev/mutate/testdata/mutations"

// mutate tries the mutations of this package's list in the module at the current directory.
func mutate(ctx context.Context, out io.Writer, fast bool, run string, t trials) (err error) {
	only, err := regexp.Compile(run)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	if t.root, err = os.Getwd(); err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	list, err := readMutations(lists)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(m mutation) bool {
		return fast && m.needs != "" || !only.MatchString(m.file+" "+m.test+" "+m.what)
	})
	if len(list) == 0 {
		return fmt.Errorf("no mutation matches -run %q (-fast: %t): nothing would be tried; see %s", run, fast, lists)
	}
	began := time.Now()
	if err := t.unbroken(ctx, list); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d tests pass without any break (%s)\n", len(list), time.Since(began).Round(time.Second))
	return report(ctx, out, list, t.try)
}

// report tries each mutation and says what came of it; its error says that some were not noticed.
func report(ctx context.Context, out io.Writer, list []mutation, try func(context.Context, mutation) (outcome, error)) error {
	unnoticed := 0
	for _, m := range list {
		began := time.Now()
		found, err := try(ctx, m)
		fmt.Fprintf(out, "%-8s %4s  %s  %s: %s\n", found, time.Since(began).Round(time.Second), m.at, m.test, m.what)
		if err != nil {
			fmt.Fprintln(out, err)
		}
		if found != noticed {
			unnoticed++
		}
	}
	if unnoticed > 0 {
		return fmt.Errorf("%d of %d breaks were not noticed by the test that is there for it", unnoticed, len(list))
	}
	return nil
}
