package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
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

// measurement is one of the things that can be chosen with -run, whole or in parts.
type measurement struct {
	name  string
	core  bool // it runs without -run
	run   func(ctx context.Context, print func(result) error) error
	parts []string
}

func (m measurement) chosen(by *regexp.Regexp) bool {
	if by.String() == "" {
		return m.core
	}
	return by.MatchString(m.name) || slices.ContainsFunc(m.parts, by.MatchString)
}

func run(ctx context.Context) (err error) {
	if does := os.Getenv(childProcess); does != "" {
		return runChild(ctx, does)
	}
	rounds := flag.Int("rounds", 3, "rounds of each measurement; the median is printed")
	only := flag.String("run", "", "regular expression: measure what it matches instead of the core")
	before := flag.String("before", "", "directory of an older checkout: each measurement runs there too, just before")
	pairs := flag.Int("pairs", 1, "how often each measurement runs; the table has the medians")
	agencies := flag.Int("agencies", 5, "agencies in the analytics' database, each of about 200,000 post readings")
	requests := flag.Int("requests", figureRequests, "requests of each endpoint of the analytics; on a busy machine wall times say little")
	days := flag.Int("days", 30, "days of the ranges that the analytics are asked for; most answers compare them with as many before")
	zone := flag.String("tz", "UTC", "time zone of these days")
	scale := flag.Float64("rebuild-scale", 0.2, "size of the rebuild and of build_memory; 1 is two million readings")
	brokers := flag.String("brokers", "", "addresses of Apache Kafka, with commas, instead of the embedded broker; every topic of ledgerboard there is DELETED")
	flag.Parse()
	chosen, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	b, err := newBench(ctx, *rounds)
	if err != nil {
		return err
	}
	b.requests = *requests
	if *brokers != "" {
		b.external = strings.Split(*brokers, ",")
	}
	defer func() { err = errors.Join(err, b.close()) }()
	putsOver := func(agencies int) func(context.Context, func(result) error) error {
		return func(ctx context.Context, print func(result) error) error { return b.puts(ctx, agencies, print) }
	}
	measurements := []measurement{
		{name: "puts_1_agency", run: putsOver(1)},
		{name: "puts_10_agencies", core: true, run: putsOver(10)},
		{name: "puts_100_agencies", core: true, run: putsOver(100)},
		{name: "append_to_readable_500ps", core: true, run: b.readable},
		{name: "verify_records", core: true, run: b.verifying},
		{name: "replay_records", core: true, run: b.replaying},
		{name: "rebuild_post_insights", core: true, run: b.rebuilds(*scale)},
		{name: "live_post_insights_1p", core: true, run: b.live(1)},
		{name: "live_post_insights_4p", core: true, run: b.live(4)},
		{name: "fold_again", core: true, run: b.foldingAgain},
		{name: "idle_listeners", run: b.listening},
		{name: "build_memory", run: b.buildMemory(*scale)},
		{name: "size_log", run: b.logSizes},
		{name: "questions", run: b.questions},
		{name: "peers", run: b.peers},
	}
	for _, w := range sizeWorlds() {
		measurements = append(measurements, measurement{name: w.name, run: b.tableSizes(w)})
	}
	for _, w := range figureWorlds(*days, *zone) {
		asked := func(name string) bool { return chosen.MatchString(w.name) || chosen.MatchString(name) }
		measurements = append(measurements, measurement{
			name: w.name, parts: w.names(),
			run: func(ctx context.Context, print func(result) error) error {
				return b.figures(ctx, w, *agencies, asked, print)
			},
		})
	}
	var shown table
	defer func() { err = errors.Join(err, shown.print(os.Stderr)) }()
	for _, m := range measurements {
		for n := 0; n < *pairs && m.chosen(chosen); n++ {
			pattern := "^" + m.name + "$"
			if *only != "" && !chosen.MatchString(m.name) { // a part of it
				pattern = *only
			}
			if *before != "" {
				if err := runBefore(ctx, *before, pattern, shown.addBefore); err != nil {
					return fmt.Errorf("%s before: %w", m.name, err)
				}
			}
			if err := m.run(ctx, shown.add(os.Stdout)); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	return nil
}
