package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
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
	fast := flag.Bool("fast", false, "leave out those whose tests need a server, or more than a few seconds")
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
	if t.dir, err = os.MkdirTemp("", "ledgerboard-mutate-"); err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer os.RemoveAll(t.dir)
	if err := t.build(ctx, list); err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(m mutation) bool {
		return fast && m.needs != "" || !only.MatchString(m.file+" "+m.test+" "+m.what)
	})
	if len(list) == 0 {
		return fmt.Errorf("no mutation matches -run %q (-fast: %t): nothing would be tried; see %s", run, fast, lists)
	}
	var moved []error
	for _, m := range list {
		_, _, err := t.broken(m)
		moved = append(moved, err)
	}
	if err := errors.Join(moved...); err != nil {
		return err
	}
	began := time.Now()
	programs, err := t.prepareAll(ctx, list)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "the tests of %d packages pass without any break (%s)\n", len(programs), time.Since(began).Round(time.Second))
	return report(ctx, out, list, func(ctx context.Context, m mutation) (outcome, error) { return t.try(ctx, programs[m.pkg], m) })
}

// prepareAll prepares each package.
func (t trials) prepareAll(ctx context.Context, list []mutation) (map[string]program, error) {
	byPackage := map[string][]mutation{}
	for _, m := range list {
		byPackage[m.pkg] = append(byPackage[m.pkg], m)
	}
	var mu sync.Mutex // of programs and wrong
	programs, wrong := map[string]program{}, []error{}
	var workers errgroup.Group
	workers.SetLimit(runtime.NumCPU())
	for pkg, mutations := range byPackage {
		workers.Go(func() error {
			p, err := t.prepare(ctx, pkg, mutations)
			mu.Lock()
			defer mu.Unlock()
			programs[pkg], wrong = p, append(wrong, err)
			return nil
		})
	}
	_ = workers.Wait() // each has noted its error
	return programs, errors.Join(wrong...)
}

// report tries each mutation, as many at a time as there are processors, and says what came of it; its error says that some were not
// noticed.
func report(ctx context.Context, out io.Writer, list []mutation, try func(context.Context, mutation) (outcome, error)) error {
	began := time.Now()
	var mu sync.Mutex // of out and count
	count := map[outcome]int{}
	var workers errgroup.Group
	workers.SetLimit(runtime.NumCPU())
	for _, m := range list {
		workers.Go(func() error {
			tried := time.Now()
			found, err := try(ctx, m)
			mu.Lock()
			defer mu.Unlock()
			count[found]++
			fmt.Fprintf(out, "%-8s %4s  %s  %s %s: %s\n", found, time.Since(tried).Round(time.Second), m.at, m.pkg, m.test, m.what)
			if err != nil {
				fmt.Fprintln(out, err)
			}
			return nil
		})
	}
	_ = workers.Wait() // each has told its error
	fmt.Fprintf(out, "%d mutations: %d killed, %d survived, %d invalid (%s)\n",
		len(list), count[killed], count[survived], count[invalid], time.Since(began).Round(time.Second))
	if unnoticed := len(list) - count[killed]; unnoticed > 0 {
		return fmt.Errorf("%d of %d mutations were not noticed by their tests", unnoticed, len(list))
	}
	return nil
}
