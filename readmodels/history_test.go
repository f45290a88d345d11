package readmodels_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

func TestHistoryEntryHasNamesAndHash(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	none, without := asked(p, (*history.History).Entries, history.Query{ParentAccount: agencyA, Limit: 10})
	require.Empty(t, none)
	require.NotNil(t, none, "an empty list, not null")
	require.Equal(t, history.EntriesMeta{}, without)
	refused(p, domain.CodeInvalid, (*history.History).Entries, history.Query{ParentAccount: agencyA, Limit: 1, Cursor: "x"})
	_, _, err := p.history.State(t.Context(), history.Query{ParentAccount: agencyA, Dashboard: north})
	require.ErrorIs(t, err, domain.ErrDashboardNotFound)

	require.True(t, p.put(stella, domain.UpdateDashboard{Primary: north, SubAccountIDs: &[]string{south}, Users: &[]string{nina, stan}}))
	entries, meta := asked(p, (*history.History).Entries, history.Query{ParentAccount: agencyA, Dashboard: south, Limit: 10})
	require.Len(t, entries, 1)
	e := entries[0]
	require.Equal(t, []string{p.hashOf(agencyA, 1), "Name of 5a", "agency", "r-5a", "South", "North", "dashboard.accounts_linked.v1"},
		[]string{e.Hash, *e.Actor.Name, e.Role, e.RequestID, *e.Dashboard.Name, *e.Changes.AccountsLinked[0].Name, e.Type})
	require.NotEmpty(t, e.CommandID)
	require.Nil(t, e.OnBehalfOf)
	require.Nil(t, e.Before)
	require.True(t, e.Changes.Created)
	require.Len(t, e.Changes.UsersAdded, 2)
	require.EqualValues(t, 1, meta.AsOf.Version)
	require.Equal(t, e.Time, *meta.AsOf.Time)
}

// The log has ids and the directory has names; an erased user appears only as an id.
func TestErasedPeopleAppearAsIDsInHistory(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	p.put(stella, domain.UpdateDashboard{Primary: north, Users: &[]string{nina}})
	require.NoError(t, p.Append(t.Context(), commands.EraseDraft(domain.KindUser, nina, time.Now())))
	require.NoError(t, p.Append(t.Context(), commands.EraseDraft(domain.KindUser, stella, time.Now())))
	entries, _ := asked(p, (*history.History).Entries, history.Query{ParentAccount: agencyA, Limit: 10})
	require.Equal(t, history.Named{ID: stella}, entries[0].Actor)
	require.Equal(t, []history.Named{{ID: nina}}, entries[0].Changes.UsersAdded)
	access, _, err := p.history.Access(t.Context(), history.Query{ParentAccount: agencyA, Dashboard: north, User: nina})
	require.NoError(t, err, "listed users can be queried after the erasure")
	require.True(t, access.Listed.Value)
	require.Equal(t, history.Named{ID: nina}, access.User)
	p.open(agencyA, stan, south)
	access, _, err = p.history.Access(t.Context(), history.Query{ParentAccount: agencyA, Dashboard: south, User: nina})
	require.NoError(t, err, "also for the agency's other dashboards")
	require.False(t, access.Listed.Value)
}

// Neither entries nor names of one agency appear in the other.
func TestHistoryIsLimitedToOneAgency(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	p.open(agencyA, stella, north)
	p.open(agencyB, ben, abroad)
	entries, _ := asked(p, (*history.History).Entries, history.Query{ParentAccount: agencyA, Limit: 10})
	require.Len(t, entries, 1)
	for _, user := range []string{bea, "ffffffffffffffffffffffff"} {
		_, _, err := p.history.Access(t.Context(), history.Query{ParentAccount: agencyA, Dashboard: north, User: user})
		require.ErrorIs(t, err, history.ErrUserNotFound, "a user of another agency looks like an unknown one")
	}
	// The name of a user moves with the user to another agency.
	p.put(stella, domain.UpdateDashboard{Primary: north, Users: &[]string{nina}})
	p.Put(t, domain.DirectoryUser{ID: nina, AccountID: abroad, Name: "Nina elsewhere", Active: true})
	state, _ := asked(p, (*history.History).State, history.Query{ParentAccount: agencyA, Dashboard: north})
	require.Equal(t, []history.Named{{ID: nina}}, state.State.Users)
}

