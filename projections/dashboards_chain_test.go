package projections_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// headIs asserts that the tables have the chain's own head.
func (b *bench) headIs(c *chain) {
	b.t.Helper()
	head := b.text("select format('%s %s', version, encode(hash, 'hex')) from streams where stream_key = $1 order by generation desc limit 1", c.key)
	require.Equal(b.t, fmt.Sprintf("%d %x", c.head.Version, c.head.Hash), head)
}

func (b *bench) users(agency, account string) []string {
	b.t.Helper()
	var users []string
	err := b.db.Pool.QueryRow(b.ctx(), "select users from dashboard_preferences where parent_account = $1 and sub_account_id = $2",
		agency, account).Scan(&users)
	require.NoError(b.t, err)
	return users
}

// Valid records move the head of a stopped stream, other well-formed records break the chain, and
// malformed records stop nothing, even with a valid key.
func TestValidRecordsAdvanceHeadOfStoppedStream(t *testing.T) {
	t.Parallel()
	forged := func(c *chain) eventlog.Record {
		forger := c.clone()
		return forger.next(forger.usersSet(client1, "x"))
	}
	cases := []struct {
		name   string
		poison func(*chain) eventlog.Record
		reason operator.DeadLetterReason // "": the stream does not stop
	}{
		{"undecodable", func(c *chain) eventlog.Record { return c.spoilt(`{"primary":`) }, operator.ReasonUndecodable},
		{"NUL", func(c *chain) eventlog.Record { return c.spoilt(`{"primary":"\u0000"}`) }, operator.ReasonUndecodable},
		{"unknown type", func(c *chain) eventlog.Record { return c.retyped("dashboard.merged.v1") }, operator.ReasonUnknownType},
		{"of another topic", func(c *chain) eventlog.Record {
			return c.next(domain.DirectoryCategory{ID: 1, Name: "x"})
		}, operator.ReasonRefused},
		{"a dashboard that is nowhere", func(c *chain) eventlog.Record {
			e := c.usersSet(client1, "u")
			e.Linked = append(e.Linked, client2)
			return c.next(e)
		}, operator.ReasonRefused},
		{"refused by the database", func(c *chain) eventlog.Record {
			return c.next(c.usersSet(client1, "u"), func(d *domain.Draft) { d.Envelope.ID = "refuse me" })
		}, operator.ReasonWrite},

		{"a record is missing before it", func(c *chain) eventlog.Record {
			forger := c.clone()
			forger.next(forger.usersSet(client1, "lost"))
			return forger.next(forger.usersSet(client1, "after it"))
		}, operator.ReasonChainBroken},
		{"another predecessor", func(c *chain) eventlog.Record {
			forger := c.clone()
			forger.head.Hash[0] ^= 1
			return forger.next(forger.usersSet(client1, "x"))
		}, operator.ReasonChainBroken},
		{"not later than its predecessor", func(c *chain) eventlog.Record {
			return c.clone().next(c.usersSet(client1, "x"), func(d *domain.Draft) { d.Envelope.Time = c.head.Time })
		}, operator.ReasonChainBroken},

		{"no id", func(c *chain) eventlog.Record { return withHeader(forged(c), "ce_id", nil) }, ""},
		{"no version", func(c *chain) eventlog.Record { return withHeader(forged(c), "ce_chainversion", nil) }, ""},
		{"no predecessor", func(c *chain) eventlog.Record { return withHeader(forged(c), "ce_chainprev", nil) }, ""},
		{"no value", func(c *chain) eventlog.Record { return withValue(forged(c), "") }, ""},
		{"a header twice", func(c *chain) eventlog.Record {
			r := forged(c)
			r.Headers = append(r.Headers, eventlog.Header{Key: "ce_actor", Value: []byte("somebody else")})
			return r
		}, ""},
		{"a version written otherwise", func(c *chain) eventlog.Record {
			return withHeader(forged(c), "ce_chainversion", []byte("02"))
		}, ""},
	}
	b := setup(t)
	keys := agenciesIn(1, len(cases)+1)
	other := b.chain(keys[len(cases)])
	b.put(other.next(other.usersSet(client2, "v1")))
	nobodys := newChain(b.log.Codec(), "somebody") // not an agency id: it has no stream
	b.put(nobodys.next(nobodys.usersSet(client1, "u1")))
	b.put(nobodys.next(nobodys.usersSet(client1, "u2")))
	var want []deadEvent
	foreign := int64(2)
	for i, c := range cases {
		stream := b.chain(keys[i])
		b.put(stream.next(stream.usersSet(client1, "u1")))
		bad := b.put(c.poison(stream))
		b.put(stream.next(stream.usersSet(client1, "u2")))
		if c.reason != "" {
			want = append(want, at(bad, c.reason))
		} else {
			foreign++
		}
	}
	b.put(other.next(other.usersSet(client2, "v2")))
	var tries atomic.Int32
	e := b.followEngine(refusing(dashboards, "select 1/0", &tries, "refuse me"))
	for i := range cases {
		stream := b.chain(keys[i])
		b.put(stream.next(stream.usersSet(client1, "u3")))
	}
	b.put(other.next(other.usersSet(client2, "v3")))
	// Foreign records are counted after the commit.
	b.awaitStatus(e, func(s operator.Projection) bool { return s.Lag == 0 && s.Ignored == foreign })
	require.Equal(t, want, b.letters("dashboards"))
	require.Equal(t, len(keys), b.count("select count(*) from streams"))
	for _, letter := range b.list(operator.DeadLetterFilter{}) {
		require.EqualValues(t, 2, *letter.Waiting, "u2 and u3")
	}
	for i, c := range cases {
		users := []string{"u1"}
		if c.reason == "" {
			users = []string{"u3"}
		}
		require.Equal(t, users, b.users(keys[i], client1), c.name)
		b.headIs(b.chain(keys[i]))
	}
	require.Equal(t, []string{"v3"}, b.users(other.key, client2))
}

