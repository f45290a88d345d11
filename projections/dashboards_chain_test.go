package projections_test

import (
	"context"
	"encoding/hex"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// head returns version and hash of a stream as the tables show it.
func (b *bench) head(agency string) (version int64, hash string) {
	b.t.Helper()
	rows, err := b.db.Pool.Query(b.ctx(), "select version, encode(hash, 'hex') from dashboard_heads where parent_account = $1", agency)
	require.NoError(b.t, err)
	_, err = pgx.ForEachRow(rows, []any{&version, &hash}, func() error { return nil })
	require.NoError(b.t, err)
	return version, hash
}

// headIs says that the tables stand at the chain's own head.
func (b *bench) headIs(c *chain) {
	b.t.Helper()
	version, hash := b.head(c.key)
	require.Equal(b.t, c.head.Version, version)
	require.Equal(b.t, hex.EncodeToString(c.head.Hash[:]), hash)
}

func (b *bench) users(agency, account string) []string {
	b.t.Helper()
	var users []string
	err := b.db.Pool.QueryRow(b.ctx(), "select users from dashboard_preferences where parent_account = $1 and sub_account_id = $2",
		agency, account).Scan(&users)
	require.NoError(b.t, err)
	return users
}

// Heads are stored in the transaction that moves the checkpoint, never ahead of it.
func TestHeadsMoveWithTheCheckpoint(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.chain(agencyA)
	b.put(c.next(c.usersSet(client1, "u1")))
	b.put(c.next(c.usersSet(client1, "u2")))
	var tries atomic.Int32
	e := b.engine(faulty{dashboards, func(_ context.Context, _ pgx.Tx, _ []fold.Event, next func() error) error {
		if err := next(); err != nil {
			return err
		}
		version, _ := b.head(agencyA) // by another connection
		require.Zero(t, version)
		if tries.Add(1) == 1 {
			return errInjected
		}
		return nil
	}})
	stop := b.start(e)
	s := b.caughtUp(e)
	stop()
	b.headIs(c)
	require.Zero(t, s.Stale, "a batch that is tried again meets no head of its own")
	require.Equal(t, 2, b.count("select count(*) from dashboard_history"))
	require.Equal(t, []string{"u2"}, b.users(agencyA, client1))
}

// A record that cannot be folded is still the head; the later ones of its stream are
// parked behind it, in the same batch and in later ones, and other streams go on.
func TestParkingNeverStopsTheHead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		poison func(*chain) eventlog.Record
		reason fold.Reason
	}{
		"undecodable":  {func(c *chain) eventlog.Record { return c.spoilt(`{"primary":`) }, fold.ReasonUndecodable},
		"NUL":          {func(c *chain) eventlog.Record { return c.spoilt(`{"primary":"\u0000"}`) }, fold.ReasonUndecodable},
		"unknown type": {func(c *chain) eventlog.Record { return c.retyped("dashboard.merged.v1") }, fold.ReasonUnknownType},
		"of another topic": {
			func(c *chain) eventlog.Record { return c.next(domain.DirectoryCategory{ID: 1, Name: "x"}) }, fold.ReasonRefused,
		},
		"a dashboard that is nowhere": {func(c *chain) eventlog.Record {
			e := c.usersSet(client1, "u")
			e.Linked = append(e.Linked, client2)
			return c.next(e)
		}, fold.ReasonRefused},
		"refused by the database": {func(c *chain) eventlog.Record { return c.next(c.usersSet(client1, "refuse me")) }, fold.ReasonWrite},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			keys := agenciesIn(1, 2)
			a, other := b.chain(keys[0]), b.chain(keys[1])
			b.put(a.next(a.usersSet(client1, "u1")))
			b.put(other.next(other.usersSet(client2, "v1")))
			bad := b.put(c.poison(a))
			first := b.put(a.next(a.usersSet(client1, "u3")))
			b.put(other.next(other.usersSet(client2, "v2")))
			var tries atomic.Int32
			e := b.engine(refusing(dashboards, "select 1/0", &tries, idOf(a, 2)))
			if c.reason != fold.ReasonWrite {
				e = b.engine(dashboards)
			}
			b.start(e)
			b.caughtUp(e)
			later := b.put(a.next(a.usersSet(client1, "u4")))
			b.put(other.next(other.usersSet(client2, "v3")))
			s := b.caughtUp(e)
			require.Equal(t, []parkedEvent{at(bad, c.reason), at(first, fold.ReasonBehind), at(later, fold.ReasonBehind)}, b.parked("dashboards"))
			require.Zero(t, s.Stale)
			b.headIs(a)
			b.headIs(other)
			require.Equal(t, []string{"u1"}, b.users(a.key, client1))
			require.Equal(t, []string{"v3"}, b.users(other.key, client2))
		})
	}
}

