package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

type peer interface {
	name() string
	// catchUp folds so many readings, which are all, and returns how long it took.
	catchUp(ctx context.Context, readings int, rebuild bool) (time.Duration, error)
	// follow folds later readings until ctx is done, and calls folded after each row.
	follow(ctx context.Context, folded func(*reading)) error
	// append adds a reading to the log. It is safe for concurrent use.
	append(e *reading) error
}

func main() {
	debug.SetGCPercent(200) // as internal/dev/bench
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	brokers := flag.String("brokers", "", "addresses of the brokers, with commas")
	topic := flag.String("topic", "", "topic of the readings")
	database := flag.String("database", "", "URL of an empty database")
	rebuild := flag.Bool("rebuild", false, "measure a rebuild, then new readings, instead of the live projection")
	flag.Parse()
	var readings []*reading
	for input := json.NewDecoder(bufio.NewReader(os.Stdin)); input.More(); {
		readings = append(readings, &reading{})
		if err := input.Decode(readings[len(readings)-1]); err != nil {
			return fmt.Errorf("read readings: %w", err)
		}
	}
	if len(readings) == 0 {
		return errors.New("there are no readings on the standard input")
	}
	t, err := openTable(ctx, *database)
	if err != nil {
		return err
	}
	w, err := newWatermillPeer(strings.Split(*brokers, ","), *topic, t)
	if err != nil {
		return err
	}
	h, err := newHallgrenPeer(t, readings)
	if err != nil {
		return err
	}
	for _, p := range []peer{w, h} {
		err := measureCatchUp(ctx, p, t, len(readings), *rebuild)
		if err == nil && *rebuild {
			err = measureReadable(ctx, p, t, readings)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name(), err)
		}
	}
	return nil
}

func measureCatchUp(ctx context.Context, p peer, t table, readings int, rebuild bool) error {
	if _, err := t.Exec(ctx, "truncate readings"); err != nil {
		return err
	}
	took, err := p.catchUp(ctx, readings, rebuild)
	if err != nil {
		return err
	}
	var rows int
	if err := t.QueryRow(ctx, "select count(*) from readings").Scan(&rows); err != nil {
		return err
	}
	if rows != readings {
		return fmt.Errorf("%d rows of %d readings", rows, readings)
	}
	what := map[bool]string{false: "live", true: "rebuild"}
	return print("peers_"+p.name()+"_"+what[rebuild], float64(readings)/took.Seconds(), "events/s")
}

const (
	readableEvery = 2 * time.Millisecond // 500 readings a second
	readableWarm  = 2_500                // readings
	readableAll   = 10_000
	readableTimed = 10 // one in so many
)

// measureReadable measures the time from before an append until a query returns the row.
func measureReadable(ctx context.Context, p peer, t table, readings []*reading) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	running, ctx := errgroup.WithContext(ctx)
	var sent sync.Map // times by external id
	took := make(chan time.Duration, readableAll)
	running.Go(func() error {
		return p.follow(ctx, func(e *reading) {
			at, timed := sent.LoadAndDelete(e.ExternalID)
			if !timed {
				return
			}
			running.Go(func() error {
				err := t.find(ctx, e)
				took <- time.Since(at.(time.Time))
				return err
			})
		})
	})
	began, timed := time.Now(), 0
	for i := range readableAll {
		at := began.Add(time.Duration(i) * readableEvery)
		time.Sleep(time.Until(at))
		e := *readings[i%len(readings)]
		e.CapturedAt = at
		if i >= readableWarm && i%readableTimed == 0 {
			timed++
			e.ExternalID = fmt.Sprintf("timed_%d", i)
			sent.Store(e.ExternalID, time.Now())
		}
		running.Go(func() error { return p.append(&e) })
	}
	var all []float64 // milliseconds
	for timeout := time.After(10 * time.Second); len(all) < timed; {
		select {
		case one := <-took:
			all = append(all, one.Seconds()*1000)
		case <-timeout:
			return fmt.Errorf("%d of %d readings are not readable after 10 s", timed-len(all), timed)
		case <-ctx.Done():
			return running.Wait()
		}
	}
	cancel()
	if err := running.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	slices.Sort(all)
	name := "peers_" + p.name() + "_append_to_readable_500ps_p"
	return errors.Join(print(name+"50", all[timed*50/100], "ms"), print(name+"99", all[timed*99/100], "ms"))
}

// print prints a result as internal/dev/bench does.
func print(name string, value float64, unit string) error {
	value = math.Round(value*1000) / 1000
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"name": name, "value": value, "unit": unit})
}
