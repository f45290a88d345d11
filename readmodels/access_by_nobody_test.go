package readmodels_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// shut are the dashboards that nobody could open after a version, with the record that decided it.
func shut(entries []known, version int64, dashboard string) (list []string) {
	for _, sub := range []string{north, south, east} {
		is := last(entries, sub, version)
		if is == nil || is.after.AllowClientDashboard && len(is.after.Users) > 0 || dashboard != "" && sub != dashboard {
			continue
		}
		open := is.after.AllowClientDashboard
		var decided int64
		for _, e := range entries {
			switch {
			case e.sub != sub || e.version > version:
			case e.after.AllowClientDashboard != open || open && len(e.after.Users) > 0:
				decided = 0
			case decided == 0:
				decided = e.version
			}
		}
		list = append(list, fmt.Sprint(sub, open, decided))
	}
	return list
}

// Beside those who had access are the dashboards to which nobody had, each on one page.
func TestDashboardsThatNobodyCouldOpen(t *testing.T) {
	t.Parallel()
	p, entries, head := wanderedPast(t)
	rapid.Check(t, func(t *rapid.T) {
		q := drawSpansQuery(t)
		var version int64
		q.At, version = drawMoment(t, entries, head, "at")
		var got []string
		for next := true; next; next = q.Cursor != "" {
			_, meta, err := p.history.Spans(context.Background(), q)
			require.NoError(t, err)
			if q.User != "" || q.ByUser {
				require.Nil(t, meta.WithoutAccess, "it is not told beside one user, nor by user")
				return
			}
			require.Len(t, meta.WithoutAccess.Dashboards, int(meta.WithoutAccess.Count))
			for _, d := range meta.WithoutAccess.Dashboards {
				by := last(entries, d.Dashboard.ID, d.DecidedBy.Version)
				require.Equal(t, []any{by.version, by.at, by.eventType, by.actor}, []any{d.DecidedBy.Version, d.DecidedBy.Time, d.DecidedBy.Type, d.DecidedBy.Actor.ID})
				require.NotNil(t, d.Dashboard.Name)
				got = append(got, fmt.Sprint(d.Dashboard.ID, d.AllowClientDashboard, d.DecidedBy.Version))
			}
			q.Cursor = meta.NextCursor
		}
		require.Equal(t, shut(entries, version, q.Dashboard), got)
	})
	_, meta, err := p.history.Spans(t.Context(), readmodels.SpansQuery{ParentAccount: agencyA, Limit: 500, From: &historyBegin})
	require.NoError(t, err)
	require.Nil(t, meta.WithoutAccess, "it is not told of a range")
}

// All that was changed between two moments is told as of one dashboard, the last change first.
func TestDifferencesOfAllDashboards(t *testing.T) {
	t.Parallel()
	p, entries, head := wanderedPast(t)
	slices.SortFunc(entries, func(a, b known) int { return cmp.Or(cmp.Compare(a.version, b.version), cmp.Compare(a.sub, b.sub)) })
	narrow := &readmodels.History{Pool: p.DB.ReadOnly, PageBytes: 1}
	rapid.Check(t, func(t *rapid.T) {
		q := readmodels.DiffsQuery{ParentAccount: agencyA, Limit: rapid.IntRange(1, 4).Draw(t, "limit")}
		var from, to int64
		q.From, from = drawMoment(t, entries, head, "from")
		q.To, to = drawMoment(t, entries, head, "to")
		history := rapid.SampledFrom([]*readmodels.History{p.history, narrow}).Draw(t, "history")
		var got []readmodels.DiffAnswer
		for next := true; next; next = q.Cursor != "" {
			page, meta, err := history.Diffs(context.Background(), q)
			if from > to {
				require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, to, meta.AsOf.Version)
			require.LessOrEqual(t, len(page), q.Limit)
			got, q.Cursor = append(got, page...), meta.NextCursor
		}
		var want []readmodels.DiffAnswer
		for _, e := range slices.Backward(entries) {
			told := slices.ContainsFunc(want, func(d readmodels.DiffAnswer) bool { return d.Dashboard.ID == e.sub })
			if e.version <= from || e.version > to || told {
				continue
			}
			one, _, err := p.history.Diff(context.Background(), readmodels.DiffQuery{ParentAccount: agencyA, Dashboard: e.sub, From: q.From, To: q.To})
			require.NoError(t, err)
			want = append(want, one)
		}
		require.Equal(t, want, got)
	})
}

// A page goes on between the moments of the first one, whatever was changed since; another agency's changes are no part of it.
func TestDifferencesGoOnWhereTheyBegan(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	p.open(agencyB, ben, abroad)
	for _, account := range []string{north, south, east} {
		p.open(agencyA, stella, account)
	}
	q := readmodels.DiffsQuery{ParentAccount: agencyA, From: readmodels.Moment{Version: 1}, Limit: 1}
	first, meta, err := p.history.Diffs(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, east, first[0].Dashboard.ID)
	require.True(t, p.put(stella, domain.UpdateDashboard{Primary: north, Users: &[]string{nina}}))
	q.Cursor = meta.NextCursor
	second, meta, err := p.history.Diffs(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, []any{south, int64(3), ""}, []any{second[0].Dashboard.ID, meta.AsOf.Version, meta.NextCursor})
	require.Nil(t, second[0].Before)

	q.From = readmodels.Moment{Version: 2}
	_, _, err = p.history.Diffs(t.Context(), q)
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err), "a cursor of another question")
	q = readmodels.DiffsQuery{ParentAccount: agencyB, Limit: 5}
	others, _, err := p.history.Diffs(t.Context(), q)
	require.NoError(t, err)
	require.Empty(t, others)
}
