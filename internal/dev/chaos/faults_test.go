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
)

// fault is something that goes wrong, and the end of it. Without an end it has no duration.
type fault struct {
	kind string
	// of is the part that breaks: two faults of one part do not go together.
	of    string
	begin func() error
	end   func() error
}

// brokerFrozen is a kind that lasts longer than the others.
const brokerFrozen = "a broker frozen"

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
		{"a process that serves killed", api.name, api.kill, api.start},
		{"a process that folds killed", projector.name, projector.kill, projector.start},
		{"a process that serves frozen", api.name, stops(api), continues(api)},
		{"a process that folds frozen", projector.name, stops(projector), continues(projector)},
		{"a process that serves stopped as planned", api.name, api.end, api.start},
		{"a process that folds stopped as planned", projector.name, projector.end, projector.start},
		{"a clock an hour ahead", either.name, steps(either, time.Hour), steps(either, 0)},
		{"a clock an hour behind", either.name, steps(either, -time.Hour), steps(either, 0)},
		{"a broker killed", ofBrokers, func() error { return s.kill(broker) }, func() error { return s.revive(broker) }},
		{
			brokerFrozen, ofBrokers,
			func() error { return s.cluster.act("freeze", broker) }, func() error { return s.cluster.act("thaw", broker) },
		},
		{
			"two brokers killed", ofBrokers,
			func() error { return errors.Join(s.kill(broker), s.kill(second)) },
			func() error { return s.revive(broker, second) },
		},
		{"PostgreSQL killed", ofPostgres, s.killDatabase, s.reviveDatabase},
		{
			"PostgreSQL frozen", ofPostgres,
			func() error { return s.database.signal(syscall.SIGSTOP) }, func() error { return s.database.signal(syscall.SIGCONT) },
		},
		{
			"serialization failures", ofPostgres,
			func() error { return s.database.alter(unserializable) }, func() error { return s.database.alter(serializable) },
		},
		{"COMMIT cut in the middle", projector.name, s.nets[projector].commits.arm, s.nets[projector].commits.disarm},
		{"network to PostgreSQL cut", ofNetwork, cuts(s.nets[either].database), s.nets[either].database.restore},
		{"network to PostgreSQL slow", ofNetwork, s.nets[either].database.slow, s.nets[either].database.quicken},
		{"network to a broker cut", ofNetwork, cuts(link), link.restore},
		{"network to a broker slow", ofNetwork, link.slow, link.quicken},
		{"an oversized record", ofRecords, s.oversized, nil},
		{"a rebuild", ofRecords, func() error { return s.rebuild(operator) }, nil},
	}
	if s.database.disk != nil {
		all = append(all, fault{"the disk of PostgreSQL full", ofPostgres, s.database.disk.fill, s.relieve})
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
		begin: func() error { return errors.Join(first.begin(), second.begin()) },
		end: func() (err error) {
			ends := []fault{second, first}
			// Started while brokers or PostgreSQL are away, a process ends at once: it ends its fault last.
			if slices.Contains([]string{ofBrokers, ofPostgres, ofNetwork, ofRecords}, first.of) {
				ends = []fault{first, second}
			}
			for _, f := range ends {
				if f.end != nil {
					err = errors.Join(err, f.end())
				}
			}
			return err
		},
	}
}

func stops(p *process) func() error     { return func() error { return p.signal(syscall.SIGSTOP) } }
func continues(p *process) func() error { return func() error { return p.signal(syscall.SIGCONT) } }
func cuts(l *link) func() error         { return func() error { l.cut(); return nil } }

func steps(p *process, off time.Duration) func() error { return func() error { return p.step(off) } }

// oversized puts a record of almost 2 MB, which brokers take and none of our processes writes, where the first agency's changes are.
func (s *stack) oversized() error {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.addrs...), kgo.ProducerBatchMaxBytes(2_097_152-4096))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return client.ProduceSync(ctx, &kgo.Record{
		Topic: domain.TopicDashboards, Key: []byte(s.world[0].id), Value: []byte(strings.Repeat("x", 2_000_000)),
		Headers: []kgo.RecordHeader{{Key: "ce_type", Value: []byte("dashboard.users_changed.v1")}},
	}).FirstErr()
}

// rebuild asks for the dashboards to be rebuilt, next to those that serve. One that runs already is as good.
func (s *stack) rebuild(operator string) error {
	at := 0
	return repeat(pauseAfterRefusal, func() error {
		base := s.apis[at%len(s.apis)].base
		at++
		got := ask(http.MethodPost, base+"/api/ops/projections/dashboards/rebuild", operator, `{"reason":"test"}`)
		if got.err == nil && (got.status < 300 || got.status == http.StatusConflict) {
			return nil
		}
		return fmt.Errorf("no rebuild can be had: %d %s %w", got.status, got.body, got.err)
	})
}