func TestStateOutsideHistoryIsAnError(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	p.open(agencyA, stella, south)
	p.open(agencyA, stella, north)
	begun := p.oracle(agencyA)[1].at
	state := func(at history.Moment) (history.StateAnswer, error) {
		answer, _, err := p.history.State(t.Context(), history.Query{ParentAccount: agencyA, Dashboard: north, At: at})
		return answer, err
	}
	for text, at := range map[string]history.Moment{
		"has existed since " + begun.Format(time.RFC3339Nano) + " (version 2)": {Time: begun.Add(-time.Microsecond)},
		"did not exist at v1": {Version: 1},
		"ends with version 2": {Version: 3},
	} {
		_, err := state(at)
		require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
		require.ErrorContains(t, err, text)
	}
	// an instant in the future means the current state, and the answer says so
	for _, at := range []time.Time{begun, begun.AddDate(10, 0, 0)} {
		answer, err := state(history.Moment{Time: at})
		require.NoError(t, err)
		require.EqualValues(t, 2, answer.AsOf.Version)
	}
}

// A skip is an entry of the agency's history, and of no dashboard. Until then the auditor is informed
// that a record is in the log but not in the tables.
func TestSkipAppearsInHistory(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	p.put(stella, domain.UpdateDashboard{Primary: north, Users: &[]string{nina}})
	p.open(agencyA, stella, south)
	ledgertest.Exec(t, p.DB.Pool, `update streams set version = 3, stopped_at = 3 where stream_key = $1`, agencyA) // it could not be folded
	_, state := asked(p, (*history.History).State, history.Query{ParentAccount: agencyA, Dashboard: north})
	require.Contains(t, state.Incomplete, "1 record of this stream could not be processed")
	require.Zero(t, state.LeftOut)
	ledgertest.Exec(t, p.DB.Pool, "update streams set version = 5")
	_, state = asked(p, (*history.History).State, history.Query{ParentAccount: agencyA, Dashboard: north})
	require.Contains(t, state.Incomplete, "3 records of this stream are in the log")
	ledgertest.Exec(t, p.DB.Pool, "update streams set version = 2, stopped_at = 3") // version 3 breaks the chain
	_, state = asked(p, (*history.History).State, history.Query{ParentAccount: agencyA, Dashboard: north})
	require.Contains(t, state.Incomplete, "an unknown number", "not 1")
	ledgertest.Exec(t, p.DB.Pool, "update streams set version = 2, stopped_at = null")
	skip, draft := p.skip()
	_, state = asked(p, (*history.History).State, history.Query{ParentAccount: agencyA, Dashboard: north})
	require.Empty(t, state.Incomplete)
	require.Equal(t, int64(1), state.LeftOut)
	p.put(stella, domain.UpdateDashboard{Primary: north, Users: &[]string{}})

	q := history.Query{ParentAccount: agencyA, Limit: 10}
	entries, meta := asked(p, (*history.History).Entries, q)
	require.Equal(t, []any{int64(1), int64(5)}, []any{meta.LeftOut, meta.AsOf.Version})
	require.Len(t, entries, 4)
	e := entries[1]
	require.Equal(t, []any{int64(4), "system:operator", "operator", &skip, p.hashOf(agencyA, 4), draft.Envelope.Time},
		[]any{e.Version, e.Actor.ID, e.Role, e.Skip, e.Hash, e.Time})
	require.Nil(t, e.Dashboard)
	require.Nil(t, e.After)
	require.Equal(t, history.Differences{
		AccountsLinked: []history.Named{}, AccountsUnlinked: []history.Named{}, UsersAdded: []history.Named{}, UsersRemoved: []history.Named{},
		ScopesAdded: []string{}, ScopesRemoved: []string{}, MainPOCAdded: []history.Named{}, MainPOCRemoved: []history.Named{},
	}, e.Changes)
	require.Empty(t, e.Access.Lost)

	for i := range entries { // pages of one entry
		q.Limit = 1
		page, meta := asked(p, (*history.History).Entries, q)
		require.Equal(t, entries[i:i+1], page)
		q.Cursor = meta.NextCursor
	}
	for want, q := range map[int]history.Query{
		1: {Actor: "system:operator"}, 2: {Dashboard: north}, 3: {User: nina}, 4: {Account: south},
	} {
		q.ParentAccount, q.Limit = agencyA, 10
		found, _ := asked(p, (*history.History).Entries, q)
		skips := slices.DeleteFunc(found, func(e history.HistoryEntry) bool { return e.Skip == nil })
		require.Equal(t, want == 1, len(skips) == 1, want)
	}
	diffs, _ := asked(p, (*history.History).Diffs, history.Query{ParentAccount: agencyA, From: history.Moment{Version: 2}, Limit: 10})
	require.Len(t, diffs, 1)
	require.Equal(t, north, diffs[0].Dashboard.ID)
	spans, _ := asked(p, (*history.History).Spans, history.Query{ParentAccount: agencyA, Limit: 10})
	for _, s := range spans {
		require.NotEmpty(t, s.Dashboard.ID)
	}
}

