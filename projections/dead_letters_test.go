package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

func (b *bench) list(f operator.DeadLetterFilter) []operator.DeadLetter {
	b.t.Helper()
	all, err := projections.DeadLetters(b.ctx(), b.db.Pool, f)
	require.NoError(b.t, err)
	return all
}

// The list shows dead letters with their reasons, page by page, and where streams have stopped.
func TestListOfDeadLetters(t *testing.T) {
	t.Parallel()
	l := followLive(t)
	l.set("u1")
	bad := l.put(l.spoilt(`{`))
	l.set("u2")
	l.set("u3")
	half := l.bench.put(withValue(l.encode(category(1, "x")), `{`))
	l.followEngine(projectors.Directory)
	all := l.list(operator.DeadLetterFilter{})
	require.Len(t, all, 2)
	first, second := all[0], all[1]
	require.Equal(t, bad, first.Position())
	require.Equal(t, []any{agencyA, int64(2), int64(2), operator.ReasonUndecodable}, []any{first.Stream, first.StoppedAt, *first.Waiting, first.Reason})
	require.Equal(t, domain.DashboardUsersChanged{}.EventType(), first.Type)
	require.NotEmpty(t, first.EventID)
	require.NotNil(t, first.EventTime, "from the headers, regardless of the payload")
	require.Equal(t, half, second.Position())
	require.False(t, second.StopsStream())
	require.Zero(t, *second.Waiting)
	require.Equal(t, all[:1], l.list(operator.DeadLetterFilter{ID: first.ID}))
	require.Equal(t, all[:1], l.list(operator.DeadLetterFilter{Limit: 1}))
	require.Equal(t, all[1:], l.list(operator.DeadLetterFilter{After: first.ID, Limit: 1}))
	require.Equal(t, all[:1], l.list(operator.DeadLetterFilter{Stream: agencyA}))
	require.Equal(t, all[1:], l.list(operator.DeadLetterFilter{Projection: projectors.Directory.Name}))
	require.Empty(t, l.list(operator.DeadLetterFilter{Projection: projectors.Directory.Name, Stream: agencyA}))
	for _, f := range []operator.DeadLetterFilter{{ID: "dashboards"}, {After: "dashboards-1"}} {
		_, err := projections.DeadLetters(t.Context(), l.db.Pool, f)
		require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
	}
}

// Of a stream whose chain is broken, no later record counts: how many wait is not known, and never a
// negative number.
func TestBrokenChainHasUnknownNumberOfWaitingRecords(t *testing.T) {
	t.Parallel()
	l := followLive(t)
	l.set("u1")
	l.head.Hash[0] ^= 1
	l.set("u2")
	l.set("u3")
	l.followEngine(projectors.Directory)
	all := l.list(operator.DeadLetterFilter{})
	require.Len(t, all, 1)
	require.Equal(t, operator.ReasonChainBroken, all[0].Reason)
	require.Nil(t, all[0].Waiting)
}

// The record is shown as it is in the log, with the reason why it cannot be decoded.
func TestShowDeadLetter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(withValue(b.encode(category(1, "x")), `{"name":"half`))
	b.put(withValue(b.encode(category(2, "x")), `{"id":"not a number","name":["x",{"n":7}]}`))
	e := b.engine(projectors.Directory)
	b.run(e)
	for _, letter := range b.list(operator.DeadLetterFilter{}) {
		r, err := e.ShowDeadLetter(t.Context(), letter)
		require.NoError(t, err)
		require.Contains(t, r.Headers, operator.RecordHeader{Key: "ce_type", Value: domain.DirectoryCategory{}.EventType()})
		require.Equal(t, operator.ReasonUndecodable, r.Reason)
		require.Contains(t, r.Error, "decode directory.category.v1")
		if r.Stream == "category:2" {
			require.JSONEq(t, `{"id":"not a number","name":["x",{"n":7}]}`, string(r.Payload))
			continue
		}
		require.JSONEq(t, `"{\"name\":\"half"`, string(r.Payload))
		require.Equal(t, 13, r.Bytes)
	}
}

// olderBinary makes an engine that lacks the type of an event in its registry and in its log's.
func (b *bench) olderBinary(unknown domain.Data) func(*projections.Config) {
	registry := domain.NewRegistry().Without(unknown.EventType())
	log := b.Open(func(c *eventlog.Config) { c.Registry = registry })
	return func(c *projections.Config) { c.Registry, c.Log = registry, log }
}

// Without hash chains, a type that the program does not know is passed over and counted.
func TestUnknownEventTypeIsSkippedAndCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(postRead(1, 1), accountRead(1, 1), postRead(1, 2))
	b.append(category(1, "a"))
	for _, c := range []struct {
		projector fold.Projector
		unknown   domain.Data
		want      int64
	}{
		{projectors.PostInsights, domain.PostRead{}, 2},
		{projectors.Directory, domain.DirectoryCategory{}, 1},
	} {
		e := b.startEngine(c.projector, b.olderBinary(c.unknown))
		b.awaitStatus(e, func(s operator.Projection) bool { return s.Live() && s.Lag == 0 && s.Unknown == c.want })
		require.Empty(t, b.letters(c.projector.Name))
	}
}

// On a compacted topic, the next record of a key removes the dead letter of the key.
func TestNextRecordOfAKeyRemovesItsDeadLetter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, value := range []string{`{`, `[`} { // in one batch
		b.put(withValue(b.encode(category(1, "x")), value))
	}
	e := b.followEngine(projectors.Directory)
	require.Len(t, b.letters("directory"), 1)
	last := b.put(withValue(b.encode(category(1, "x")), `"`))
	b.caughtUp(e)
	require.Equal(t, []deadEvent{at(last, operator.ReasonUndecodable)}, b.letters("directory"))
	b.append(category(1, "corrected"))
	b.caughtUp(e)
	require.Empty(t, b.letters("directory"))
}
