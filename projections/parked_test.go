package projections_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

func (b *bench) list(f operator.ParkedFilter) (ids []string, all []operator.ParkedEvent) {
	b.t.Helper()
	all, err := projections.ListParked(b.ctx(), b.db.Pool, f)
	require.NoError(b.t, err)
	for _, p := range all {
		ids = append(ids, p.ID)
	}
	return ids, all
}

// The list shows parked events, their reasons, and how many events wait after each.
func TestListOfParkedEvents(t *testing.T) {
	t.Parallel()
	l := followLive(t)
	l.set("u1")
	bad := l.put(l.spoilt(`{`))
	second, third := l.set("u2"), l.set("u3")
	ids, all := l.list(operator.ParkedFilter{Projection: "dashboards"})
	require.Equal(t, []string{parkedAs("dashboards", bad), parkedAs("dashboards", second), parkedAs("dashboards", third)}, ids)
	require.Equal(t, []int64{2, 0, 0}, []int64{all[0].Behind, all[1].Behind, all[2].Behind})
	require.Equal(t, bad, all[0].Position())
	require.Equal(t, agencyA, all[0].Stream)
	require.Equal(t, domain.DashboardUsersChanged{}.EventType(), all[0].Type)
	require.NotEmpty(t, all[0].EventID)
	require.NotNil(t, all[0].EventTime, "from the headers, regardless of the payload")

	for want, f := range map[string]operator.ParkedFilter{"by id": {IDs: ids[:1]}, "by limit": {Limit: 1}} {
		found, _ := l.list(f)
		require.Equal(t, ids[:1], found, want)
	}
	found, _ := l.list(operator.ParkedFilter{Stream: agencyA, After: ids[0], State: projections.ParkedWaits})
	require.Equal(t, ids[1:], found)
	for _, f := range []operator.ParkedFilter{{Stream: agencyB}, {State: projections.ParkedSkipped}, {Projection: "directory"}} {
		found, _ := l.list(f)
		require.Empty(t, found)
	}
	_, err := projections.ListParked(t.Context(), l.db.Pool, operator.ParkedFilter{IDs: []string{"dashboards"}})
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
}

// A newer binary retries events that an older one could not write: first one stream, then all.
func TestRetryInBulk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(postRead(1, 1), postRead(1, 2), postRead(2, 1), postRead(2, 2), accountRead(1, 1))
	b.run(b.engine(projectors.PostInsights, b.olderBinary(domain.PostRead{})))
	require.Len(t, b.parked("post_insights"), 4)
	e := b.engine(projectors.PostInsights).InBatchesOf(1)
	require.Equal(t, 2, b.retry(e, operator.ParkedFilter{Stream: "1"}).Folded)
	require.Len(t, b.parked("post_insights"), 2)
	require.Equal(t, 2, b.retry(e, operator.ParkedFilter{}).Folded)
	require.Empty(t, b.parked("post_insights"))
	b.sameFromZero(projectors.PostInsights)
}

// The skip is a mark in the row: later generations keep it, the key's next record removes it.
func TestSkipOfAnEventThatBlocksNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	bad := b.put(withValue(b.encode(category(1, "x")), `{`))
	e := b.followEngine(projectors.Directory)
	require.NoError(t, e.SkipParked(t.Context(), parkedAs("directory", bad)))
	skippedRows := []parkedEvent{{bad.Partition, bad.Offset, fold.ReasonUndecodable, "left_out"}}
	require.Equal(t, skippedRows, b.parked("directory"))
	listed, err := projections.ListParked(t.Context(), b.db.Pool, one("directory", bad))
	require.NoError(t, err)
	require.Equal(t, projections.ParkedSkipped, listed[0].State)
	require.Empty(t, b.retry(e, one("directory", bad)).Parked, "it is not retried")
	b.ends(b.request(projectors.Directory).ID, projections.StateLive)
	require.Equal(t, skippedRows, b.parked("directory"))

	b.append(category(1, "corrected"))
	b.caughtUp(e)
	require.Empty(t, b.parked("directory"))
	require.Equal(t, 1, b.count("select count(*) from lb_directory_g2.tDefaultCategories where name = 'corrected'"))
}

// The record is shown as it is in the log.
func TestInspectParkedEvent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	half := b.put(withValue(b.encode(category(1, "x")), `{"name":"half`))
	whole := b.put(withValue(b.encode(category(2, "x")), `{"id":"not a number","name":["x",{"n":7}]}`))
	e := b.engine(projectors.Directory)
	b.run(e)
	r, err := e.InspectParked(t.Context(), parkedAs("directory", whole))
	require.NoError(t, err)
	require.JSONEq(t, `{"id":"not a number","name":["x",{"n":7}]}`, string(r.Payload))
	r, err = e.InspectParked(t.Context(), parkedAs("directory", half))
	require.NoError(t, err)
	require.JSONEq(t, `"{\"name\":\"half"`, string(r.Payload))
	require.Equal(t, 13, r.Bytes)
	require.Contains(t, r.Headers, operator.RecordHeader{Key: "ce_type", Value: domain.DirectoryCategory{}.EventType()})
	require.Equal(t, fold.ReasonUndecodable, r.Reason)
	_, err = e.InspectParked(t.Context(), "directory-0-999")
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}