// A lost race, and a duplicate, are skipped and counted.
func TestStaleIsCountedAndSkipped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	winner := b.chain(agencyA)
	first := winner.next(winner.usersSet(client1, "u1"))
	b.put(first)
	loser := winner.clone()
	b.put(winner.next(winner.usersSet(client1, "winner")))
	b.put(loser.next(loser.usersSet(client1, "loser")))
	b.put(first)
	b.put(loser.next(loser.usersSet(client1, "of the wrong line"))) // version 3 on a head that lost
	e := b.engine(dashboards)
	stop := b.start(e)
	// What is stale is counted behind the commit.
	s := b.awaitStatus(e, func(s projections.Status) bool { return s.Live() && s.Lag == 0 && s.Stale > 0 })
	stop()
	require.Equal(t, int64(2), s.Stale)
	require.Equal(t, []string{"winner"}, b.users(agencyA, client1))
	b.headIs(winner)
	require.Len(t, b.parked("dashboards"), 1, "the last one is broken: it names a predecessor that never was the head")
}

// What no honest writer can produce parks its stream, and no other one; the head stays.
func TestBrokenParksTheStream(t *testing.T) {
	t.Parallel()
	for name, forge := range map[string]func(*chain) eventlog.Record{
		"a record is missing before it": func(c *chain) eventlog.Record {
			c.next(c.usersSet(client1, "lost"))
			return c.next(c.usersSet(client1, "after it"))
		},
		"another predecessor": func(c *chain) eventlog.Record {
			c.head.Hash[0] ^= 1
			return c.next(c.usersSet(client1, "x"))
		},
		"not later than its predecessor": func(c *chain) eventlog.Record {
			return c.next(c.usersSet(client1, "x"), func(d *domain.Draft) { d.Envelope.Time = c.head.Time })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			keys := agenciesIn(2, 2)
			honest, other := b.chain(keys[0]), b.chain(keys[1])
			b.put(honest.next(honest.usersSet(client1, "u1")))
			forger := honest.clone()
			broken := b.put(forge(forger))
			same := b.put(honest.next(honest.usersSet(client1, "u2")))
			b.put(other.next(other.usersSet(client2, "v1")))
			e := b.engine(dashboards)
			b.start(e)
			b.caughtUp(e)
			next := b.put(honest.next(honest.usersSet(client1, "u3")))
			b.put(other.next(other.usersSet(client2, "v2")))
			b.caughtUp(e)
			require.Equal(t, []parkedEvent{
				at(broken, fold.ReasonChainBroken), at(same, fold.ReasonBehind), at(next, fold.ReasonBehind),
			}, b.parked("dashboards"))
			require.Equal(t, []string{"u1"}, b.users(honest.key, client1))
			require.Equal(t, []string{"v2"}, b.users(other.key, client2))
			b.headIs(honest)
			b.headIs(other)
		})
	}
}

