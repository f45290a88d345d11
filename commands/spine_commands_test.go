package commands_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

const manyAccounts = 60

func numbered(i int) string { return fmt.Sprintf("c9%022x", i) }

// The whole path, once: decided on the directory's facts, appended, folded, answered from the
// tables.
func TestTheWholeWay(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	p := s.process()
	opened, err := p.Open(t.Context(), commands.OpenDashboard{Caller: put(north).Caller, SubAccount: north})
	require.NoError(t, err)
	require.Equal(t, []string{sam}, opened.Dashboard.MainPOC, "managed orders alone")
	require.Equal(t, []string{"posts"}, opened.Dashboard.Scopes)
	result := update(t, p, put(north, links(south), users(nina, sam)))
	require.Equal(t, []string{north, south}, result.Dashboard.SubAccountIDs)
	require.Equal(t, []string{sam}, result.Dashboard.MainPOC)
	require.Equal(t, int64(2), result.Dashboard.Version)
	require.True(t, result.Dashboard.UpdatedAt.After(result.Dashboard.CreatedAt))
	again, err := p.Open(t.Context(), commands.OpenDashboard{Caller: put(north).Caller, SubAccount: south})
	require.NoError(t, err)
	require.Empty(t, again.Dashboard.MainPOC, "south has no managed order")
	for _, u := range []commands.UpdateDashboard{put(agency), put("c80000000000000000000000"), put(north, users("d90000000000000000000000"))} {
		_, err := p.Update(t.Context(), u)
		require.Error(t, err)
	}
	head, verdicts := s.judged()
	require.Equal(t, int64(2), head.Version)
	require.Equal(t, map[eventlog.Verdict]int{eventlog.Effective: 2}, verdicts)
}

// Rule 9: two processes that change overlapping sets lose no update; versions are gapless.
func TestTwoRealProcessesLoseNoUpdate(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	other := s.openLog()
	processes := []*commands.Dashboards{s.process(), s.process(func(c *commands.DashboardsConfig) { c.Log = other })}
	var group sync.WaitGroup
	var acknowledged atomic.Int64
	for i := range manyAccounts {
		group.Go(func() {
			primary := []string{north, south}[i%2]
			result, err := processes[i%2].Update(context.Background(), put(primary, links(numbered(i), east)))
			if err != nil {
				t.Error(err)
				return
			}
			acknowledged.Add(1)
			if result.Dashboard.SubAccountID != primary {
				t.Errorf("answered with %s", result.Dashboard.SubAccountID)
			}
		})
	}
	group.Wait()
	require.Equal(t, int64(manyAccounts), acknowledged.Load())
	s.settle(s.engine)
	var sets, linked int
	require.NoError(t, s.db.Pool.QueryRow(t.Context(), `
		select count(distinct sub_account_ids), max(cardinality(sub_account_ids)) from dashboard_preferences where parent_account = $1`, agency).
		Scan(&sets, &linked))
	require.Equal(t, 1, sets, "no half-merged set")
	require.Equal(t, manyAccounts+3, linked, "every acknowledged link is there")

	head, verdicts := s.judged()
	require.Zero(t, verdicts[eventlog.Broken])
	require.Equal(t, int64(verdicts[eventlog.Effective]), head.Version, "versions are gapless")
	require.Eventually(t, func() bool { // they are counted after the commit
		status, err := s.engine.Status(context.Background())
		return err == nil && status.Stale == int64(verdicts[eventlog.Stale]) && status.Parked == 0
	}, patience, 10*time.Millisecond)
	var version int64
	require.NoError(t, s.db.Pool.QueryRow(t.Context(), "select version from dashboard_heads where parent_account = $1", agency).Scan(&version))
	require.Equal(t, head.Version, version)
	t.Logf("%d effective, %d stale", verdicts[eventlog.Effective], verdicts[eventlog.Stale])
}

// Refused with a reason while the projection is paused or rebuilding, or the stream parked.
func TestRealRefusals(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	p := s.process()
	update(t, p, put(north, users(nina)))
	before := s.appended()
	s.stop() // it would make what is being rebuilt live again, at its next look
	for _, c := range []struct{ name, reason, set, clear string }{
		{
			"paused", "paused", `insert into kept.pauses values ('projection', 'dashboards', now(), 'a', 'test', '')`,
			`delete from kept.pauses`,
		},
		{
			"rebuilding from zero", "rebuilt", `update checkpoints set state = 'building' where projection = 'dashboards'`,
			`update checkpoints set state = 'live' where projection = 'dashboards'`,
		},
		{
			"parked", "parked", `insert into parked values ('dashboards', 1, 0, 99, '` + agency + `', 't', 'e', null, 'undecodable', 'd', 'parked')`,
			`update parked set state = 'skipped'`,
		},
	} {
		s.exec(c.set)
		for _, u := range []commands.UpdateDashboard{put(north, users(sam)), put(north, users(nina))} { // a change, and none
			_, err := p.Update(t.Context(), u)
			e := asError(t, err)
			require.Equal(t, domain.CodeUnavailable, e.Code, c.name)
			require.Contains(t, e.Message, c.reason)
			require.Contains(t, e.Message, "Nothing was changed")
			require.Empty(t, e.CommandID)
		}
		require.Equal(t, before, s.appended(), c.name)
		s.exec(c.clear)
		_, err := p.Update(t.Context(), put(north, users(nina)))
		require.NoError(t, err, "%s is over", c.name)
	}
}

