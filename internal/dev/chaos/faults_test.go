package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// fault is something that goes wrong, and the end of it. Without an end it has no duration.
type fault struct {
	kind string
	// of is what it befalls: two faults of one part do not go together.
	of string
	// alone: all but one process, one broker or one connection is whole, so that reads go on.
	alone bool
	begin func() error
	end   func() error
}

// Kinds of faults of which more is said elsewhere.
const stoppedAsPlanned, brokerFrozen = " stopped as planned", "a broker frozen"

// planned: nothing is broken.
func (f fault) planned() bool { return f.alone && strings.HasSuffix(f.kind, stoppedAsPlanned) }

// frozenAtLeast is how long a broker is frozen: for longer than requests to it are waited for.
const frozenAtLeast = 15 * time.Second

// What a fault befalls that is no process.
const ofBrokers, ofPostgres, ofNetwork, ofRecords = "brokers", "PostgreSQL", "network", "records"

// faults are one of each kind, of processes, brokers and links that are drawn.
func (s *stack) faults(rng *rand.Rand, operator string) []fault {
	api, projector := s.apis[rng.IntN(len(s.apis))], s.projectors[rng.IntN(len(s.projectors))]
	either := s.processes()[rng.IntN(2*len(s.apis))]
	broker := 1 + rng.IntN(3)
	second := 1 + broker%3
	link := s.nets[either].brokers[rng.IntN(3)]
	all := []fault{
		{"a process that serves killed", api.name, true, api.kill, api.start},
		{"a process that folds killed", projector.name, true, projector.kill, projector.start},
		{"a process that serves frozen", api.name, true, stops(api), continues(api)},
		{"a process that folds frozen", projector.name, true, stops(projector), continues(projector)},
		{"a process that serves" + stoppedAsPlanned, api.name, true, func() error { return s.stop(api) }, api.start},
		{"a process that folds" + stoppedAsPlanned, projector.name, true, func() error { return s.stop(projector) }, projector.start},
		{"a clock an hour ahead", either.name, true, steps(either, time.Hour), steps(either, 0)},
		{"a clock an hour behind", either.name, true, steps(either, -time.Hour), steps(either, 0)},
		{"a broker killed", ofBrokers, true, func() error { return s.kill(broker) }, func() error { return s.revive(broker) }},
		{
			brokerFrozen, ofBrokers, true,
			func() error {
				s.t.Logf("    broker %d %s", broker, s.cluster.roles(broker))
				return s.cluster.act("freeze", broker)
			},
			func() error { return s.cluster.act("thaw", broker) },
		},
		{
			"two brokers killed", ofBrokers, false,
			func() error { return errors.Join(s.kill(broker), s.kill(second)) },
			func() error { return s.revive(broker, second) },
		},
		{"PostgreSQL killed", ofPostgres, false, s.killDatabase, s.reviveDatabase},
		{
			"PostgreSQL frozen", ofPostgres, false,
			func() error { return s.database.signal(syscall.SIGSTOP) }, func() error { return s.database.signal(syscall.SIGCONT) },
		},
		{
			"serialization failures", ofPostgres, false,
			func() error { return s.database.alter(unserializable) }, func() error { return s.database.alter(serializable) },
		},
		{"COMMIT cut in the middle", projector.name, true, s.nets[projector].commits.arm, s.nets[projector].commits.disarm},
		{"network to PostgreSQL cut", ofNetwork, true, cuts(s.nets[either].database), s.nets[either].database.mend},
		{"network to PostgreSQL slow", ofNetwork, true, s.nets[either].database.slow, s.nets[either].database.quicken},
		{"network to a broker cut", ofNetwork, true, cuts(link), link.mend},
		{"network to a broker slow", ofNetwork, true, link.slow, link.quicken},
		{"an oversized record", ofRecords, true, s.oversized, nil},
		{"a poison record", ofRecords, true, s.poison, nil},
		{"a rebuild", ofRecords, true, func() error { return s.rebuild(operator) }, nil},
	}
	if s.database.disk != nil {
		all = append(all, fault{"the disk of PostgreSQL full", ofPostgres, false, s.database.disk.fill, s.relieve})
	}
	rng.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	for _, other := range all[1:] {
		if other.of != all[0].of {
			return slices.Insert(all, 1+rng.IntN(pairWithin), both(all[0], other))
		}
	}
	return all
}

// pairWithin is among how many faults of a deck two go wrong at once.
const pairWithin = 4

