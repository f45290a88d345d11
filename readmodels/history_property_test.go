package readmodels_test

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

// Every query at random moments of a random history agrees with folding its records.
func TestHistoryAgreesWithTheRecords(t *testing.T) {
	t.Parallel()
	p, entries, head := wanderedPast(t)
	require.Greater(t, len(entries), 100)
	p.checkAllSpans(entries, head)
	for name, check := range map[string]func(*rapid.T, *past, []known, int64){
		"state": checkState, "diff": checkDiff, "access": checkAccess, "pages": checkPages,
		"spans of access": checkSpans, "dashboards without access": checkWithoutAccess, "differences per dashboard": checkDifferences,
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { check(t, p, entries, head) })
		})
	}
}

var drawnDashboard = rapid.SampledFrom([]string{north, south, east})

// drawMoment draws a version or an instant, and returns the version that it reaches.
func drawMoment(t *rapid.T, entries []known, head int64, label string) (history.Moment, int64) {
	if rapid.Bool().Draw(t, label+" by version") {
		version := rapid.Int64Range(1, head).Draw(t, label)
		return history.Moment{Version: version}, version
	}
	at := entries[rapid.IntRange(0, len(entries)-1).Draw(t, label)].at.
		Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, label+" µs")) * time.Microsecond)
	return history.Moment{Time: at}, reached(entries, at)
}

// reached returns the version of the last entry at or before an instant.
func reached(entries []known, at time.Time) (version int64) {
	for _, e := range entries {
		if !e.at.After(at) {
			version = e.version
		}
	}
	return version
}

func checkState(t *rapid.T, p *past, entries []known, head int64) {
	sub := drawnDashboard.Draw(t, "dashboard")
	moment, version := drawMoment(t, entries, head, "at")
	answer, meta, err := p.history.State(context.Background(), history.Query{ParentAccount: agencyA, Dashboard: sub, At: moment})
	want := last(entries, sub, version)
	if want == nil {
		require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
		require.ErrorContains(t, err, "has existed since")
		return
	}
	require.NoError(t, err)
	requireSame(t, &want.after, plain(&answer.State))
	require.Equal(t, []any{want.version, want.at, want.actor, version},
		[]any{answer.ChangedBy.Version, answer.ChangedBy.Time, answer.ChangedBy.Actor.ID, answer.AsOf.Version})
	require.Equal(t, answer.AsOf, meta.AsOf)
}

func checkDiff(t *rapid.T, p *past, entries []known, head int64) {
	sub := drawnDashboard.Draw(t, "dashboard")
	from, fromVersion := drawMoment(t, entries, head, "from")
	to, toVersion := drawMoment(t, entries, head, "to")
	answer, _, err := p.history.Diff(context.Background(), history.Query{ParentAccount: agencyA, Dashboard: sub, From: from, To: to})
	previous, entry := last(entries, sub, fromVersion), last(entries, sub, toVersion)
	switch {
	case fromVersion > toVersion:
		require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
		return
	case entry == nil:
		require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
		return
	}
	require.NoError(t, err)
	require.Equal(t, []int64{fromVersion, toVersion}, []int64{answer.From.Version, answer.To.Version})
	requireSame(t, &entry.after, plain(&answer.After))
	var before *domain.Dashboard
	if previous != nil {
		before = &previous.after
	}
	requireSame(t, before, plain(answer.Before))
	require.Equal(t, previous == nil, answer.Changes.Created)
	lists := func(d domain.Dashboard) []any {
		return []any{d.SubAccountIDs, d.Users, d.MainPOC, d.Scopes, d.AllowClientDashboard}
	}
	require.Equal(t, lists(entry.after), lists(applied(before, sub, answer.Changes)))
	between := 0
	for _, e := range entries {
		if e.sub == sub && e.version > fromVersion && e.version <= toVersion {
			between++
		}
	}
	require.EqualValues(t, between, answer.Records)
}

// checkAccess iterates over the entries: the last change of a fact decides it.
func checkAccess(t *rapid.T, p *past, entries []known, head int64) {
	sub := drawnDashboard.Draw(t, "dashboard")
	user := rapid.SampledFrom([]string{nina, sam, eva, stella, stan}).Draw(t, "user")
	moment, version := drawMoment(t, entries, head, "at")
	answer, _, err := p.history.Access(context.Background(),
		history.Query{ParentAccount: agencyA, Dashboard: sub, User: user, At: moment})
	entry := last(entries, sub, version)
	if entry == nil {
		require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
		return
	}
	require.NoError(t, err)
	decided := func(fact func(domain.Dashboard) bool) (value bool, by int64) {
		for _, e := range entries {
			if e.sub != sub || e.version > version {
				continue
			}
			if now := fact(e.after); now != value || by == 0 {
				value, by = now, e.version
			}
		}
		return value, by
	}
	listed, by := decided(func(d domain.Dashboard) bool { return slices.Contains(d.Users, user) })
	require.Equal(t, []any{listed, by}, []any{answer.Listed.Value, answer.Listed.DecidedBy.Version})
	allowed, by := decided(func(d domain.Dashboard) bool { return d.AllowClientDashboard })
	require.Equal(t, []any{allowed, by}, []any{answer.Allowed.Value, answer.Allowed.DecidedBy.Version})
	require.Equal(t, listed && allowed, answer.Access)
	require.Len(t, answer.Scopes, len(entry.after.Scopes))
	for _, scope := range answer.Scopes {
		matched, by := decided(func(d domain.Dashboard) bool { return slices.Contains(d.Scopes, scope.Scope) })
		require.True(t, matched)
		require.Equal(t, by, scope.DecidedBy.Version)
	}
	require.Equal(t, user == stella || user == stan, answer.Role != nil)
}

