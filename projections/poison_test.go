package projections_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections"
)

func withValue(r eventlog.Record, value string) eventlog.Record {
	r.Value = []byte(value)
	return r
}

// incompressible is a text of n bytes that no index can shorten.
func incompressible(n int) string {
	raw := make([]byte, n/2)
	_, _ = rand.Read(raw)
	return hex.EncodeToString(raw)
}

// What cannot be decoded is parked under its reason, with its position and
// without its payload; everything around it is folded.
func TestPoisonIsParkedAndTheRestIsFolded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := b.encode(postRead(1, 1))
	value := string(good.Value)
	poison := []struct {
		name   string
		record eventlog.Record
		reason projections.Reason
	}{
		{"half a payload", withValue(good, value[:len(value)/2]), projections.ReasonUndecodable},
		{"a payload against its rules", withValue(good, strings.Replace(value, `"p_id":1`, `"p_id":2`, 1)), projections.ReasonUndecodable},
		{"a number that no column takes", withValue(good, strings.Replace(value, `"likes":1`, `"likes":9223372036854775807`, 1)), projections.ReasonUndecodable},
		{"an escaped NUL", withValue(good, strings.Replace(value, `"external_id":"p"`, `"external_id":"p\u0000"`, 1)), projections.ReasonUndecodable},
		{"no UTF-8", withValue(good, strings.Replace(value, `"external_id":"p"`, "\"external_id\":\"p\xff\"", 1)), projections.ReasonUndecodable},
		{"a huge payload", withValue(good, `{"external_id":"`+strings.Repeat("x", 100_000)+`"}`), projections.ReasonUndecodable},
		{"an unknown type", withHeader(good, "ce_type", []byte("metrics.post_read.v99")), projections.ReasonUnknownType},
		{"no id", withHeader(good, "ce_id", nil), projections.ReasonMalformed},
		{"no time", withHeader(good, "ce_time", nil), projections.ReasonMalformed},
		{"a time that is none", withHeader(good, "ce_time", []byte("noon")), projections.ReasonMalformed},
		{"a NUL in a header", withHeader(good, "ce_subject", []byte("a\x00b")), projections.ReasonMalformed},
		{"a header twice", withHeader(good, "ce_id", []byte("x")), projections.ReasonMalformed},
		{"chain headers where no chain is", withHeader(good, "ce_chainversion", []byte("1")), projections.ReasonMalformed},
		{"no value", withValue(good, ""), projections.ReasonMalformed},
		{"no type", withHeader(good, "ce_type", nil), projections.ReasonMalformed},
	}
	var want []parkedEvent
	for i, p := range poison {
		b.put(b.encode(postRead(1, i)))
		if p.name == "a header twice" {
			p.record.Headers = append(p.record.Headers, eventlog.Header{Key: "ce_id", Value: []byte("y")})
		}
		want = append(want, at(b.put(p.record), p.reason))
	}
	e := b.engine(projections.PostInsights{})
	stop := b.start(e)
	s := b.caughtUp(e)
	stop()
	require.Equal(t, want, b.parked("post_insights"))
	require.Equal(t, int64(len(poison)), s.Parked)
	require.Equal(t, len(poison), b.count("select count(*) from tSPostInsights"))
	require.Equal(t, len(poison)-1, b.count("select count(*) from tSPostGrowth where glikes = 1"))
	require.Zero(t, b.count("select count(*) from parked where length(detail) > 500"))
	require.Zero(t, b.count("select count(*) from parked where stream_key <> '1'"))
}

// Known types of other projections are none of this one's business; what nobody knows is everybody's.
func TestProjectionsOfOneTopicParkTheirOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	read := b.encode(postRead(1, 1))
	undecodable := at(b.put(withValue(read, `{}`)), projections.ReasonUndecodable)
	unknown := at(b.put(withHeader(read, "ce_type", []byte("metrics.new.v1"))), projections.ReasonUnknownType)
	account := b.encode(accountRead(1, 1))
	otherUndecodable := at(b.put(withValue(account, `{}`)), projections.ReasonUndecodable)
	b.run(b.engine(projections.PostInsights{}))
	b.run(b.engine(projections.AccountInsights{}))
	require.Equal(t, []parkedEvent{undecodable, unknown}, b.parked("post_insights"))
	require.Equal(t, []parkedEvent{unknown, otherUndecodable}, b.parked("account_insights"))
}

// refusing spoils the transaction as a value does that the database refuses, whenever one of the
// given events is in the batch.
func refusing(p projections.Projector, sql string, tries *atomic.Int32, bad ...string) faulty {
	return faulty{p, func(ctx context.Context, tx pgx.Tx, events []projections.Event, next func() error) error {
		tries.Add(1)
		for _, ev := range events {
			if slices.Contains(bad, ev.Envelope.ID) {
				_, err := tx.Exec(ctx, sql)
				return err
			}
		}
		return next()
	}}
}

