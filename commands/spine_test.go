package commands_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const patience = ledgertest.Patience

// spine is a broker, the log, PostgreSQL, the projections that commands need and the read side.
type spine struct {
	*ledgertest.Broker

	t      *testing.T
	db     *pgtest.DB
	log    *eventlog.Log
	engine *projections.Engine // of dashboards
	stop   func()              // ends it
}

func newSpine(t *testing.T) *spine {
	t.Helper()
	s := &spine{Broker: ledgertest.NewBroker(t, ledgertest.Partitions(2)), t: t, db: pgtest.NewBare(t, tables.Schemas()...)}
	s.log = s.Open()
	var drafts []domain.Draft
	for _, e := range []domain.DirectoryEntity{
		domain.DirectoryAccount{ID: agency, Name: "Agency", Active: true},
		domain.DirectoryAccount{ID: north, ParentAccount: agency},
		domain.DirectoryAccount{ID: south, ParentAccount: agency},
		domain.DirectoryAccount{ID: east, ParentAccount: agency},
		domain.DirectoryUser{ID: nina, AccountID: north, Active: true},
		domain.DirectoryUser{ID: sam, AccountID: south, Active: true},
		domain.DirectoryOrder{ID: "o1", Buyer: north, Seller: agency, ProductType: "managed", AssignedUsers: []string{sam}},
		domain.DirectoryOrder{ID: "o2", Buyer: north, Seller: agency, ProductType: "site", AssignedUsers: []string{nina}},
	} {
		drafts = append(drafts, commands.EntityDraft(e, day0))
	}
	for i := range manyAccounts {
		drafts = append(drafts, commands.EntityDraft(domain.DirectoryAccount{ID: numbered(i), ParentAccount: agency}, day0))
	}
	require.NoError(s.t, s.log.AppendBulk(s.t.Context(), drafts))
	s.engine = s.projection(projectors.Dashboards)
	s.stop = s.follow(s.engine)
	directory := s.projection(projectors.Directory)
	s.follow(directory)
	s.settle(directory, s.engine)
	return s
}

func (s *spine) projection(p fold.Projector) *projections.Engine {
	s.t.Helper()
	e, err := projections.New(projections.Config{
		Projector: p, Log: s.log, DatabaseURL: s.db.URL, Pool: s.db.Pool, Topics: s.Config.Topics, Registry: domain.NewRegistry(), Logger: quiet,
	})
	require.NoError(s.t, err)
	return e
}

// follow runs an engine until the test ends or stop is called.
func (s *spine) follow(e *projections.Engine) (stop func()) { return ledgertest.Run(s.t, e.Run) }

// settle waits until engines have folded all records of the log.
func (s *spine) settle(engines ...*projections.Engine) {
	s.t.Helper()
	for _, e := range engines {
		ledgertest.CaughtUp(s.t, e)
	}
}

// process makes the use cases of one process: its own locks, its own read side.
func (s *spine) process(change ...func(*commands.DashboardsConfig)) *commands.Dashboards {
	s.t.Helper()
	progress := pg.NewProgress()
	ledgertest.Run(s.t, func(ctx context.Context) error { progress.Listen(ctx, s.db.URL, quiet); return nil })
	c := commands.DashboardsConfig{
		Store: &readmodels.Dashboards{
			Pool: s.db.ReadOnly, Progress: progress, DefaultScopes: []string{"posts"},
			ManagedSubscriptions: []string{"managed"},
		},
		PartitionOf: func(parent string) int32 { return eventlog.PartitionOf([]byte(parent), 2) }, EndOf: s.endOf,
		Log: s.log, Fits: func(domain.Draft) error { return nil }, Now: time.Now, Logger: quiet, Deadline: patience,
		TooLarge: func(err error) bool { return errors.Is(err, eventlog.ErrRecordTooLarge) },
	}
	for _, f := range change {
		f(&c)
	}
	return commands.NewDashboards(c).Attempting(100)
}

// endOf returns the actual end of the log.
func (s *spine) endOf(ctx context.Context, partition int32) (int64, error) {
	ranges, _, err := s.log.Ranges(ctx, domain.TopicDashboards)
	if err != nil {
		return 0, err
	}
	return ranges[partition].End, nil
}

// appended returns the number of records on `dashboards`.
func (s *spine) appended() (n int64) {
	s.t.Helper()
	ranges, _, err := s.log.Ranges(s.t.Context(), domain.TopicDashboards)
	require.NoError(s.t, err)
	for _, r := range ranges {
		n += r.End
	}
	return n
}

