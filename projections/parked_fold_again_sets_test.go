package projections_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// An event that the database refused and now takes is folded once, without what lies beside it.
func TestRetryOfARefusedWrite(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var takes atomic.Bool
	bad := postRead(1, 2)
	e := b.engine(faulty{tally{}, func(ctx context.Context, tx pgx.Tx, events []fold.Event, next func() error) error {
		for _, ev := range events {
			if ev.Envelope.ID == bad.Envelope.ID && !takes.Load() {
				_, err := tx.Exec(ctx, "select 1/0")
				return err
			}
		}
		return next()
	}})
	b.start(e)
	b.append(postRead(1, 1))
	position := b.put(b.encode(bad))
	b.append(postRead(1, 3), postRead(2, 1))
	b.caughtUp(e)
	b.eachOnce(3)

	result := b.retry(e, one("tally", position))
	require.Zero(t, result.Folded)
	require.Len(t, result.Parked, 1)
	b.append(postRead(1, 4))
	b.caughtUp(e) // and is refused again: that must not hold up the partition
	require.Equal(t, []parkedEvent{at(position, fold.ReasonWrite)}, b.parked("tally"))
	b.eachOnce(4)

	takes.Store(true)
	epoch := b.count("select epoch from checkpoints where partition = $1", position.Partition)
	require.Equal(t, projections.RetryResult{Folded: 1, Parked: []operator.StillParked{}}, b.retry(e, one("tally", position)))
	require.Empty(t, b.parked("tally"))
	b.eachOnce(5)
	require.Greater(t, b.count("select epoch from checkpoints where partition = $1", position.Partition), epoch)
	require.Zero(t, b.retry(e, one("tally", position)).Folded, "a second retry finds nothing")
	b.eachOnce(5)
}

// On `directory` the last record of a key counts: a parked record that a later one has overtaken is
// moot, and folding it again must not bring the older state back.
func TestOvertakenDirectoryRecordIsMoot(t *testing.T) {
	t.Parallel()
	older := domain.NewRegistry().Without(domain.DirectoryCategory{}.EventType())
	b := setup(t)
	unknown := b.put(b.encode(category(1, "older")))
	beside := int64(2) // another key of the same partition
	for b.partitionOf(domain.TopicDirectory, category(beside, "").Key) != unknown.Partition {
		beside++
	}
	other := b.put(b.encode(category(beside, "not overtaken")))
	b.run(b.engine(projectors.Directory{}, b.olderBinary(older)))
	require.Equal(t, []parkedEvent{at(unknown, fold.ReasonUnknownType), at(other, fold.ReasonUnknownType)}, b.parked("directory"))
	b.append(categoryErased(1))
	b.run(b.engine(projectors.Directory{}, b.olderBinary(older)))
	require.Equal(t, []parkedEvent{at(other, fold.ReasonUnknownType)}, b.parked("directory"))
	e := b.engine(projectors.Directory{})
	b.start(e)
	b.awaitStatus(e, func(s projections.Status) bool { return s.Parked == 0 })
	b.sameFromZero(projectors.Directory{})
}

// olderBinary makes an engine one whose registry, and whose log's, lacks types.
func (b *bench) olderBinary(registry *domain.Registry) func(*projections.Config) {
	log := b.openLog(registry)
	return func(c *projections.Config) { c.Registry, c.Log = registry, log }
}

// An unknown type parks as such, and a binary that knows it retries it at its start:
// the tables are then those that it would have made alone.
func TestUnknownTypeIsRetriedByABinaryThatKnowsIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, agency := range []string{agencyA, agencyB} {
		c := b.chain(agency)
		b.put(c.next(domain.DashboardOpened(c.usersSet(client1, "u1"))))
		b.put(c.next(c.usersSet(client1, "u2")))
		b.put(c.next(c.lost(client1, []string{"u2"}, "u3")))
	}
	b.append(postRead(1, 1), postRead(1, 3), postRead(1, 2), postRead(2, 1), accountRead(1, 1))
	b.append(category(1, "a"), category(2, "b"), category(1, "c")) // the last overtakes the first
	b.append(draft(domain.TopicOperations, "-", "op", domain.ProjectionPaused{Projection: "x"}))
	for _, c := range []struct {
		projector fold.Projector
		unknown   domain.Data
		parked    int
	}{
		{dashboards, domain.DashboardUsersChanged{}, 4},
		{projectors.PostInsights{}, domain.PostRead{}, 4},
		{projectors.AccountInsights{}, domain.PostRead{}, 4}, // whose type it is not
		{projectors.Directory{}, domain.DirectoryCategory{}, 2},
		{projectors.Operations{}, domain.ProjectionPaused{}, 1},
	} {
		b.run(b.engine(c.projector, b.olderBinary(domain.NewRegistry().Without(c.unknown.EventType()))))
		require.Len(t, b.parked(c.projector.Name()), c.parked, c.projector.Name())
		newer := b.engine(c.projector).InBatchesOf(2) // and pages of two
		stop := b.start(newer)
		b.awaitStatus(newer, func(s projections.Status) bool { return s.Parked == 0 })
		stop()
		b.sameFromZero(c.projector)
	}
}