// repeat adds copies of the first entry as the versions first to last, a second apart.
func (p *past) repeat(first, last int) {
	p.t.Helper()
	ledgertest.Exec(p.t, p.DB.Pool, `
		insert into dashboard_history select parent_account, sub_account_id, n, event_id, event_type, time + n * interval '1 s',
			actor, role, on_behalf_of, command_id, request_id, hash, document_id, sub_account_ids, users_count, main_poc,
			allow_client_dashboard, scopes, created_at, updated_at, changed
		from dashboard_history, generate_series($1::int, $2::int) n where version = 1`, first, last)
}

// A filter without matches examines a limited number of entries, and returns a cursor.
func TestFilteredPagesAreBounded(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	p.open(agencyA, stella, north)
	p.repeat(2, 25001)
	q := history.Query{ParentAccount: agencyA, Actor: stan, Limit: 10}
	page, meta := asked(p, (*history.History).Entries, q)
	require.Empty(t, page)
	require.NotEmpty(t, meta.NextCursor)
	began := p.oracle(agencyA)[0].at
	q.Cursor = meta.NextCursor
	page, meta = asked(p, (*history.History).Entries, q)
	require.Empty(t, page)
	require.Empty(t, meta.NextCursor)

	// The search for the next match is limited too.
	ledgertest.Exec(t, p.DB.Pool, "update dashboard_history set actor = $1 where version = 25001", stan)
	for seconds, found := range map[int]bool{4_000: false, 6_000: true} {
		to := began.Add(time.Duration(seconds) * time.Second)
		_, meta = asked(p, (*history.History).Entries, history.Query{ParentAccount: agencyA, Actor: stan, Limit: 10, To: history.Moment{Time: to}})
		require.Equal(t, found, meta.NextAt != nil, seconds)
	}
}

// All pages show the prefix of the stream that the first one showed, and a cursor belongs to its query.
func TestHistoryPagesShowOnePrefix(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	p.open(agencyA, stella, north)
	p.repeat(2, 5)
	for i, ascending := range []bool{true, false} {
		q, head := history.Query{ParentAccount: agencyA, Ascending: ascending, Limit: 2}, 5+4*i
		var versions []int64
		for {
			page, meta := asked(p, (*history.History).Entries, q)
			require.EqualValues(t, head, meta.AsOf.Version)
			for _, e := range page {
				versions = append(versions, e.Version)
			}
			if q.Cursor == "" {
				p.repeat(head+1, head+4)
			}
			if q.Cursor = meta.NextCursor; q.Cursor == "" {
				break
			}
			other := q
			other.Ascending = !ascending
			refused(p, domain.CodeInvalid, (*history.History).Entries, other)
		}
		if !ascending {
			slices.Reverse(versions)
		}
		require.Len(t, versions, head)
		require.True(t, slices.IsSorted(versions))
	}
}