// What is malformed is foreign, though somebody with the key wrote it: it parks nothing, and the stream goes on.
func TestMalformedParksNothing(t *testing.T) {
	t.Parallel()
	for name, forge := range map[string]func(*chain) eventlog.Record{
		"no id": func(c *chain) eventlog.Record { return withHeader(c.next(c.usersSet(client1, "x")), "ce_id", nil) },
		"no version": func(c *chain) eventlog.Record {
			return withHeader(c.next(c.usersSet(client1, "x")), "ce_chainversion", nil)
		},
		"no predecessor": func(c *chain) eventlog.Record {
			return withHeader(c.next(c.usersSet(client1, "x")), "ce_chainprev", nil)
		},
		"no value": func(c *chain) eventlog.Record { return withValue(c.next(c.usersSet(client1, "x")), "") },
		"a header twice": func(c *chain) eventlog.Record {
			r := c.next(c.usersSet(client1, "x"))
			r.Headers = append(r.Headers, eventlog.Header{Key: "ce_actor", Value: []byte("somebody else")})
			return r
		},
		"a version written otherwise": func(c *chain) eventlog.Record {
			return withHeader(c.next(c.usersSet(client1, "x")), "ce_chainversion", []byte("02"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			honest := b.chain(agencyA)
			b.put(honest.next(honest.usersSet(client1, "u1")))
			b.put(forge(honest.clone()))
			b.put(honest.next(honest.usersSet(client1, "u2")))
			e := b.engine(dashboards)
			b.start(e)
			b.caughtUp(e)
			require.Empty(t, b.parked("dashboards"))
			require.Equal(t, []string{"u2"}, b.users(agencyA, client1))
			b.headIs(honest)
		})
	}
}

// A record in the wrong partition is foreign: it parks nothing, whether the reader of its own partition has seen it or not.
func TestWrongPartitionParksNothing(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]bool{"in one batch": false, "in batches of one": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			a, there := b.chain(agenciesIn(1, 1)[0]), b.chain(agenciesIn(0, 1)[0])
			var e *projections.Engine
			step := func(f func()) {
				f()
				if cut {
					b.caughtUp(e)
				}
			}
			if e = b.engine(dashboards); cut {
				b.start(e)
			}
			var parkedThere domain.Position
			step(func() { b.put(there.next(there.usersSet(client2, "v1"))) })
			step(func() { b.produce(a.clone().next(a.clone().usersSet(client1, "forged")), 0) })
			step(func() { b.put(a.next(a.usersSet(client1, "u1"))) })
			step(func() { b.put(there.next(there.usersSet(client2, "v2"))) })
			step(func() { b.put(a.next(a.usersSet(client1, "u2"))) })
			// And the other way round: what is parked in its own partition stays parked, whatever lies elsewhere.
			step(func() { parkedThere = b.put(there.spoilt(`{`)) })
			b.produce(there.clone().next(there.usersSet(client2, "forged too")), 2)
			behind := domain.Position{}
			step(func() { behind = b.put(there.next(there.usersSet(client2, "v4"))) })
			if !cut {
				b.start(e)
			}
			b.caughtUp(e)
			want := []parkedEvent{at(parkedThere, fold.ReasonUndecodable), at(behind, fold.ReasonBehind)}
			sortParked(want)
			require.Equal(t, want, b.parked("dashboards"))
			require.Equal(t, []string{"u2"}, b.users(a.key, client1))
			require.Equal(t, []string{"v2"}, b.users(there.key, client2))
			b.headIs(a)
			b.headIs(there)
		})
	}
}

// A key that is no agency's id has no stream: it is parked alone.
func TestKeyThatIsNoAgency(t *testing.T) {
	t.Parallel()
	b := setup(t)
	bad := &chain{codec: b.log.Codec(), key: "somebody", seen: map[string]bool{}}
	first := b.put(bad.next(bad.usersSet(client1, "u1")))
	second := b.put(bad.next(bad.usersSet(client1, "u2")))
	b.run(b.engine(dashboards))
	want := []parkedEvent{at(first, fold.ReasonMalformed), at(second, fold.ReasonMalformed)}
	require.Equal(t, want, b.parked("dashboards"))
	require.Zero(t, b.count("select count(*) from dashboard_heads"))
}

// What lies under an agency's key in a foreign partition does not park its stream either when one batch touches both partitions.
func TestWrongPartitionInABatchOverBoth(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a, there := b.chain(agenciesIn(1, 1)[0]), b.chain(agenciesIn(0, 1)[0])
	forger := a.clone()
	b.produce(forger.next(forger.usersSet(client1, "forged")), 0)
	b.run(b.engine(dashboards))
	b.put(there.next(there.usersSet(client2, "v1")))
	b.put(a.next(a.usersSet(client1, "u1")))
	b.run(b.engine(dashboards)) // both wait for it: one transaction
	require.Empty(t, b.parked("dashboards"))
	require.Equal(t, []string{"u1"}, b.users(a.key, client1))
	require.Equal(t, []string{"v1"}, b.users(there.key, client2))
}
