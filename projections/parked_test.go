package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

func (b *bench) list(f projections.ParkedFilter) (ids []string, all []projections.ParkedEvent) {
	b.t.Helper()
	all, err := projections.ListParked(b.ctx(), b.db.Pool, f)
	require.NoError(b.t, err)
	for _, p := range all {
		ids = append(ids, p.ID)
	}
	return ids, all
}

// The list says what is parked, why, and how many wait behind it.
func TestListOfParkedEvents(t *testing.T) {
	t.Parallel()
	l := followLive(t)
	l.set("u1")
	bad := l.put(l.spoilt(`{`))
	second, third := l.set("u2"), l.set("u3")
	ids, all := l.list(projections.ParkedFilter{Projection: "dashboards"})
	require.Equal(t, []string{parkedAs("dashboards", bad), parkedAs("dashboards", second), parkedAs("dashboards", third)}, ids)
	require.Equal(t, []int64{2, 0, 0}, []int64{all[0].Behind, all[1].Behind, all[2].Behind})
	require.Equal(t, bad, all[0].Position())
	require.Equal(t, agencyA, all[0].Stream)
	require.Equal(t, domain.DashboardUsersChanged{}.EventType(), all[0].Type)
	require.NotEmpty(t, all[0].EventID)
	require.NotNil(t, all[0].EventTime, "the headers have it, whatever is wrong with the payload")

	for want, f := range map[string]projections.ParkedFilter{"by id": {IDs: ids[:1]}, "by limit": {Limit: 1}} {
		found, _ := l.list(f)
		require.Equal(t, ids[:1], found, want)
	}
	found, _ := l.list(projections.ParkedFilter{Stream: agencyA, After: ids[0], State: projections.ParkedWaits})
	require.Equal(t, ids[1:], found)
	for _, f := range []projections.ParkedFilter{{Stream: agencyB}, {State: projections.ParkedSkipped}, {Projection: "directory"}} {
		found, _ := l.list(f)
		require.Empty(t, found)
	}
	_, err := projections.ListParked(t.Context(), l.db.Pool, projections.ParkedFilter{IDs: []string{"dashboards"}})
	requireCode(t, domain.CodeInvalid, err)
}

// A newer binary retries in bulk what an older one could not write: of a stream, then all.
func TestRetryInBulk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	eventType := domain.PostRead{}.EventType()
	b.append(postRead(1, 1), postRead(1, 2), postRead(2, 1), postRead(2, 2), accountRead(1, 1))
	b.run(b.engine(projectors.PostInsights{}, b.olderBinary(domain.NewRegistry().Without(eventType))))
	require.Len(t, b.parked("post_insights"), 4)
	e := b.engine(projectors.PostInsights{}).InBatchesOf(1)
	require.Equal(t, 2, b.retry(e, projections.ParkedFilter{Stream: "1"}).Folded)
	require.Len(t, b.parked("post_insights"), 2)
	require.Equal(t, 2, b.retry(e, projections.ParkedFilter{}).Folded)
	require.Empty(t, b.parked("post_insights"))
	b.sameFromZero(projectors.PostInsights{})
}

// A skip where nothing waits is a note in the row: tables and the reason stay, a later generation has it too, and the next
// record of the key repairs a directory all the same.
func TestSkippedWhereNothingWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	bad := b.put(withValue(b.encode(category(1, "x")), `{`))
	e := b.engine(projectors.Directory{})
	stop := b.follow(e)
	require.NoError(t, e.SkipParked(t.Context(), parkedAs("directory", bad)))
	left := []parkedEvent{{bad.Partition, bad.Offset, fold.ReasonUndecodable, "left_out"}}
	require.Equal(t, left, b.parked("directory"))
	listed, err := projections.ListParked(t.Context(), b.db.Pool, one("directory", bad))
	require.NoError(t, err)
	require.Equal(t, projections.ParkedSkipped, listed[0].State)
	require.Empty(t, b.retry(e, one("directory", bad)).Parked, "it is not tried again")
	stop()

	b.exec("update generations set state = 'retired'")
	b.exec("update checkpoints set state = 'retired'")
	e = b.engine(projectors.Directory{})
	b.follow(e)
	require.Equal(t, append(left, left...), b.parked("directory"))

	b.append(category(1, "mended"))
	b.caughtUp(e)
	require.Equal(t, left, b.parked("directory"), "that of the retired generation")
	require.Equal(t, 1, b.count("select count(*) from lb_directory_g2.tDefaultCategories where name = 'mended'"))
}

// The record is shown as it stands in the log.
func TestInspectParkedEvent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	half := b.put(withValue(b.encode(category(1, "x")), `{"name":"half`))
	whole := b.put(withValue(b.encode(category(2, "x")), `{"id":"not a number","name":["x",{"n":7}]}`))
	e := b.engine(projectors.Directory{})
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
	requireCode(t, domain.CodeNotFound, err)
}

// What another version has parked, or tables that are being made, refuses no command of those who read these tables.
func TestParkedInAnotherGenerationRefusesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stream := b.chain(agencyA)
	b.put(stream.next(stream.usersSet(client1, "u0")))
	e := b.engine(dashboards)
	b.follow(e)
	partition := b.partitionOf(domain.TopicDashboards, agencyA)
	park := func(generation int) {
		b.exec(`insert into parked select 'dashboards', $3::int, $2, 0, $1, 'x', 'x', now(), 'refused', 'a slip', 'parked'`, agencyA, partition, generation)
	}
	pool, err := pg.Open(b.ctx(), pg.Config{URL: b.db.URL, SearchPath: tables.Views(), Name: "reads"})
	require.NoError(t, err)
	defer pool.Close()
	refusal := func() string {
		reads := readmodels.NewDashboards(readmodels.DashboardsConfig{Pool: pool, Progress: pg.NewProgress()})
		view, err := reads.Load(b.ctx(), domain.FactsNeed{ParentAccount: agencyA, Primary: client1, Partition: partition})
		require.NoError(t, err)
		return view.Refusal
	}
	park(b.another(e))
	require.Empty(t, refusal())
	park(1)
	require.Contains(t, refusal(), "parked")
}
