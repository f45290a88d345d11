package projections_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
)

// state is all that a projection has made: its tables and what it has parked.
func state(t require.TestingT, db *pgtest.DB, p projections.Projector) []string {
	out := dump(t, db, p.Tables()...)
	rows, err := db.Pool.Query(context.Background(), `
		select format('parked %s/%s %s %s %s %s %s %s %s', partition, log_offset, stream_key, event_type, event_id, event_time, reason, detail, state)
		from parked where projection = $1 order by partition, log_offset`, p.Name())
	require.NoError(t, err)
	list, err := collect[struct{ Row string }](rows)
	require.NoError(t, err)
	for _, r := range list {
		out = append(out, r.Row)
	}
	return out
}

// sameFromZero folds the whole log into another database, in one go, by the newest binary, and says
// that it comes out the same.
func (b *bench) sameFromZero(p projections.Projector) {
	b.t.Helper()
	zero := &bench{t: b.t, db: newDatabase(b.t), topics: b.topics, brokers: b.brokers, log: b.log}
	e := zero.engine(p, func(c *projections.Config) { c.Log = otherGroup{b.log} })
	zero.run(e)
	require.Equal(b.t, state(b.t, zero.db, p), state(b.t, b.db, p), "live (actual) is not what a fold from zero gives (expected)")
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
	l := live{b, b.chain(agencyA), b.engine(dashboards)}
	b.start(l.engine)
	return l
}

// put appends a record and waits until it is folded.
func (l live) put(r eventlog.Record) domain.Position {
	l.t.Helper()
	p := l.bench.put(r)
	l.caughtUp(l.engine)
	return p
}

func (l live) users() []string { return l.bench.users(agencyA, client1) }

func (l live) set(users ...string) domain.Position {
	l.t.Helper()
	return l.put(l.next(l.usersSet(client1, users...)))
}