// A key is remembered for 24 h of record time, scoped to agency and subject.
func TestRealIdempotency(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	now := day0
	p := s.process(func(c *commands.DashboardsConfig) { c.Now = func() time.Time { return now } })
	first := update(t, p, put(north, users(nina), key("k")))
	replayed := func() bool {
		t.Helper()
		result := update(t, p, put(north, users(nina), key("k")))
		require.Equal(t, []string{nina}, result.Dashboard.Users)
		if result.Replayed {
			require.Equal(t, first.Dashboard, result.Dashboard)
		}
		return result.Replayed
	}
	_, err := p.Update(t.Context(), put(north, users(sam), key("k"), digest("another")))
	require.Equal(t, domain.CodeUnprocessable, domain.CodeOf(err))
	mine := update(t, p, put(south, users(sam), key("k"), by("eve")))
	require.False(t, mine.Replayed)

	now = day0.Add(24 * time.Hour)
	update(t, p, put(north, users(sam)))
	require.True(t, replayed(), "24 h are not over")
	now = now.Add(time.Microsecond)
	update(t, p, put(north, users()))
	require.False(t, replayed(), "forgotten: decided again")
	require.True(t, func() bool {
		result := update(t, p, put(north, users(nina), key("k")))
		return result.Replayed && result.Dashboard.Version > first.Dashboard.Version
	}(), "and remembered under its new record")
}

// tablesOfDashboards are set back together with their checkpoints.
func tablesOfDashboards() []string {
	return append(projectors.Dashboards(0).Tables, "checkpoints")
}

// keepTables copies the tables of dashboards as they are.
func (s *spine) keepTables() {
	s.t.Helper()
	s.exec("create schema kept_copy")
	for _, table := range tablesOfDashboards() {
		s.exec("create table kept_copy." + table + " as table " + table)
	}
}

// setBack restores the copied tables, like a database restore.
func (s *spine) setBack() {
	s.t.Helper()
	sql := "begin; set local session_replication_role = replica;"
	for _, table := range tablesOfDashboards() {
		sql += "delete from " + table + "; insert into " + table + " select * from kept_copy." + table + ";"
	}
	s.exec(sql + "commit")
}

// While the tables lack records of the log, commands are not acknowledged, refused or replayed.
func TestStaleTablesAcknowledgeNothing(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	d := s.process()
	update := func(u func() (domain.Dashboard, error)) domain.Dashboard {
		dashboard, err := u()
		require.NoError(t, err)
		return dashboard
	}
	change := func(user, k string) func() (domain.Dashboard, error) {
		return func() (domain.Dashboard, error) {
			r, err := d.Update(t.Context(), put(north, users(user), key(k)))
			return r.Dashboard, err
		}
	}
	update(change(nina, "first"))
	s.keepTables()
	update(change(sam, "second"))
	appended := s.appended()
	require.Equal(t, []string{sam}, update(change(sam, "third")).Users, "nothing to change, on tables that hold all")
	require.Equal(t, appended, s.appended())

	s.stop()
	s.setBack()
	for name, again := range map[string]func() (domain.Dashboard, error){
		"nothing to change": change(nina, "fourth"),
		"a repeated key":    change(nina, "first"),
		"a refusal":         change("d90000000000000000000000", "fifth"),
	} {
		_, err := again()
		e := asError(t, err)
		require.Equal(t, domain.CodeUnavailable, e.Code, "%s: %s", name, e.Message)
		require.Contains(t, e.Message, "records behind the log. Nothing was changed", name)
	}
	require.Equal(t, appended, s.appended())

	s.stop = s.follow(s.engine)
	require.Eventually(t, func() bool { // refused while it is unknown whether the tables are up to date with the log
		again, err := d.Update(t.Context(), put(north, users(nina), key("sixth")))
		return err == nil && slices.Equal(again.Dashboard.Users, []string{nina})
	}, patience, 10*time.Millisecond)
	require.Equal(t, appended+1, s.appended(), "it changes what the log holds")
	head, _ := s.judged()
	require.Equal(t, int64(3), head.Version)
}
