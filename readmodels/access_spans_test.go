package readmodels_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/projections/write"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

// allSpans returns all spans of a query, page by page; all pages use the same prefix of the stream.
func (p *past) allSpans(t require.TestingT, q history.Query) (spans []history.AccessSpan, meta history.SpansMeta) {
	for q.Cursor = ""; ; q.Cursor = meta.NextCursor {
		page, next, err := p.history.Spans(context.Background(), q)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), q.Limit)
		if spans = append(spans, page...); q.Cursor != "" {
			require.Equal(t, []any{meta.AsOf, meta.From, meta.To}, []any{next.AsOf, next.From, next.To})
		}
		if meta = next; meta.NextCursor == "" {
			return spans, meta
		}
		require.Len(t, page, q.Limit)
	}
}

// holders returns who had access to what after a version, by folding the records one by one.
func holders(entries []known, version int64, dashboard, user string) (pairs []string) {
	for _, sub := range []string{north, south, east} {
		entry := last(entries, sub, version)
		if entry == nil || !entry.after.AllowClientDashboard || dashboard != "" && sub != dashboard {
			continue
		}
		for _, id := range entry.after.Users {
			if user == "" || id == user {
				pairs = append(pairs, fmt.Sprint(sub, id, entry.after.Scopes))
			}
		}
	}
	slices.Sort(pairs)
	return pairs
}

func drawSpansQuery(t *rapid.T) history.Query {
	q := history.Query{ParentAccount: agencyA, ByUser: rapid.Bool().Draw(t, "by user"), Limit: rapid.IntRange(1, 40).Draw(t, "limit")}
	q.Dashboard = rapid.SampledFrom([]string{"", "", north, south, east}).Draw(t, "dashboard")
	q.User = rapid.SampledFrom([]string{"", "", nina, sam, eva, stella}).Draw(t, "user")
	return q
}

// checkAllSpans compares all spans with the fold before, at and after each record that begins or ends
// them.
func (p *past) checkAllSpans(entries []known, head int64) {
	all := history.Query{ParentAccount: agencyA, Limit: 1000, From: history.Moment{Time: historyBegin}}
	whole, meta := p.allSpans(p.t, all)
	require.Greater(p.t, len(whole), 50)
	require.Nil(p.t, meta.WithoutAccess, "not for a range")
	all.From.Time = time.Unix(0, 0)
	since, _ := p.allSpans(p.t, all)
	require.Equal(p.t, whole, since, "a range that begins before the first record is not now")
	p.checkWhole(whole, entries, head)
	p.checkRanges(whole, entries)
}

func checkSpans(t *rapid.T, p *past, entries []known, head int64) {
	q := drawSpansQuery(t)
	var version int64
	q.At, version = drawMoment(t, entries, head, "at")
	spans, meta := p.allSpans(t, q)
	require.Equal(t, []int64{version, version, head}, []int64{meta.From.Version, meta.To.Version, meta.AsOf.Version})
	var got []string
	for _, s := range spans {
		got = append(got, fmt.Sprint(s.Dashboard.ID, s.User.ID, scopesOf(s)))
	}
	slices.Sort(got)
	require.Equal(t, holders(entries, version, q.Dashboard, q.User), got)
}

func scopesOf(s history.AccessSpan) []string {
	scopes := make([]string, len(s.Scopes))
	for i, scope := range s.Scopes {
		scopes[i] = scope.Scope
	}
	return scopes
}