// Retry and skip are operator records on the same topic and key, chained on
// `dashboards`, and folded alike live and from zero.
func TestRetryAndSkipOnDashboards(t *testing.T) {
	t.Parallel()
	const name = "dashboards"
	behind := projections.ReasonBehind
	for scenario, play := range map[string]func(t *testing.T, l live){
		"a retry that fails again parks again, a skip sets the rest free": func(t *testing.T, l live) {
			bad := l.put(l.spoilt(`{`))
			next := l.set("u3")
			l.put(l.next(retry(name, bad)))
			require.Equal(t, []parkedEvent{at(bad, projections.ReasonUndecodable), at(next, behind)}, l.parked(name))
			require.Equal(t, []string{"u1"}, l.users())
			l.put(l.next(skip(name, bad)))
			require.Equal(t, []string{"u3"}, l.users())
			require.Equal(t, []parkedEvent{{bad.Partition, bad.Offset, projections.ReasonUndecodable, "skipped"}}, l.parked(name))
			l.set("u6")
			require.Equal(t, []string{"u6"}, l.users())
		},
		"one behind is skipped first": func(t *testing.T, l live) {
			bad := l.put(l.spoilt(`{`))
			second, third := l.set("second"), l.set("third")
			l.put(l.next(skip(name, second)))
			require.Equal(t, []string{"u1"}, l.users(), "the first still holds up the others")
			require.Equal(t, []parkedEvent{
				at(bad, projections.ReasonUndecodable), {second.Partition, second.Offset, behind, "skipped"}, at(third, behind),
			}, l.parked(name))
			l.put(l.next(skip(name, bad)))
			require.Equal(t, []string{"third"}, l.users())
			require.Zero(t, l.count("select count(*) from dashboard_history where version = 3"))
		},
		"one behind is retried: order holds": func(t *testing.T, l live) {
			bad := l.put(l.spoilt(`{`))
			second := l.set("second")
			l.put(l.next(retry(name, second)))
			require.Equal(t, []string{"u1"}, l.users())
			require.Equal(t, []parkedEvent{at(bad, projections.ReasonUndecodable), at(second, behind)}, l.parked(name))
		},
		"a broken record can only be skipped": func(t *testing.T, l live) {
			forger := l.clone()
			forger.head.Hash[0] ^= 1
			broken := l.put(forger.next(forger.usersSet(client1, "forged")))
			next := l.set("honest")
			l.put(l.next(retry(name, broken)))
			require.Equal(t, []parkedEvent{at(broken, projections.ReasonChainBroken), at(next, behind)}, l.parked(name))
			l.put(l.next(skip(name, broken)))
			require.Equal(t, []string{"honest"}, l.users())
		},
		"a record in a wrong partition is skipped": func(t *testing.T, l live) {
			home := l.partitionOf(domain.TopicDashboards, agencyA)
			forger := l.clone()
			wrong := l.produce(forger.next(forger.usersSet(client1, "forged")), (home+1)%3)
			l.caughtUp(l.engine)
			l.put(l.next(skip(name, wrong)))
			require.Equal(t, []parkedEvent{{wrong.Partition, wrong.Offset, projections.ReasonChainBroken, "skipped"}}, l.parked(name))
		},
		"a poison behind a poison": func(t *testing.T, l live) {
			first := l.put(l.spoilt(`{`))
			second := l.put(l.spoilt(`[`))
			third := l.set("third")
			l.put(l.next(skip(name, first)))
			require.Equal(t, []parkedEvent{
				{first.Partition, first.Offset, projections.ReasonUndecodable, "skipped"},
				at(second, projections.ReasonUndecodable), at(third, behind),
			}, l.parked(name))
			l.put(l.next(skip(name, second)))
			require.Equal(t, []string{"third"}, l.users())
		},
		"what hangs on a skipped record is refused": func(t *testing.T, l live) {
			e := l.usersSet(client2, "v")
			bad := l.put(l.spoilt(`{`)) // it would have made client2's dashboard
			e.Created = nil
			next := l.put(l.next(e))
			l.put(l.next(skip(name, bad)))
			require.Equal(t, []parkedEvent{
				{bad.Partition, bad.Offset, projections.ReasonUndecodable, "skipped"}, at(next, projections.ReasonRefused),
			}, l.parked(name))
		},
		"of what is not parked, of another topic, for another projection, out of the log": func(t *testing.T, l live) {
			good := l.set("u2")
			bad := l.put(l.spoilt(`{`))
			other := bad
			other.Topic = domain.TopicMetrics
			beyond := bad
			beyond.Offset = 1000
			for _, data := range []domain.Data{skip(name, good), retry(name, good), skip(name, other), skip("directory", bad), skip(name, beyond)} {
				l.put(l.next(data))
			}
			require.Equal(t, []parkedEvent{at(bad, projections.ReasonUndecodable)}, l.parked(name))
			require.Equal(t, []string{"u2"}, l.users())
		},
		"of another agency's stream": func(t *testing.T, l live) {
			bad := l.put(l.spoilt(`{`))
			next := l.set("u3")
			for i := 1; ; i++ { // an agency of the same partition
				key := fmt.Sprintf("%024x", i)
				if l.partitionOf(domain.TopicDashboards, key) == bad.Partition {
					l.put(l.bench.chain(key).next(skip(name, bad)))
					break
				}
			}
			require.Equal(t, []parkedEvent{at(bad, projections.ReasonUndecodable), at(next, behind)}, l.parked(name))
		},
		"a skip that lost its race": func(t *testing.T, l live) {
			bad := l.put(l.spoilt(`{`))
			loser := l.clone()
			next := l.set("u3")
			l.put(loser.next(skip(name, bad)))
			require.Equal(t, []parkedEvent{at(bad, projections.ReasonUndecodable), at(next, behind)}, l.parked(name))
		},
		"a skip that is poison itself": func(t *testing.T, l live) {
			bad := l.put(l.spoilt(`{`))
			r := l.spoilt(`{"position":`)
			second := l.put(r)
			l.put(l.next(skip(name, bad)))
			require.Equal(t, []parkedEvent{
				{bad.Partition, bad.Offset, projections.ReasonUndecodable, "skipped"}, at(second, projections.ReasonUndecodable),
			}, l.parked(name))
		},
		"commands are remembered and forgotten alike": func(t *testing.T, l live) {
			bad := l.put(l.spoilt(`{`))
			l.set("u3")
			l.put(l.next(l.usersSet(client1, "u4"), func(d *domain.Draft) { d.Envelope.Time = day0.Add(30 * time.Hour) }))
			l.put(l.next(skip(name, bad), func(d *domain.Draft) { d.Envelope.Time = day0.Add(31 * time.Hour) }))
			require.Equal(t, 1, l.count("select count(*) from dashboard_commands"))
		},
		"notices of retried records": func(t *testing.T, l live) {
			bad := l.put(l.spoilt(`{`))
			l.put(l.next(l.lost(client1, []string{"u1"}, "u3")))
			l.put(l.next(skip(name, bad)))
			require.Equal(t, 1, l.count("select count(*) from access_notices where user_id = 'u1' and version = 3"))
		},
	} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			l := followLive(t)
			l.set("u1")
			play(t, l)
			l.headIs(l.chain)
			l.sameFromZero(dashboards)
		})
	}
}
