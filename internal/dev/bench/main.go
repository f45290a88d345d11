package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200) // as the program does: what is measured in this process is measured as it runs there
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// session is a run of this program: its flags, and what its measurements share.
type session struct {
	flags *flag.FlagSet

	rounds, pairs            int
	only, before             string
	agencies, requests, days int
	zone                     string
	scale                    float64
	external                 string // addresses of brokers to use instead

	chosen   *regexp.Regexp // only
	postgres *embedded.Postgres
	logger   *slog.Logger
	made     int // databases
	shown    table
}

func newSession() *session {
	s := &session{
		flags:  flag.NewFlagSet("bench", flag.ExitOnError),
		logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	}
	s.flags.IntVar(&s.rounds, "rounds", 3, "rounds of each measurement; the median is printed")
	s.flags.StringVar(&s.only, "run", "", "regular expression: measure what it matches instead of the core")
	s.flags.StringVar(&s.before, "before", "", "directory of an older checkout: each measurement runs there too, just before")
	s.flags.IntVar(&s.pairs, "pairs", 1, "how often each measurement runs; the table has the medians")
	s.flags.IntVar(&s.agencies, "agencies", 5, "agencies in the analytics' database, each of about 200,000 post readings")
	s.flags.IntVar(&s.requests, "requests", 500, "requests of each endpoint of the analytics; on a busy machine wall times say little")
	s.flags.IntVar(&s.days, "days", 30, "days of the ranges that the analytics are asked for; most answers compare them with as many before")
	s.flags.StringVar(&s.zone, "tz", "UTC", "time zone of these days")
	s.flags.Float64Var(&s.scale, "rebuild-scale", 0.2, "size of the rebuild and of build_memory; 1 is two million readings")
	s.flags.StringVar(&s.external, "brokers", "",
		"addresses of Apache Kafka, with commas, instead of the embedded broker; every topic of ledgerboard there is DELETED")
	return s
}

// measurement is one of the things that can be chosen with -run, whole or in parts.
type measurement struct {
	name  string
	core  bool // it runs without -run
	run   func(*bench)
	parts []string
}

func (m measurement) chosen(by *regexp.Regexp) bool {
	if by.String() == "" {
		return m.core
	}
	return by.MatchString(m.name) || slices.ContainsFunc(m.parts, by.MatchString)
}

func measurements(days int, zone string) []measurement {
	all := []measurement{
		{name: "puts_1_agency", run: puts(1)},
		{name: "puts_10_agencies", core: true, run: puts(10)},
		{name: "puts_100_agencies", core: true, run: puts(100)},
		{name: "append_to_readable_500ps", core: true, run: readable},
		{name: "replay_records", core: true, run: replay},
		{name: "rebuild_post_insights", core: true, run: rebuild},
		{name: "live_post_insights_1p", core: true, run: live(1)},
		{name: "live_post_insights_4p", core: true, run: live(4)},
		{name: "fold_again", core: true, run: foldAgain},
		{name: "idle_listeners", run: listen},
		{name: "build_memory", run: buildMemory},
		{name: "size_log", run: logSizes},
		{name: "questions", run: questions},
		{name: "peers", run: peers},
	}
	for _, w := range sizeWorlds() {
		all = append(all, measurement{name: w.name, run: w.measure})
	}
	for _, w := range figureWorlds(days, zone) {
		all = append(all, measurement{name: w.name, parts: w.names(), run: w.measure})
	}
	return all
}

func run(ctx context.Context) (err error) {
	s := newSession()
	testing.Init() // its flags do not mix with ours
	if err := flag.Set("test.benchtime", "1x"); err != nil {
		return fmt.Errorf("set up package testing: %w", err)
	}
	if does := os.Getenv(childProcess); does != "" {
		return s.measure(ctx, func(b *bench) { build(b, does) })
	}
	if err := s.flags.Parse(os.Args[1:]); err != nil {
		return fmt.Errorf("parse flags: %w", err)
	}
	if s.chosen, err = regexp.Compile(s.only); err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	if s.postgres, err = embedded.StartPostgres(ctx, embedded.PostgresConfig{Logger: s.logger}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.shown.print(os.Stderr), s.postgres.Close()) }()
	for _, m := range measurements(s.days, s.zone) {
		for n := 0; n < s.pairs && m.chosen(s.chosen); n++ {
			if s.before != "" {
				if err := s.runBefore(ctx, m.name); err != nil {
					return fmt.Errorf("%s before: %w", m.name, err)
				}
			}
			if err := s.measure(ctx, m.run); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	return nil
}

// runBefore runs a measurement, or the parts of it that were chosen, in the older checkout, with the flags
// of this run.
func (s *session) runBefore(ctx context.Context, name string) error {
	pattern := "^" + name + "$"
	if s.only != "" && !s.chosen.MatchString(name) {
		pattern = s.only
	}
	args := []string{"run", "./internal/dev/bench"}
	s.flags.Visit(func(f *flag.Flag) {
		if f.Name != "before" && f.Name != "pairs" {
			args = append(args, "-"+f.Name+"="+f.Value.String())
		}
	})
	command := exec.CommandContext(ctx, "go", append(args, "-run="+pattern)...) // of two, the last one counts
	command.Dir = s.before
	before, err := results(command)
	for _, r := range before {
		row := s.shown.row(r)
		row.before = append(row.before, r.Value)
	}
	return err
}

// bench is a measurement that runs. It is a [testing.TB], so that it is set up with what tests are set up
// with: a failure ends it, and what it opened is closed in reverse order.
type bench struct {
	*testing.B
	*session

	ctx context.Context //nolint:containedctx // testing.TB has it too
}

// measure runs a measurement once.
func (s *session) measure(ctx context.Context, run func(*bench)) error {
	b, ended := &bench{session: s, ctx: ctx}, false
	testing.Benchmark(func(t *testing.B) {
		b.B = t
		run(b)
		ended = true // a failure ends the goroutine before
	})
	if !ended || b.Failed() {
		return errors.New("it failed as written above")
	}
	return nil
}

// Context also ends when this program is interrupted.
func (b *bench) Context() context.Context { return b.ctx }

// Errorf writes to stderr; what a benchmark writes that is not run by the go command is lost.
func (b *bench) Errorf(format string, args ...any) {
	fmt.Fprintln(os.Stderr, strings.TrimSpace(fmt.Sprintf(format, args...)))
	b.Fail()
}