// checkWhole compares all spans with the fold, and their reasons with the answer about one
// dashboard.
func (p *past) checkWhole(whole []history.AccessSpan, entries []known, head int64) {
	t := p.t
	for _, s := range whole {
		holds := func(version int64) bool {
			entry := last(entries, s.Dashboard.ID, version)
			return entry != nil && entry.after.AllowClientDashboard && slices.Contains(entry.after.Users, s.User.ID) && slices.Equal(entry.after.Scopes, scopesOf(s))
		}
		end := head + 1
		if s.EndedBy != nil {
			end = s.EndedBy.Version
			require.Equal(t, s.EndedBy.Time, *s.To)
			require.False(t, holds(end))
		}
		require.False(t, holds(s.BeganBy.Version-1))
		for version := s.BeganBy.Version; version < end; version++ {
			require.True(t, holds(version), "%+v at %d", s, version)
		}
		for _, scope := range s.Scopes {
			require.LessOrEqual(t, scope.GivenBy.Version, s.BeganBy.Version)
		}
		require.GreaterOrEqual(t, s.BeganBy.Version, max(s.ListedBy.Version, s.AllowedBy.Version))
		require.Equal(t, s.BeganBy.Time, s.From)
		for _, r := range []history.Record{s.BeganBy, s.ListedBy, s.AllowedBy} {
			entry := last(entries, s.Dashboard.ID, r.Version)
			require.Equal(t, []any{entry.version, entry.at, entry.eventType, entry.actor}, []any{r.Version, r.Time, r.Type, r.Actor.ID})
			require.Equal(t, p.hashOf(agencyA, r.Version), r.Hash)
		}
		// The reason equals the answer of the endpoint for one dashboard.
		one, _, err := p.history.Access(t.Context(), history.Query{
			ParentAccount: agencyA, Dashboard: s.Dashboard.ID, User: s.User.ID, At: history.Moment{Version: end - 1},
		})
		require.NoError(t, err)
		require.Equal(t, []history.Record{one.Listed.DecidedBy, one.Allowed.DecidedBy}, []history.Record{s.ListedBy, s.AllowedBy})
		require.Equal(t, one.Role, s.Role)
	}
}

func (p *past) checkRanges(whole []history.AccessSpan, entries []known) {
	rapid.Check(p.t, func(t *rapid.T) {
		q := drawSpansQuery(t)
		edge := func(label string) (m history.Moment) {
			if rapid.IntRange(0, 3).Draw(t, label+" open") == 0 {
				return m
			}
			m.Time = entries[rapid.IntRange(0, len(entries)-1).Draw(t, label)].at.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, label+" µs")) * time.Microsecond)
			return m
		}
		if q.From, q.To = edge("from"), edge("to"); q.From.IsZero() && q.To.IsZero() {
			q.From.Time = historyBegin
		}
		if !q.To.IsZero() && q.From.Time.After(q.To.Time) {
			t.Skip("no range")
		}
		spans, _ := p.allSpans(t, q)
		want := []history.AccessSpan{}
		for _, s := range whole {
			if (q.Dashboard == "" || q.Dashboard == s.Dashboard.ID) && (q.User == "" || q.User == s.User.ID) &&
				(q.To.IsZero() || s.From.Before(q.To.Time)) && (s.To == nil || s.To.After(q.From.Time)) {
				want = append(want, s)
			}
		}
		if q.ByUser {
			slices.SortStableFunc(want, func(a, b history.AccessSpan) int {
				return slices.Compare([]string{a.User.ID, a.Dashboard.ID}, []string{b.User.ID, b.Dashboard.ID})
			})
		}
		key := func(s history.AccessSpan) string {
			return fmt.Sprint(s.Dashboard.ID, s.User.ID, s.BeganBy.Version, s.To, s.ListedBy.Version, s.AllowedBy.Version)
		}
		require.Len(t, spans, len(want))
		for i := range want {
			require.Equal(t, key(want[i]), key(spans[i]))
			require.Equal(t, want[i].Scopes, spans[i].Scopes, "in a range too, scopes are those of the whole span")
		}
	})
}

// A range that ends where it begins contains who had access before and after that instant, also if
// the list changed then.
func TestAccessAtInstantOfChangeIncludesBothSides(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	for _, users := range [][]string{{nina, sam}, {nina}} {
		require.True(t, p.put(stella, domain.UpdateDashboard{Primary: north, Users: &users, AllowClientDashboard: new(true)}))
	}
	at := history.Moment{Time: p.now}
	spans, _ := asked(p, (*history.History).Spans, history.Query{ParentAccount: agencyA, From: at, To: at, Limit: 5})
	require.Len(t, spans, 1)
	require.Equal(t, nina, spans[0].User.ID)
	require.Nil(t, spans[0].To)
}

