package projections_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
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

	for want, f := range map[string]projections.ParkedFilter{
		"by reason": {Reason: fold.ReasonUndecodable}, "by id": {IDs: ids[:1]}, "by limit": {Limit: 1},
	} {
		found, _ := l.list(f)
		require.Equal(t, ids[:1], found, want)
	}
	found, _ := l.list(projections.ParkedFilter{Stream: agencyA, After: ids[0], State: projections.ParkedWaits})
	require.Equal(t, ids[1:], found)
	for _, f := range []projections.ParkedFilter{{Stream: agencyB}, {Type: "x"}, {State: projections.ParkedSkipped}, {Projection: "directory"}} {
		found, _ := l.list(f)
		require.Empty(t, found)
	}
	_, err := projections.ListParked(t.Context(), l.db.Pool, projections.ParkedFilter{IDs: []string{"dashboards"}})
	requireCode(t, domain.CodeInvalid, err)
}

// A newer binary retries in bulk what an older one could not write: by stream, then by type.
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
	require.Equal(t, 2, b.retry(e, projections.ParkedFilter{Type: eventType}).Folded)
	require.Empty(t, b.parked("post_insights"))
	b.sameFromZero(projectors.PostInsights{})
}

// An acknowledgement is a note: tables and the reason stay, a later generation has it too, and the next record of the
// key mends a directory all the same.
func TestAcknowledgedEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	bad := b.put(withValue(b.encode(category(1, "x")), `{`))
	var first, second bytes.Buffer // read when the engines have ended
	errorsTo := func(into io.Writer) func(*projections.Config) {
		return func(c *projections.Config) {
			c.Logger = slog.New(slog.NewTextHandler(into, &slog.HandlerOptions{Level: slog.LevelError}))
		}
	}
	e := b.engine(projectors.Directory{}, errorsTo(&first))
	stop := b.start(e)
	b.caughtUp(e)
	noted, err := e.AcknowledgeParked(t.Context(), projections.ParkedFilter{Type: domain.DirectoryCategory{}.EventType()})
	require.NoError(t, err)
	require.Equal(t, 1, noted)
	acknowledged := []parkedEvent{{bad.Partition, bad.Offset, fold.ReasonUndecodable, projections.ParkedAcknowledged}}
	require.Equal(t, acknowledged, b.parked("directory"))
	require.Len(t, b.retry(e, one("directory", bad)).Parked, 1)
	require.Equal(t, acknowledged, b.parked("directory"), "tried in vain, it stays acknowledged")
	stop()
	require.Contains(t, first.String(), "event is parked")

	b.exec("update generations set state = 'retired'")
	b.exec("update checkpoints set state = 'retired'")
	b.exec("delete from pointer")
	e = b.engine(projectors.Directory{}, errorsTo(&second))
	stop = b.start(e)
	b.caughtUp(e)
	require.Equal(t, append(acknowledged, acknowledged...), b.parked("directory"))

	b.append(category(1, "mended"))
	b.caughtUp(e)
	require.Equal(t, acknowledged, b.parked("directory"), "that of the retired generation")
	require.Equal(t, 1, b.count("select count(*) from lb_directory_g2.tDefaultCategories where name = 'mended'"))
	stop()
	require.NotContains(t, second.String(), "event is parked", "it was told once")
}

// Payloads are masked unless they are asked for.
func TestInspectParkedEvent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	half := b.put(withValue(b.encode(category(1, "x")), `{"name":"secret`))
	whole := b.put(withValue(b.encode(category(2, "x")), `{"id":"not a number","name":["secret",{"n":7}]}`))
	e := b.engine(projectors.Directory{})
	b.run(e)
	inspect := func(p domain.Position, unmasked bool) projections.ParkedRecord {
		r, err := e.InspectParked(t.Context(), parkedAs("directory", p), unmasked)
		require.NoError(t, err)
		return r
	}
	require.JSONEq(t, `{"id":"***","name":["***",{"n":7}]}`, string(inspect(whole, false).Payload))
	require.JSONEq(t, `{"id":"not a number","name":["secret",{"n":7}]}`, string(inspect(whole, true).Payload))
	require.JSONEq(t, `null`, string(inspect(half, false).Payload))
	require.JSONEq(t, `"{\"name\":\"secret"`, string(inspect(half, true).Payload))
	r := inspect(half, false)
	require.True(t, r.Masked)
	require.Equal(t, 15, r.Bytes)
	require.Contains(t, r.Headers, operator.RecordHeader{Key: "ce_type", Value: domain.DirectoryCategory{}.EventType()})
	require.Equal(t, fold.ReasonUndecodable, r.Reason)
	raw, err := json.Marshal(r)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "secret")
	_, err = e.InspectParked(t.Context(), "directory-0-999", false)
	requireCode(t, domain.CodeNotFound, err)
}