// Events parked by another version, or in tables that are being built, do not refuse commands of
// readers of these tables.
func TestParkedInAnotherGenerationRefusesNothing(t *testing.T) {
	t.Parallel()
	b := followLive(t)
	b.set("u0")
	partition := b.partitionOf(domain.TopicDashboards, agencyA)
	park := func(generation int) {
		b.exec(`insert into parked select 'dashboards', $3::int, $2, 0, $1, 'x', 'x', now(), 'refused', 'a slip', 'parked'`, agencyA, partition, generation)
	}
	pool, err := pg.Open(b.ctx(), pg.Config{URL: b.db.URL, SearchPath: tables.Views(), Name: "reads"})
	require.NoError(t, err)
	defer pool.Close()
	refusal := func() string {
		reads := &readmodels.Dashboards{Pool: pool, Progress: pg.NewProgress()}
		view, err := reads.Load(b.ctx(), domain.FactsNeed{ParentAccount: agencyA, Primary: client1, Partition: partition})
		require.NoError(t, err)
		return view.Refusal
	}
	park(b.another(b.engine))
	require.Empty(t, refusal())
	park(1)
	require.Contains(t, refusal(), "parked")
}

// An event that the database first refused and now accepts is folded once, without the other
// records of its batch.
func TestRetryOfARefusedWrite(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var takes atomic.Bool
	bad := postRead(1, 2)
	e := b.startEngine(faulty{tally{}.projector(), func(ctx context.Context, tx pgx.Tx, events []fold.Event, next func() error) error {
		for _, ev := range events {
			if ev.Envelope.ID == bad.Envelope.ID && !takes.Load() {
				_, err := tx.Exec(ctx, "select 1/0")
				return err
			}
		}
		return next()
	}}.projector())
	b.append(postRead(1, 1))
	position := b.put(b.encode(bad))
	b.append(postRead(1, 3), postRead(2, 1))
	b.caughtUp(e)
	b.eachOnce(3)

	result := b.retry(e, one("tally", position))
	require.Zero(t, result.Folded)
	require.Len(t, result.Parked, 1)
	b.append(postRead(1, 4))
	b.caughtUp(e) // it is refused again: that must not block the partition
	require.Equal(t, []parkedEvent{at(position, fold.ReasonWrite)}, b.parked("tally"))
	b.eachOnce(4)

	takes.Store(true)
	epoch := b.count("select epoch from checkpoints where partition = $1", position.Partition)
	require.Equal(t, operator.RetryResult{Folded: 1, Parked: []operator.StillParked{}}, b.retry(e, one("tally", position)))
	require.Empty(t, b.parked("tally"))
	b.eachOnce(5)
	require.Greater(t, b.count("select epoch from checkpoints where partition = $1", position.Partition), epoch)
	require.Zero(t, b.retry(e, one("tally", position)).Folded, "a second retry finds nothing")
	b.eachOnce(5)
}

// The last record of a key counts: folding an earlier one again would restore an old state.
func TestOvertakenDirectoryRecordIsMoot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	unknown := b.put(b.encode(category(1, "older")))
	id := int64(2) // another key of the same partition
	for b.partitionOf(domain.TopicDirectory, category(id, "").Key) != unknown.Partition {
		id++
	}
	other := b.put(b.encode(category(id, "not overtaken")))
	b.run(b.engine(projectors.Directory, b.olderBinary(domain.DirectoryCategory{})))
	require.Equal(t, []parkedEvent{at(unknown, fold.ReasonUnknownType), at(other, fold.ReasonUnknownType)}, b.parked("directory"))
	b.append(categoryErased(1))
	b.run(b.engine(projectors.Directory, b.olderBinary(domain.DirectoryCategory{})))
	require.Equal(t, []parkedEvent{at(other, fold.ReasonUnknownType)}, b.parked("directory"))
	e := b.startEngine(projectors.Directory)
	b.awaitStatus(e, func(s operator.Projection) bool { return s.Parked == 0 })
	b.sameFromZero(projectors.Directory)
}

// olderBinary makes an engine that lacks the type of an event in its registry and in its log's.
func (b *bench) olderBinary(unknown domain.Data) func(*projections.Config) {
	registry := domain.NewRegistry().Without(unknown.EventType())
	log := b.Open(func(c *eventlog.Config) { c.Registry = registry })
	return func(c *projections.Config) { c.Registry, c.Log = registry, log }
}

// The tables are then those that the newer binary would have built alone.
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
		{projectors.PostInsights, domain.PostRead{}, 4},
		{projectors.AccountInsights, domain.PostRead{}, 4}, // whose type it is not
		{projectors.Directory, domain.DirectoryCategory{}, 2},
		{projectors.Operations, domain.ProjectionPaused{}, 1},
	} {
		b.run(b.engine(c.projector, b.olderBinary(c.unknown)))
		require.Len(t, b.parked(c.projector.Name), c.parked, c.projector.Name)
		newer := b.engine(c.projector).InBatchesOf(2) // and pages of two
		stop := b.start(newer)
		b.awaitStatus(newer, func(s operator.Projection) bool { return s.Parked == 0 })
		stop()
		b.sameFromZero(c.projector)
	}
}