// A page continues in the prefix of the first one; erased users remain as ids.
func TestAccessSpanPagesContinueInSamePrefix(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	p.open(agencyA, stella, north)
	require.True(t, p.put(stella, domain.UpdateDashboard{Primary: north, Users: &[]string{nina, stella}, AllowClientDashboard: new(true)}))
	q := history.Query{ParentAccount: agencyA, Limit: 1}
	first, meta := asked(p, (*history.History).Spans, q)
	require.Len(t, first, 1)
	require.NotEmpty(t, meta.NextCursor)
	require.Equal(t, []string{stella, stan}, ids(meta.Staff.Users))
	require.EqualValues(t, 2, meta.Staff.UsersCount)

	require.True(t, p.put(stella, domain.UpdateDashboard{Primary: north, AllowClientDashboard: new(false)}))
	q.Cursor = meta.NextCursor
	second, again := asked(p, (*history.History).Spans, q)
	require.Equal(t, meta.AsOf, again.AsOf)
	require.Empty(t, again.NextCursor)
	require.Len(t, second, 1)
	require.Nil(t, second[0].EndedBy, "all pages use the stream of the first page")
	require.ElementsMatch(t, []string{nina, stella}, []string{first[0].User.ID, second[0].User.ID})

	q.User = nina // the cursor belongs to another query
	refused(p, domain.CodeInvalid, (*history.History).Spans, q)

	require.NoError(t, p.Append(t.Context(), commands.EntityDraft(domain.DirectoryUser{ID: stan, AccountID: agencyA}, time.Now())))
	_, meta = asked(p, (*history.History).Spans, history.Query{ParentAccount: agencyA, User: stan, Limit: 1})
	require.Empty(t, meta.Staff.Users, "inactive")
	require.NoError(t, p.Append(t.Context(), commands.EraseDraft(domain.KindUser, nina, time.Now())))
	q = history.Query{ParentAccount: agencyA, User: nina, From: history.Moment{Time: historyBegin}, Limit: 10}
	erased, meta := asked(p, (*history.History).Spans, q)
	require.Len(t, erased, 1)
	require.Equal(t, history.Named{ID: nina}, erased[0].User)
	require.Empty(t, meta.Staff.Users)
	q.From = history.Moment{}
	noSpans, _, err := p.history.Spans(t.Context(), q)
	require.NoError(t, err, "no access now, but known from the history")
	require.Empty(t, noSpans)

	for user, want := range map[string]error{eva: nil, ben: history.ErrUserNotFound, bea: history.ErrUserNotFound} {
		q.User = user
		_, meta, err = p.history.Spans(t.Context(), q)
		require.ErrorIs(t, err, want, user)
		if want == nil {
			require.Equal(t, &history.Named{ID: eva, Name: new("Name of d3")}, meta.User, "also without access")
		}
	}
	_, _, err = p.history.Spans(t.Context(), history.Query{ParentAccount: agencyA, Dashboard: abroad, Limit: 1})
	require.ErrorIs(t, err, domain.ErrDashboardNotFound)
	refused(p, domain.CodeNotFound, (*history.History).Spans,
		history.Query{ParentAccount: agencyA, At: history.Moment{Version: 99}, Limit: 1})
}