// judged scans the log and returns the verdicts on the agency's records, in order, and its head.
func (s *spine) judged() (head domain.StreamHead, verdicts map[eventlog.Verdict]int) {
	s.t.Helper()
	verdicts = map[eventlog.Verdict]int{}
	err := s.log.Scan(s.t.Context(), eventlog.ScanConfig{Topic: domain.TopicDashboards, Key: agency, Handle: func(_ context.Context, run eventlog.Run) error {
		for _, r := range run.Records {
			var verdict eventlog.Verdict
			verdict, head, _ = eventlog.Judge(head, r, 2)
			verdicts[verdict]++
		}
		return nil
	}})
	require.NoError(s.t, err)
	return head, verdicts
}

func (s *spine) exec(sql string, args ...any) {
	s.t.Helper()
	ledgertest.Exec(s.t, s.db.Pool, sql, args...)
}

const manyAccounts = 60

func numbered(i int) string { return fmt.Sprintf("c9%022x", i) }

// The whole path, once: decided on the directory's facts, appended, folded, answered from the
// tables.
func TestUpdateEndToEnd(t *testing.T) {
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
func TestTwoProcessesLoseNoUpdate(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	other := s.Open()
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
	ledgertest.Eventually(t, func() bool { // they are counted after the commit
		status, err := s.engine.Status(context.Background())
		return err == nil && status.Ignored == int64(verdicts[eventlog.Stale]) && status.DeadLetters == 0
	})
	require.Equal(t, head.Version, ledgertest.Value[int64](t, s.db.Pool, "select version from streams where stream_key = $1", agency))
	t.Logf("%d effective, %d stale", verdicts[eventlog.Effective], verdicts[eventlog.Stale])
}

// Refused with a reason while the projection is paused or rebuilding, or the stream stopped.
func TestUpdateRefusedWhileProjectionPaused(t *testing.T) {
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
			"rebuilding from zero", "rebuilt", `update generations set state = 'catching_up' where projection = 'dashboards'`,
			`update generations set state = 'live' where projection = 'dashboards'`,
		},
		{
			"stopped", "could not be folded", `update streams set stopped_at = 1`, `update streams set stopped_at = null`,
		},
		{
			"folding again", "folded again", `update streams set stopped_at = 1, fold_again = true`, `update streams set stopped_at = null, fold_again = false`,
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
func TestIdempotencyKeyScopeAndLifetime(t *testing.T) {
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
	other := asError(t, err)
	require.Equal(t, domain.CodeUnprocessable, other.Code)
	require.Len(t, other.Fields, 1)
	require.Equal(t, "Idempotency-Key", other.Fields[0].Field)
	mine := update(t, p, put(south, users(sam), key("k"), func(u *commands.UpdateDashboard) { u.UserID = "eve" }))
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
	return append(slices.Clone(projectors.Dashboards.Tables), "checkpoints", "streams")
}

// While the tables lack records of the log, commands are not acknowledged, refused or replayed.
func TestCommandsAreNotAcknowledgedByStaleTables(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	d := s.process()
	change := func(user, k string) domain.Dashboard {
		t.Helper()
		return update(t, d, put(north, users(user), key(k))).Dashboard
	}
	change(nina, "first")
	s.exec("create schema kept_copy")
	for _, table := range tablesOfDashboards() {
		s.exec("create table kept_copy." + table + " as table " + table)
	}
	change(sam, "second")
	appended := s.appended()
	require.Equal(t, []string{sam}, change(sam, "third").Users, "nothing to change, on tables that hold all")
	require.Equal(t, appended, s.appended())

	s.stop()
	sql := "begin; set local session_replication_role = replica;"
	for _, table := range tablesOfDashboards() {
		sql += "delete from " + table + "; insert into " + table + " select * from kept_copy." + table + ";"
	}
	s.exec(sql + "commit")
	var waiting sync.WaitGroup // each waits for the tables, and in a process of its own not for the others
	for name, u := range map[string]commands.UpdateDashboard{
		"nothing to change": put(north, users(nina), key("fourth")),
		"a repeated key":    put(north, users(nina), key("first")),
		"a refusal":         put(north, users("d90000000000000000000000"), key("fifth")),
	} {
		process := s.process()
		waiting.Go(func() {
			_, err := process.Update(context.Background(), u)
			assert.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), "%s: %v", name, err)
			assert.ErrorContains(t, err, "is behind the log. Nothing was changed", name)
		})
	}
	waiting.Wait()
	require.Equal(t, appended, s.appended())

	s.stop = s.follow(s.engine)
	ledgertest.Eventually(t, func() bool { // refused while it is unknown whether the tables are up to date with the log
		again, err := d.Update(t.Context(), put(north, users(nina), key("sixth")))
		return err == nil && slices.Equal(again.Dashboard.Users, []string{nina})
	})
	require.Equal(t, appended+1, s.appended(), "it changes what the log holds")
	head, _ := s.judged()
	require.Equal(t, int64(3), head.Version)
}