// Reads and exports are recorded, and visible only to the agency.
func TestAuditReadsAreListedOnlyForTheAgency(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	audit := &commands.Audit{Log: p, Now: p.tick, Logger: slog.New(slog.DiscardHandler)}
	for i := range 5 {
		caller := commands.Caller{ParentAccount: agencyA, UserID: stella, Role: "auditor", RequestID: fmt.Sprint("r", i)}
		read := domain.AuditRead{What: domain.AuditState, Dashboard: north, AsOf: int64(i), Filter: domain.AuditFilter{At: "v1", User: stan}}
		require.NoError(t, audit.RecordRead(t.Context(), caller, read))
	}
	require.NoError(t, audit.RecordExport(t.Context(), commands.Caller{ParentAccount: agencyA, UserID: stan, Role: "agency", RequestID: "x"},
		domain.AuditExported{Format: "csv", AsOf: 9}))
	require.NoError(t, audit.RecordRead(t.Context(), commands.Caller{ParentAccount: agencyB, UserID: ben, Role: "agency", RequestID: "b"},
		domain.AuditRead{What: domain.AuditHistory}))
	require.NoError(t, p.Append(t.Context(), commands.NewDraft(domain.TopicOperations, agencyA,
		domain.ConnectionStateChanged{ConnectionID: 1, Platform: domain.Facebook, Code: domain.StatusRefused}, p.now)))

	reads := &history.History{Pool: p.DB.ReadOnly}
	query := history.Query{ParentAccount: agencyA, Limit: 4}
	var requests []string
	for {
		page, meta, err := reads.Reads(t.Context(), query)
		require.NoError(t, err)
		for _, e := range page {
			requests = append(requests, e.RequestID)
		}
		require.Empty(t, meta.Incomplete)
		if query.Cursor = meta.NextCursor; query.Cursor == "" {
			break
		}
	}
	require.Equal(t, []string{"x", "r4", "r3", "r2", "r1", "r0"}, requests, "newest first, reads only, own agency only")

	page, _, err := reads.Reads(t.Context(), history.Query{ParentAccount: agencyA, Actor: stella, Limit: 1})
	require.NoError(t, err)
	e := page[0]
	require.Equal(t, "Name of 5a", *e.Actor.Name)
	require.Equal(t, []string{"auditor", "r4", "audit.read.v1"}, []string{e.Role, e.RequestID, e.Type})
	var read domain.AuditRead
	require.NoError(t, json.Unmarshal(e.Read, &read))
	require.Equal(t, domain.AuditRead{What: "state", Dashboard: north, AsOf: 4, Filter: domain.AuditFilter{At: "v1", User: stan}}, read)
	require.Equal(t, []history.Named{{ID: north, Name: new("North")}, {ID: stan, Name: new("Name of 5b")}}, e.Names)

	ledgertest.Exec(t, p.DB.Pool, `insert into dead_letters values ('operations', 1, 0, 7, $1, 'audit.read.v1', '', null, 'undecodable', '{}'),
		('operations', 1, 0, 8, $2, 'audit.read.v1', '', null, 'undecodable', '{}'),
		('operations', 1, 0, 9, $1, 'operations.operator_acted.v1', '', null, 'undecodable', '{}')`, agencyA, agencyB)
	_, meta, err := reads.Reads(t.Context(), query)
	require.NoError(t, err)
	require.Equal(t, "1 record of the list cannot be read; it is in the log but not shown here", meta.Incomplete)

	from, to := e.Time, e.Time.Add(time.Microsecond)
	page, _, err = reads.Reads(t.Context(), history.Query{ParentAccount: agencyA, From: history.Moment{Time: from}, To: history.Moment{Time: to}, Limit: 10})
	require.NoError(t, err)
	require.Len(t, page, 1)
	for _, cursor := range []string{"x", "1.2", "1.2.3.4", "-1.0.0", "1.-1.0", "a.b.c", "9223372036854775807.0.0"} {
		_, _, err := reads.Reads(t.Context(), history.Query{ParentAccount: agencyA, Limit: 1, Cursor: cursor})
		require.Equal(t, domain.CodeInvalid, domain.CodeOf(err), cursor)
	}
}

// A change to the scopes stores the scopes, not the users: linked dashboards have long lists.
func TestAChangeOfScopesStoresNoUsers(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	users := make([]string, 500)
	for i := range users {
		users[i] = fmt.Sprintf("d%023x", 977*i)
		p.Put(t, domain.DirectoryUser{ID: users[i], AccountID: north, Name: "User", Active: true})
	}
	require.True(t, p.put(stella, domain.UpdateDashboard{Primary: north, Users: &users}))
	size := func() (bytes int64) {
		require.NoError(t, p.DB.Pool.QueryRow(t.Context(), `
			select sum(pg_total_relation_size(oid)) from pg_class
			where relname in ('dashboard_preferences', 'dashboard_history', 'dashboard_listed', 'dashboard_allowed')
			  and relkind = 'r'`).Scan(&bytes))
		return bytes
	}
	before := size()
	for i := range 40 {
		require.True(t, p.put(stella, domain.UpdateDashboard{Primary: north, Scopes: &[]string{fmt.Sprint("scope", i)}}))
	}
	require.Less(t, size()-before, int64(40*len(users[0])*len(users)), "one copy of the list for each change")
	document, err := p.Queries().Document(t.Context(), agencyA, north, 2)
	require.NoError(t, err)
	require.Len(t, document.Users, len(users))
}