// both are two faults at once. What has no end begins first: it needs an answer, which the other may keep from it.
func both(first, second fault) fault {
	if second.end == nil {
		first, second = second, first
	}
	return fault{
		kind: "two at once: " + first.kind + ", " + second.kind, of: first.of + ", " + second.of,
		begin: func() error {
			if err := first.begin(); err != nil {
				return err
			}
			return second.begin()
		},
		end: func() error {
			var errs []error
			mended := []fault{second, first}
			slices.SortStableFunc(mended, func(a, b fault) int { return a.order() - b.order() })
			for _, f := range mended {
				if f.end != nil {
					errs = append(errs, f.end())
				}
			}
			return errors.Join(errs...)
		},
	}
}

// order is in which order two faults end: a process that is started while brokers or PostgreSQL are away ends at once.
func (f fault) order() int {
	if slices.Contains([]string{ofBrokers, ofPostgres, ofNetwork, ofRecords}, f.of) {
		return 0
	}
	return 1
}

func stops(p *process) func() error     { return func() error { return p.signal(syscall.SIGSTOP) } }
func continues(p *process) func() error { return func() error { return p.signal(syscall.SIGCONT) } }
func cuts(l *link) func() error         { return func() error { l.cut(); return nil } }

func steps(p *process, off time.Duration) func() error { return func() error { return p.step(off) } }

// stop is a planned stop of a process; requests that it cut are counted.
func (s *stack) stop(p *process) error {
	begun := time.Now()
	err := p.end()
	s.stops = append(s.stops, planned{p.base, begun, time.Now()})
	return err
}

// planned is a planned stop of a process.
type planned struct {
	base         string
	begun, ended time.Time
}

// oversized puts a record of almost 2 MB, which brokers take and no process of ours writes, where the first agency's changes are.
func (s *stack) oversized() error {
	return s.produce(func(*eventlog.Log) eventlog.Record {
		return eventlog.Record{
			Topic: domain.TopicDashboards, Key: []byte(s.world[0].id), Value: []byte(strings.Repeat("x", 2_000_000)),
			Headers: []eventlog.Header{{Key: "ce_type", Value: []byte("dashboard.users_changed.v1")}},
		}
	})
}

// poison puts a record where readings are that has a good tag, and cannot be decoded.
func (s *stack) poison() error {
	return s.produce(func(log *eventlog.Log) eventlog.Record {
		r := eventlog.Record{Topic: domain.TopicMetrics, Key: []byte("1"), Value: []byte(`{"captured_at":"never"}`)}
		for _, pair := range [][2]string{
			{"ce_specversion", "1.0"},
			{"ce_id", fmt.Sprintf("poison-%d", time.Now().UnixNano())},
			{"ce_source", "/chaos"},
			{"ce_type", "metrics.account_read.v1"},
			{"ce_time", time.Now().UTC().Format(time.RFC3339Nano)},
			{"content-type", "application/json"},
		} {
			r.Headers = append(r.Headers, eventlog.Header{Key: pair[0], Value: []byte(pair[1])})
		}
		return r
	})
}

// produce writes a record as the brokers take it, into its key's partition.
func (s *stack) produce(of func(*eventlog.Log) eventlog.Record) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	log := openLog(ctx, s.t, s.cluster.addrs)
	defer log.Close()
	r := of(log)
	client, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.addrs...), kgo.ProducerBatchMaxBytes(2_097_152-4096))
	if err != nil {
		return err
	}
	defer client.Close()
	record := &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value}
	record.Headers = append(record.Headers, r.Headers...)
	return client.ProduceSync(ctx, record).FirstErr()
}

// rebuild asks for the dashboards to be made anew, beside those that serve. One that runs already is as good.
func (s *stack) rebuild(operator string) error {
	giveUp := time.Now().Add(patience)
	for at := 0; ; at++ {
		base := s.apis[at%len(s.apis)].base
		got := ask(context.Background(), answeredWithin, http.MethodPost, base+"/api/ops/projections/dashboards/rebuild", operator, `{"reason":"test"}`)
		switch {
		case got.err == nil && (got.status < 300 || got.status == http.StatusConflict):
			return nil
		case time.Now().After(giveUp):
			return fmt.Errorf("no rebuild can be had: %d %s %w", got.status, got.body, got.err)
		}
		time.Sleep(pauseAfterRefusal)
	}
}
