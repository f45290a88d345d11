package projections_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// state returns everything that a projection made: its tables and its parked events.
func state(t require.TestingT, db *pgtest.DB, p fold.Projector) []string {
	return append(ledgertest.Dump(t, db, p.Tables...), texts(t, db, `
		select format('parked %s/%s %s %s %s %s %s %s %s', partition, log_offset, stream_key, event_type, event_id, event_time, reason, detail, state)
		from parked where projection = $1 order by partition, log_offset`, p.Name)...)
}

// sameFromZero asserts that a fold of the whole log into another database gives the same result.
func (b *bench) sameFromZero(p fold.Projector) {
	b.t.Helper()
	zero := &bench{Broker: b.Broker, t: b.t, db: newDatabase(b.t), log: b.log}
	e := zero.engine(p, func(c *projections.Config) { c.Log = otherGroup{b.log} })
	zero.run(e)
	require.Equal(b.t, state(b.t, zero.db, p), state(b.t, b.db, p), "the live state (actual) differs from a fold from zero (expected)")
}

// live is a chain that is folded record by record.
type live struct {
	*bench
	*chain
	engine *projections.Engine
}

func followLive(t *testing.T) live {
	t.Helper()
	b := setup(t)
	return live{b, b.chain(agencyA), b.startEngine(dashboards)}
}

// put appends a record and waits until it is folded.
func (l live) put(r eventlog.Record) domain.Position {
	l.t.Helper()
	p := l.bench.put(r)
	l.caughtUp(l.engine)
	return p
}

func (l live) users() []string { return l.bench.users(l.key, client1) }

// parkedHere returns the parked rows of the stream.
func (l live) parkedHere() (rows []parkedEvent) {
	l.t.Helper()
	_, all := l.list(operator.ParkedFilter{Projection: "dashboards", Stream: l.key})
	for _, p := range all {
		rows = append(rows, parkedEvent{p.Partition, p.Offset, p.Reason, p.State})
	}
	return rows
}

func (l live) set(users ...string) domain.Position {
	l.t.Helper()
	return l.put(l.next(l.usersSet(client1, users...)))
}

// retry folds parked events of the projection again.
func (b *bench) retry(e *projections.Engine, f operator.ParkedFilter) operator.RetryResult {
	b.t.Helper()
	result, err := e.RetryParked(b.ctx(), f)
	require.NoError(b.t, err)
	return result
}

// parkedAs returns the id of an event that is parked at a position.
func parkedAs(projection string, p domain.Position) string {
	return projections.ParkedID(projection, p.Partition, p.Offset)
}

func one(projection string, p domain.Position) operator.ParkedFilter {
	return operator.ParkedFilter{IDs: []string{parkedAs(projection, p)}}
}

func skipped(p domain.Position, reason fold.Reason) parkedEvent {
	return parkedEvent{p.Partition, p.Offset, reason, projections.ParkedSkipped}
}

