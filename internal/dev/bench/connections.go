package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// The listeners: one connection for each user of so many agencies, each agency with groups of users
// that take turns on the list of its dashboard, so that each record takes access from one group.
const (
	listenAgencies  = 100
	listenGroups    = 10
	listenGroupSize = 10
	listeners       = listenAgencies * listenGroups * listenGroupSize

	noticesPerSecond = 1000
	recordsPerSecond = noticesPerSecond / listenGroupSize
	listenFor        = 10 * time.Second // of each round
	listenWarm       = 3 * time.Second
	listenPatience   = 10 * time.Second // for the last notices of a round
)

// connections measures 10,000 idle connections of one kind to the program as a process of its own,
// with a thousand notices a second caused by records that are appended to the log: from before the
// append until the client has read the notice. Beside it stands the least that could do it, with as
// many connections and the same notices: the append, acknowledged, then a bare write to a socket by a
// process that does nothing else. Then the same again beside listeners that do not read.
func (b *bench) connections(ctx context.Context, kind listenerKind, report func(result) error) error {
	bare, err := b.bareConnections(ctx)
	if err != nil {
		return fmt.Errorf("bare connections: %w", err)
	}
	world, err := b.openListening(ctx)
	if err != nil {
		return err
	}
	defer world.stop()
	name := "connections_10k_" + string(kind)
	before, err := world.server.memory(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := world.connectAll(ctx, kind); err != nil {
		return err
	}
	connecting := time.Since(began)
	after, err := world.server.memory(ctx)
	if err != nil {
		return err
	}
	perConnection := func(name string, from, to, limit float64) error {
		return report(against(name, "KiB", (to-from)/listeners/1024, limit))
	}
	err = errors.Join(
		report(result{Name: name + "_connects_per_second", Value: round(listeners / connecting.Seconds()), Unit: "connections/s"}),
		perConnection(name+"_resident_memory_each", before.resident, after.resident, bare.memory),
		report(result{Name: name + "_live_heap_each", Value: round((after.heap - before.heap) / listeners / 1024), Unit: "KiB"}),
		report(result{Name: name + "_stacks_each", Value: round((after.stacks - before.stacks) / listeners / 1024), Unit: "KiB"}),
		report(result{
			Name: name + "_kernel_sockets_both_ends_each", Value: round((after.sockets - before.sockets) / listeners / 1024), Unit: "KiB",
		}),
	)
	if err != nil {
		return err
	}
	if err := world.measure(ctx, b.rounds, name, bare, report); err != nil {
		return err
	}
	stuck, err := world.connectStuck(ctx, kind)
	if err != nil {
		return err
	}
	if err := world.measure(ctx, b.rounds, name+"_beside_stuck_ones", bare, report); err != nil {
		return err
	}
	dropped := stuck.dropped()
	return report(against(name+"_stuck_ones_dropped", "connections", float64(dropped), stuckListeners))
}

// delivery is what one or more rounds saw.
type delivery struct {
	p50, p99, memory float64 // ms; KiB a connection
}

// measure prints the medians of the rounds.
func (w *listening) measure(ctx context.Context, rounds int, name string, bare delivery, report func(result) error) error {
	seen, err := w.rounds(ctx, rounds)
	if err != nil {
		return err
	}
	return errors.Join(
		report(against(name+"_append_to_read_p50", "ms", seen.p50, bare.p50)),
		report(against(name+"_append_to_read_p99", "ms", seen.p99, bare.p99)),
	)
}

func (w *listening) rounds(ctx context.Context, rounds int) (delivery, error) {
	if err := w.round(ctx, listenWarm); err != nil {
		return delivery{}, err
	}
	var p50, p99 []float64
	for range rounds {
		w.heard.reset()
		if err := w.round(ctx, listenFor); err != nil {
			return delivery{}, err
		}
		took := w.heard.durations()
		p50, p99 = append(p50, percentile(took, 0.50)), append(p99, percentile(took, 0.99))
	}
	return delivery{p50: median(p50), p99: median(p99)}, nil
}

// round appends records at the rate and waits until every notice that they cause has been read.
func (w *listening) round(ctx context.Context, during time.Duration) error {
	pace := time.Second / recordsPerSecond
	count := int(during / pace)
	failed := make(chan error, count)
	began := time.Now()
	for i := range count {
		time.Sleep(time.Until(began.Add(time.Duration(i) * pace)))
		n := w.n // one goroutine makes the records, so that each agency's are in order
		w.n++
		draft, err := w.draft(n)
		if err != nil {
			return err
		}
		go func() { failed <- w.cause(ctx, n, draft) }()
	}
	var errs []error
	for range count {
		errs = append(errs, <-failed)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return w.heard.await(listenPatience)
}

// draft is the record n: the next group of the agency gets the list, the present one loses it.
func (w *listening) draft(n int) (domain.Draft, error) {
	agency := n % listenAgencies
	turn := n / listenAgencies
	draft, err := w.chains.list[agency].change(w.log, time.Now().UTC().Truncate(time.Microsecond),
		[]string{listenAccount(agency)}, listenGroup(agency, turn+1), listenGroup(agency, turn))
	if err != nil {
		return draft, err
	}
	w.heard.expect(draft.Envelope.ID, listenGroupSize)
	return draft, nil
}

func listenAccount(agency int) string { return fmt.Sprintf("%020x%04x", 0xe000+agency, 0) }

func listenUser(agency, n int) string { return fmt.Sprintf("%020x%04x", 0xf000+agency, n) }

func listenGroup(agency, turn int) []string {
	users := make([]string, listenGroupSize)
	for i := range users {
		users[i] = listenUser(agency, turn%listenGroups*listenGroupSize+i)
	}
	return users
}

// listening is a program with its listeners.
type listening struct {
	log    *eventlog.Log
	chains *chains
	server *serveProcess
	heard  *heard
	n      int // records made after the first of each agency
	// cause makes the record happen: it appends it, and for bare connections writes the notices.
	cause func(ctx context.Context, n int, draft domain.Draft) error
	stop  func()
}