// A value that PostgreSQL refuses is found by halving the batch, and parked alone.
func TestRefusedValueIsBisectedToItsEvent(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"data exception (22)":       "select 1/0",
		"out of range (22)":         "select 70000::int::smallint",
		"constraint violation (23)": "insert into lb_engine.paused_projections (projection) values (null)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.exec("create table lb_engine.paused_projections (projection text not null)")
			const n = 300
			var bad []string
			var want []parkedEvent
			for i := range n {
				d := postRead(int64(i%7+1), i)
				position := b.put(b.encode(d))
				if i == 0 || i == 57 || i == 64 || i == n-1 { // 57 and 64 stand side by side on one key
					bad = append(bad, d.Envelope.ID)
					want = append(want, at(position, projections.ReasonWrite))
				}
			}
			sortParked(want)
			var tries atomic.Int32
			b.run(b.engine(refusing(tally{}, sql, &tries, bad...)))
			require.Equal(t, want, b.parked("tally"))
			b.eachOnce(n - len(bad))
			require.Less(t, int(tries.Load()), 120, "it halves, and does not try one by one")
		})
	}
}

// refusedLast queues, for a given event, what the database refuses behind the rows of its batch.
type refusedLast struct {
	tally

	bad string
}

func (r refusedLast) Begin(int) projections.Fold { return &refusedLastFold{bad: r.bad} }

type refusedLastFold struct {
	tallyFold

	bad string
}

func (f *refusedLastFold) Write(ctx context.Context, tx pgx.Tx, last *pgx.Batch) error {
	if err := f.tallyFold.Write(ctx, tx, last); err != nil {
		return err
	}
	if slices.Contains(f.ids, f.bad) {
		last.Queue("select 1/$1::int", 0)
	}
	return nil
}

// What travels with the commit can be refused like what goes before it: the commit behind it then does nothing.
func TestValueRefusedWithTheCommitIsBisected(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var bad string
	var want []parkedEvent
	for i := range 40 {
		d := postRead(int64(i%7+1), i)
		position := b.put(b.encode(d))
		if i == 17 {
			bad, want = d.Envelope.ID, []parkedEvent{at(position, projections.ReasonWrite)}
		}
	}
	b.run(b.engine(refusedLast{bad: bad}))
	require.Equal(t, want, b.parked("tally"))
	b.eachOnce(39)
}

// Texts that no index can hold are refused by decoding or Apply: PostgreSQL's error for them
// (54000) is none of the classes that are bisected, and would stop the partition for ever.
func TestTextsThatNoIndexHoldsAreParked(t *testing.T) {
	t.Parallel()
	long := incompressible(6000)
	for name, c := range map[string]struct {
		projector projections.Projector
		record    func(*bench) eventlog.Record
		reason    projections.Reason
	}{
		"a figure's name": {
			projections.AccountInsights{},
			func(b *bench) eventlog.Record { return b.encodeAny(accountRead(1, 1), "followers", long) },
			projections.ReasonUndecodable,
		},
		"a figure's source": {
			projections.AccountInsights{},
			func(b *bench) eventlog.Record { return b.encodeAny(accountRead(1, 1), "fan_count", long) },
			projections.ReasonUndecodable,
		},
		"a user's id": {
			projections.Directory{}, func(b *bench) eventlog.Record {
				r := withHeader(b.encode(category(1, "x")), "ce_type", []byte(domain.DirectoryUser{}.EventType()))
				r.Key = []byte("user:" + long)
				return withValue(r, `{"id":"`+long+`"}`)
			}, projections.ReasonUndecodable,
		},
		"an account's agency": {
			projections.Directory{}, func(b *bench) eventlog.Record {
				account := domain.DirectoryAccount{ID: client1, ParentAccount: "PARENT"}
				return b.encodeAny(draft(domain.TopicDirectory, "account:"+client1, "a", account), "PARENT", long)
			}, projections.ReasonUndecodable,
		},
		"the key of an operator's record": {
			projections.Operations{}, func(b *bench) eventlog.Record {
				r := b.encode(draft(domain.TopicOperations, "-", "op", domain.ProjectionPaused{Projection: "x"}))
				r.Key = []byte(long)
				return r
			}, projections.ReasonRefused,
		},
		"an actor": {
			dashboards, func(b *bench) eventlog.Record {
				c := b.chain(agencyA)
				return c.next(c.usersSet(client1, "u"), func(d *domain.Draft) { d.Envelope.Audit.Actor = long })
			}, projections.ReasonRefused,
		},
		"an idempotency key": {
			dashboards, func(b *bench) eventlog.Record {
				c := b.chain(agencyA)
				return c.next(c.usersSet(client1, "u"), func(d *domain.Draft) { d.Envelope.Audit.IdempotencyKey = long })
			}, projections.ReasonRefused,
		},
		"a user on a list": {
			dashboards, func(b *bench) eventlog.Record {
				c := b.chain(agencyA)
				return withValue(c.next(c.usersSet(client1, "u")), `{"primary":"`+client1+`","linked":["`+client1+`"],"users":["`+long+`"]}`)
			}, projections.ReasonUndecodable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			position := b.put(c.record(b))
			b.run(b.engine(c.projector))
			require.Equal(t, []parkedEvent{at(position, c.reason)}, b.parked(c.projector.Name()))
		})
	}
}