// shut returns the dashboards that no one could open after a version, with the deciding record.
func shut(entries []known, version int64, dashboard string) (list []string) {
	for _, sub := range []string{north, south, east} {
		entry := last(entries, sub, version)
		if entry == nil || entry.after.AllowClientDashboard && len(entry.after.Users) > 0 || dashboard != "" && sub != dashboard {
			continue
		}
		open := entry.after.AllowClientDashboard
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

// checkWithoutAccess finds each dashboard that no one had access to on exactly one page.
func checkWithoutAccess(t *rapid.T, p *past, entries []known, head int64) {
	q := drawSpansQuery(t)
	var version int64
	q.At, version = drawMoment(t, entries, head, "at")
	var got []string
	for next := true; next; next = q.Cursor != "" {
		_, meta, err := p.history.Spans(context.Background(), q)
		require.NoError(t, err)
		if q.User != "" || q.ByUser {
			require.Nil(t, meta.WithoutAccess, "not for one user, nor ordered by user")
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
}

// checkDifferences lists the changes between two moments per dashboard, the last changed first.
func checkDifferences(t *rapid.T, p *past, entries []known, head int64) {
	entries = slices.SortedFunc(slices.Values(entries), func(a, b known) int {
		return cmp.Or(cmp.Compare(a.version, b.version), cmp.Compare(a.sub, b.sub))
	})
	narrow := &history.History{Pool: p.DB.ReadOnly, PageIDs: 1}
	q := history.Query{ParentAccount: agencyA, Limit: rapid.IntRange(1, 4).Draw(t, "limit")}
	var from, to int64
	q.From, from = drawMoment(t, entries, head, "from")
	q.To, to = drawMoment(t, entries, head, "to")
	reader := rapid.SampledFrom([]*history.History{p.history, narrow}).Draw(t, "history")
	var got []history.DiffAnswer
	for next := true; next; next = q.Cursor != "" {
		page, meta, err := reader.Diffs(context.Background(), q)
		if from > to {
			require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
			return
		}
		require.NoError(t, err)
		require.Equal(t, to, meta.AsOf.Version)
		require.LessOrEqual(t, len(page), q.Limit)
		got, q.Cursor = append(got, page...), meta.NextCursor
	}
	var want []history.DiffAnswer
	for _, e := range slices.Backward(entries) {
		wasReported := slices.ContainsFunc(want, func(d history.DiffAnswer) bool { return d.Dashboard.ID == e.sub })
		if e.sub == "" || e.version <= from || e.version > to || wasReported {
			continue
		}
		one, _, err := p.history.Diff(context.Background(), history.Query{ParentAccount: agencyA, Dashboard: e.sub, From: q.From, To: q.To})
		require.NoError(t, err)
		want = append(want, one)
	}
	require.Equal(t, want, got)
}

// Pages continue between the moments of the first one, regardless of later changes, and exclude
// other agencies.
func TestDifferencePagesIgnoreLaterChanges(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	p.open(agencyB, ben, abroad)
	for _, account := range []string{north, south, east} {
		p.open(agencyA, stella, account)
	}
	q := history.Query{ParentAccount: agencyA, From: history.Moment{Version: 1}, Limit: 1}
	first, meta := asked(p, (*history.History).Diffs, q)
	require.Equal(t, east, first[0].Dashboard.ID)
	require.True(t, p.put(stella, domain.UpdateDashboard{Primary: north, Users: &[]string{nina}}))
	q.Cursor = meta.NextCursor
	second, meta := asked(p, (*history.History).Diffs, q)
	require.Equal(t, []any{south, int64(3), ""}, []any{second[0].Dashboard.ID, meta.AsOf.Version, meta.NextCursor})
	require.Nil(t, second[0].Before)

	q.From = history.Moment{Version: 2}
	refused(p, domain.CodeInvalid, (*history.History).Diffs, q) // a cursor of another query
	q = history.Query{ParentAccount: agencyB, Limit: 5}
	others, _ := asked(p, (*history.History).Diffs, q)
	require.Empty(t, others)
}

// The end of a span is found directly, also before the table has statistics, however often people of the dashboard came
// and went.
func TestSpanEndIsFoundWithoutReadingOtherSpans(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	p.open(agencyA, stella, north)
	for range 50 {
		for _, users := range [][]string{{nina, sam}, {sam}} {
			require.True(t, p.put(stella, domain.UpdateDashboard{Primary: north, Users: &users}))
		}
	}
	events := p.events(agencyA)
	last := events[len(events)-1] // removes nina
	ledgertest.Exec(t, p.DB.Pool, `
		with entry as (delete from dashboard_history where version = $1),
		     notice as (delete from access_notices where version = $1),
		     span as (update dashboard_listed set to_version = 9223372036854775807 where to_version = $1)
		update dashboard_preferences set users = $2, version = $1 - 1`, last.Head.Version, []string{nina, sam})
	ctx := t.Context()
	require.NoError(t, pgx.BeginFunc(ctx, p.DB.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "set local enable_seqscan = off") // the table is small
		require.NoError(t, err)
		read := func() (rows int) { // with those of earlier transactions of the session
			require.NoError(t, tx.QueryRow(ctx, `
				select coalesce(sum(seq_tup_read) + sum(idx_tup_fetch), 0)
				from pg_stat_xact_user_tables where relname = 'dashboard_listed'`).Scan(&rows))
			return rows
		}
		before := read()
		state := projectors.Dashboards.Begin(1)
		require.NoError(t, tables.Load(ctx, tx, state, []fold.Event{last}))
		require.NoError(t, state.Apply(last))
		var statements pgx.Batch
		require.NoError(t, write.Upsert(ctx, tx, &statements, func(into write.Sink) error { return state.Write(into, true) }))
		require.NoError(t, write.Send(ctx, tx, &statements))
		require.Less(t, read()-before, 10)
		var ended int
		require.NoError(t, tx.QueryRow(ctx, "select count(*) from dashboard_listed where to_version = $1", last.Head.Version).Scan(&ended))
		require.Equal(t, 1, ended)
		return nil
	}))
}