// drawHistoryQuery draws filters, and returns the entries that match.
func drawHistoryQuery(t *rapid.T, entries []known) (history.Query, []known) {
	q := history.Query{ParentAccount: agencyA, Limit: rapid.IntRange(1, 60).Draw(t, "limit"), Ascending: rapid.Bool().Draw(t, "ascending")}
	maybe := func(label string, values ...string) string {
		return rapid.SampledFrom(append(values, "", "")).Draw(t, label)
	}
	q.Dashboard = maybe("dashboard", north, south, east)
	q.Actor, q.User, q.Account = maybe("actor", stella, stan), maybe("user", nina, sam), maybe("account", north, south)
	if eventType := maybe("type", "dashboard.accounts_linked.v1", "dashboard.users_changed.v1"); eventType != "" {
		q.Types = []string{eventType}
	}
	if rapid.Bool().Draw(t, "from given") {
		q.From.Time = entries[rapid.IntRange(0, len(entries)-1).Draw(t, "from")].at
	}
	if rapid.Bool().Draw(t, "to given") {
		q.To.Time = entries[rapid.IntRange(0, len(entries)-1).Draw(t, "to")].at
	}
	var want []known
	for _, e := range entries {
		if matches(q, e) {
			want = append(want, e)
		}
	}
	if !q.Ascending {
		slices.Reverse(want)
	}
	return q, want
}

func matches(q history.Query, e known) bool {
	if e.sub == "" && q.User+q.Account != "" {
		return false // a skip changes no access and no link
	}
	previous := domain.Dashboard{SubAccountIDs: []string{e.sub}}
	if e.before != nil {
		previous = *e.before
	}
	changed := func(before, after []string, id string) bool {
		return slices.Contains(before, id) != slices.Contains(after, id)
	}
	linked := changed(previous.SubAccountIDs, e.after.SubAccountIDs, q.Account)
	if q.Account == e.sub {
		linked = !slices.Equal(previous.SubAccountIDs, e.after.SubAccountIDs)
	}
	sees := func(d domain.Dashboard) []any {
		switch {
		case !slices.Contains(d.Users, q.User):
			return nil
		case !d.AllowClientDashboard:
			return []any{"listed"}
		}
		return []any{"open", d.Scopes, d.SubAccountIDs}
	}
	return (q.Dashboard == "" || q.Dashboard == e.sub) && (q.Actor == "" || q.Actor == e.actor) &&
		(len(q.Types) == 0 || slices.Contains(q.Types, e.eventType)) &&
		(q.User == "" || !reflect.DeepEqual(sees(previous), sees(e.after))) && (q.Account == "" || linked) &&
		!e.at.Before(q.From.Time) && (q.To.IsZero() || e.at.Before(q.To.Time))
}

func checkPages(t *rapid.T, p *past, entries []known, head int64) {
	q, want := drawHistoryQuery(t, entries)
	var next *time.Time
	if !q.To.IsZero() && !q.Ascending {
		after := q
		after.To = history.Moment{}
		i := slices.IndexFunc(entries, func(e known) bool { return !e.at.Before(q.To.Time) && matches(after, e) })
		if i >= 0 {
			next = &entries[i].at
		}
	}
	reader, most := p.history, q.Limit
	if rapid.Bool().Draw(t, "narrow") { // a page ends early if its documents have too many ids
		reader, most = &history.History{Pool: p.DB.ReadOnly, PageIDs: 1}, 1
	}
	var got []history.HistoryEntry
	for {
		page, meta, err := reader.Entries(context.Background(), q)
		require.NoError(t, err)
		require.Equal(t, next, meta.NextAt)
		next = nil // only on the first page
		require.LessOrEqual(t, len(page), most)
		require.Equal(t, head, meta.AsOf.Version)
		got = append(got, page...)
		if q.Cursor = meta.NextCursor; q.Cursor == "" {
			break
		}
		require.NotEmpty(t, page, "a page with a next one is not empty here")
	}
	requireEntries(t, want, got)
}

func requireEntries(t *rapid.T, want []known, got []history.HistoryEntry) {
	require.Len(t, got, len(want))
	for i, e := range want {
		require.Equal(t, []any{e.version, e.at, e.eventType, e.actor},
			[]any{got[i].Version, got[i].Time, got[i].Type, got[i].Actor.ID})
		if e.sub == "" {
			require.NotNil(t, got[i].Skip)
			continue
		}
		require.Equal(t, e.sub, got[i].Dashboard.ID)
		requireSame(t, e.before, plain(got[i].Before))
		requireSame(t, &e.after, plain(got[i].After))
		require.Equal(t, e.after.Users, applied(e.before, e.sub, got[i].Changes).Users)
		require.Equal(t, e.after.SubAccountIDs, applied(e.before, e.sub, got[i].Changes).SubAccountIDs)
	}
}