// A lost race and a duplicate are skipped and counted.
func TestStaleRecordIsSkippedAndCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	winner := b.chain(agencyA)
	first := winner.next(winner.usersSet(client1, "u1"))
	b.put(first)
	loser := winner.clone()
	b.put(winner.next(winner.usersSet(client1, "winner")))
	b.put(loser.next(loser.usersSet(client1, "loser")))
	b.put(first)
	b.put(loser.next(loser.usersSet(client1, "on the wrong branch"))) // version 3 on a head that lost
	// Stale records are counted after the commit.
	s := b.awaitStatus(b.startEngine(dashboards), func(s operator.Projection) bool { return s.Live() && s.Lag == 0 && s.Ignored > 0 })
	require.Equal(t, int64(2), s.Ignored)
	require.Equal(t, []string{"winner"}, b.users(agencyA, client1))
	b.headIs(winner)
	require.Len(t, b.letters("dashboards"), 1, "the last one is broken: its predecessor was never the head")
}

// A record in the wrong partition is foreign: it stops no stream, whether or not its own partition
// was read already.
func TestRecordInWrongPartitionIsIgnored(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 100} {
		t.Run(fmt.Sprint("in batches of ", size), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			a, elsewhere := b.chain(agenciesIn(1, 1)[0]), b.chain(agenciesIn(0, 1)[0])
			b.put(elsewhere.next(elsewhere.usersSet(client2, "v1")))
			b.Produce(a.clone().next(a.clone().usersSet(client1, "forged")), 0)
			b.put(a.next(a.usersSet(client1, "u1")))
			b.put(elsewhere.next(elsewhere.usersSet(client2, "v2")))
			b.put(a.next(a.usersSet(client1, "u2")))
			// And the reverse: a stream that has stopped stays so, regardless of records elsewhere.
			bad := b.put(elsewhere.spoilt(`{`))
			b.Produce(elsewhere.clone().next(elsewhere.usersSet(client2, "forged too")), 2)
			b.put(elsewhere.next(elsewhere.usersSet(client2, "v4")))
			b.run(b.engine(dashboards).InBatchesOf(size))
			require.Equal(t, []deadEvent{at(bad, operator.ReasonUndecodable)}, b.letters("dashboards"))
			require.Equal(t, []string{"u2"}, b.users(a.key, client1))
			require.Equal(t, []string{"v2"}, b.users(elsewhere.key, client2))
			b.headIs(a)
			b.headIs(elsewhere)
		})
	}
}