// A skip is a record of its stream; a retry is not. Both give the result of a fold from zero.
func TestRetryAndSkipOnDashboards(t *testing.T) {
	t.Parallel()
	const name = "dashboards"
	behind := fold.ReasonBehind
	keys := agenciesIn(1, 14) // in one partition
	another := keys[0]
	scenarios := map[string]func(t *testing.T, l live){
		"a failed retry parks again, a skip releases the rest": func(t *testing.T, l live) {
			bad := l.put(l.spoilt(`{`))
			next := l.set("u3")
			result := l.retry(l.engine, one(name, bad))
			require.Zero(t, result.Folded)
			require.Len(t, result.Parked, 1, "the next one was not tried")
			require.Equal(t, parkedAs(name, bad), result.Parked[0].ID)
			require.Equal(t, fold.ReasonUndecodable, result.Parked[0].Reason)
			require.NotEmpty(t, result.Parked[0].Detail)
			require.Equal(t, []parkedEvent{at(bad, fold.ReasonUndecodable), at(next, behind)}, l.parkedHere())
			require.Equal(t, []string{"u1"}, l.users())
			l.put(l.next(skip(bad)))
			require.Equal(t, []string{"u3"}, l.users())
			require.Equal(t, 1, l.count(`select count(*) from dashboard_history where parent_account = $1 and sub_account_id = '' and version = 4
				and document_id is null and (skip #>> '{position,offset}')::bigint = $2`, l.key, bad.Offset))
			require.Equal(t, []parkedEvent{skipped(bad, fold.ReasonUndecodable)}, l.parkedHere())
			require.Equal(t, operator.RetryResult{Parked: []operator.StillParked{}}, l.retry(l.engine, one(name, bad)), "a skip is final")
			l.set("u6")
			require.Equal(t, []string{"u6"}, l.users())
		},
		"a later event is skipped first": func(t *testing.T, l live) {
			bad := l.put(l.spoilt(`{`))
			second, third := l.set("second"), l.set("third")
			l.put(l.next(skip(second)))
			require.Equal(t, []string{"u1"}, l.users(), "the first still blocks the others")
			require.Equal(t, []parkedEvent{at(bad, fold.ReasonUndecodable), skipped(second, behind), at(third, behind)}, l.parkedHere())
			l.put(l.next(skip(bad)))
			require.Equal(t, []string{"third"}, l.users())
			require.Zero(t, l.count("select count(*) from dashboard_history where parent_account = $1 and version = 3", l.key))
		},
		"a later event is retried: order is kept": func(t *testing.T, l live) {
			bad := l.put(l.spoilt(`{`))
			second := l.set("second")
			result := l.retry(l.engine, one(name, second))
			require.Len(t, result.Parked, 1)
			require.Equal(t, parkedAs(name, bad), result.Parked[0].ID, "the stream is retried from its first event")
			require.Equal(t, []string{"u1"}, l.users())
			require.Equal(t, []parkedEvent{at(bad, fold.ReasonUndecodable), at(second, behind)}, l.parkedHere())
		},
		"a broken chain can be neither skipped nor retried": func(t *testing.T, l live) {
			forger := l.clone()
			forger.head.Hash[0] ^= 1
			broken := l.put(forger.next(forger.usersSet(client1, "forged")))
			next := l.set("honest")
			l.put(l.next(skip(broken)))
			result := l.retry(l.engine, one(name, broken))
			require.Len(t, result.Parked, 1)
			require.Equal(t, fold.ReasonChainBroken, result.Parked[0].Reason)
			require.Equal(t, domain.CodeConflict, domain.CodeOf(l.engine.SkipParked(t.Context(), parkedAs(name, broken))))
			require.Equal(t, []parkedEvent{at(broken, fold.ReasonChainBroken), at(next, behind)}, l.parkedHere())
			require.Equal(t, []string{"u1"}, l.users())
		},
		"an event before a break is skipped, later ones stay": func(t *testing.T, l live) {
			bad := l.put(l.spoilt(`{`))
			second := l.set("second")
			forger := l.clone()
			forger.head.Hash[0] ^= 1
			broken := l.put(forger.next(forger.usersSet(client1, "forged")))
			last := l.set("last")
			l.put(l.next(skip(bad)))
			require.Equal(t, []string{"second"}, l.users())
			require.Equal(t, []parkedEvent{
				skipped(bad, fold.ReasonUndecodable), at(broken, fold.ReasonChainBroken), at(last, behind),
			}, l.parkedHere())
			require.Zero(t, l.retry(l.engine, one(name, second)).Folded, "it is already folded")
		},
		"poison after poison": func(t *testing.T, l live) {
			first := l.put(l.spoilt(`{`))
			second := l.put(l.spoilt(`[`))
			third := l.set("third")
			l.put(l.next(skip(first)))
			require.Equal(t, []parkedEvent{
				skipped(first, fold.ReasonUndecodable), at(second, fold.ReasonUndecodable), at(third, behind),
			}, l.parkedHere())
			l.put(l.next(skip(second)))
			require.Equal(t, []string{"third"}, l.users())
		},
		"an event that depends on a skipped record is refused": func(t *testing.T, l live) {
			e := l.usersSet(client2, "v")
			bad := l.put(l.spoilt(`{`)) // it would have created client2's dashboard
			e.Created = nil
			next := l.put(l.next(e))
			l.put(l.next(skip(bad)))
			require.Equal(t, []parkedEvent{skipped(bad, fold.ReasonUndecodable), at(next, fold.ReasonRefused)}, l.parkedHere())
		},
		"skips without a parked event, of another topic or partition, outside of the log": func(t *testing.T, l live) {
			good := l.set("u2")
			bad := l.put(l.spoilt(`{`))
			other, elsewhere, beyond := bad, bad, bad
			other.Topic = domain.TopicMetrics
			elsewhere.Partition = (bad.Partition + 1) % 3
			beyond.Offset = 1000
			for _, p := range []domain.Position{good, other, elsewhere, beyond} {
				l.put(l.next(skip(p)))
			}
			require.Equal(t, []parkedEvent{at(bad, fold.ReasonUndecodable)}, l.parkedHere())
			require.Equal(t, []string{"u2"}, l.users())
		},
		"a skip in another agency's stream": func(t *testing.T, l live) {
			bad := l.put(l.spoilt(`{`))
			next := l.set("u3")
			l.put(l.bench.chain(another).next(skip(bad)))
			require.Equal(t, []parkedEvent{at(bad, fold.ReasonUndecodable), at(next, behind)}, l.parkedHere())
		},
		"a skip that lost its race": func(t *testing.T, l live) {
			bad := l.put(l.spoilt(`{`))
			loser := l.clone()
			next := l.set("u3")
			l.put(loser.next(skip(bad)))
			require.Equal(t, []parkedEvent{at(bad, fold.ReasonUndecodable), at(next, behind)}, l.parkedHere())
		},
		"a skip that is poison itself": func(t *testing.T, l live) {
			bad := l.put(l.spoilt(`{`))
			r := l.spoilt(`{"position":`)
			second := l.put(r)
			l.put(l.next(skip(bad)))
			require.Equal(t, []parkedEvent{skipped(bad, fold.ReasonUndecodable), at(second, fold.ReasonUndecodable)}, l.parkedHere())
		},
		"commands are remembered and forgotten alike": func(t *testing.T, l live) {
			bad := l.put(l.spoilt(`{`))
			l.set("u3")
			l.put(l.next(l.usersSet(client1, "u4"), func(d *domain.Draft) { d.Envelope.Time = day0.Add(30 * time.Hour) }))
			l.put(l.next(skip(bad), func(d *domain.Draft) { d.Envelope.Time = day0.Add(31 * time.Hour) }))
			require.Equal(t, 1, l.count("select count(*) from dashboard_commands where parent_account = $1", l.key))
		},
		"notices of later records": func(t *testing.T, l live) {
			bad := l.put(l.spoilt(`{`))
			l.put(l.next(l.lost(client1, []string{"u1"}, "u3")))
			l.put(l.next(skip(bad)))
			require.Equal(t, 1, l.count("select count(*) from access_notices where parent_account = $1 and user_id = 'u1' and version = 3", l.key))
		},
	}
	shared := followLive(t)
	for scenario, play := range scenarios {
		keys = keys[1:]
		t.Run(scenario, func(t *testing.T) {
			b := *shared.bench
			b.t = t
			l := live{&b, b.chain(keys[0]), shared.engine}
			l.set("u1")
			play(t, l)
			l.headIs(l.chain)
		})
	}
	shared.sameFromZero(dashboards)
}
