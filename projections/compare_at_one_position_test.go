package projections_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// another makes a second generation and waits until it is live.
func (b *bench) another(e *projections.Engine) int {
	b.t.Helper()
	number, err := e.Another(b.ctx())
	require.NoError(b.t, err)
	require.Eventually(b.t, func() bool {
		return b.count("select count(*) from generations where projection = $1 and generation = $2 and state = 'live'", e.Name(), number) == 1
	}, patience, tick)
	return number
}

func (b *bench) verify(p fold.Projector, live, candidate int) projections.Report {
	b.t.Helper()
	r, err := projections.NewVerifier(b.db.Pool, p).Report(b.ctx(), p.Name(), live, candidate)
	require.NoError(b.t, err)
	require.Len(b.t, r.Tables, len(p.Tables()))
	return r
}

// traffic appends to all topics until it is stopped.
func (b *bench) traffic() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	c := b.chain("cccccccccccccccccccccccc")
	go func() {
		var err error
		for n := 100; ctx.Err() == nil && err == nil; n++ {
			b.put(c.next(c.lost(client1, []string{fmt.Sprint("left ", n)}, fmt.Sprint("user ", n))))
			err = b.log.AppendBulk(context.Background(), []domain.Draft{
				postRead(int64(n%3+1), n), accountRead(int64(n%3+1), n), category(int64(n%4+1), fmt.Sprint("t", n)),
				draft(domain.TopicOperations, agencyA, fmt.Sprint("o", n), domain.ProjectionPaused{Projection: "x"}),
			})
		}
		done <- err
	}()
	return func() {
		cancel()
		require.NoError(b.t, <-done)
	}
}

// Two generations of one log are equal at the positions at which they are compared, whatever is appended meanwhile: live
// is never held up, and the candidate is let go.
func TestGenerationsAreEqualUnderTraffic(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mixture()
	for _, p := range every() {
		e := b.engine(p)
		stop := b.start(e)
		b.caughtUp(e)
		candidate := b.another(e)
		stopTraffic := b.traffic()
		before := int64(0)
		for range 3 {
			r := b.verify(p, 1, candidate)
			require.True(t, r.Equal, "%s: %+v", p.Name(), r)
			require.NotEmpty(t, r.ID)
			rows, at := int64(0), int64(0)
			for _, table := range r.Tables {
				require.Equal(t, table.RowsLive, table.RowsCandidate)
				rows += table.RowsLive
			}
			require.Positive(t, rows)
			for _, offset := range r.Positions {
				at += offset
			}
			require.GreaterOrEqual(t, at, before)
			before = at
		}
		stopTraffic()
		b.caughtUp(e)
		require.Zero(t, b.count("select count(*) from checkpoints where hold_at is not null"))
		stop()
	}
}

// A row that was changed behind the log's back is named, with both versions and its event.
func TestVerifyNamesTheRow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mixture()
	e := b.engine(dashboards)
	b.start(e)
	b.caughtUp(e)
	candidate := b.another(e)
	for name, c := range map[string]struct{ sql, undo, table, event string }{
		"changed": {
			"update %s.dashboard_history set actor = 'nobody' where parent_account = $1 and version = 2",
			"update %s.dashboard_history set actor = 'u' where parent_account = $1 and version = 2",
			"dashboard_history", agencyB + ".2",
		},
		"missing": {
			"with gone as (delete from %s.access_notices where parent_account = $1 and version = 2 and user_id = 'other' returning *) select from gone",
			"insert into %s.access_notices select parent_account, version, 'other', time, kind, sub_account_ids from lb_dashboards_g1.access_notices where parent_account = $1 and version = 2 limit 1",
			"access_notices", "",
		},
		"one too many": {
			"insert into %s.dashboard_commands select parent_account, 'x', 'x', 'x', 'x', 'x', 99, time from lb_dashboards_g1.dashboard_heads where parent_account = $1",
			"delete from %s.dashboard_commands where parent_account = $1 and subject = 'x'",
			"dashboard_commands", "",
		},
	} {
		schema := fmt.Sprintf("lb_dashboards_g%d", candidate)
		b.exec(fmt.Sprintf(c.sql, schema), agencyB)
		r := b.verify(dashboards, 1, candidate)
		require.False(t, r.Equal, name)
		for _, table := range r.Tables {
			require.Equal(t, table.Name != c.table, table.Equal, "%s: %s", name, table.Name)
			if table.Name != c.table {
				continue
			}
			d := table.FirstDifference
			require.Equal(t, 1, table.TenantsDiffering)
			require.NotNil(t, d)
			require.Equal(t, agencyB, d.Tenant)
			require.Equal(t, agencyB, d.Key["parent_account"])
			require.Equal(t, c.event, d.Event)
			require.Equal(t, map[string]string{"changed": "both", "missing": "live", "one too many": "candidate"}[name], d.In)
			if name == "changed" {
				require.Equal(t, "2", d.Key["version"])
				require.Equal(t, []string{"actor"}, d.Columns)
			} else {
				require.Empty(t, d.Columns)
			}
		}
		b.exec(fmt.Sprintf(c.undo, schema), agencyB)
		require.True(t, b.verify(dashboards, 1, candidate).Equal, "undone: %s", name)
	}
	b.exec("update parked set state = 'acknowledged' where generation = $1 and state = 'parked'", candidate)
	require.True(t, b.verify(dashboards, 1, candidate).Equal, "that an operator knows of it is no part of what the log says")
	b.exec("update parked set reason = 'refused' where generation = $1 and reason = 'behind'", candidate)
	r := b.verify(dashboards, 1, candidate)
	require.False(t, r.Equal)
	require.Equal(t, fold.ReasonBehind, r.Parked.FirstDifference.Reason)
}

// careless is projection operations with a slip, as a new version might have one.
type careless struct{ projectors.Operations }

func (c careless) Version() int { return c.Operations.Version() + 1 }

func (c careless) Begin(generation int) fold.Fold {
	return carelessFold{c.Operations.Begin(generation)}
}

type carelessFold struct{ fold.Fold }

func (f carelessFold) Apply(ev fold.Event) error {
	if ev.Envelope.ID == "second" {
		ev.Envelope.Audit.Actor = ""
	}
	return f.Fold.Apply(ev)
}

// A slip of a new version shows as the first row that it makes otherwise.
func TestVerifyFindsASlipOfANewVersion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, id := range []string{"first", "second", "third"} {
		d := draft(domain.TopicOperations, agencyA, id, domain.ProjectionPaused{Projection: "x"})
		d.Envelope.Audit.Actor = "ada"
		b.append(d)
	}
	e, wrong := b.engine(projectors.Operations{}), b.engine(careless{})
	b.start(e)
	b.caughtUp(e)
	b.start(wrong)
	b.caughtUp(wrong)
	r := b.verify(projectors.Operations{}, 1, 2)
	require.False(t, r.Equal)
	require.Equal(t, projections.Versions{Live: projectors.Operations{}.Version(), Candidate: careless{}.Version()}, r.Versions)
	d := r.Tables[0].FirstDifference
	require.Equal(t, "second", d.Event)
	require.Equal(t, agencyA, d.Tenant)
	require.Equal(t, "both", d.In)
	require.Equal(t, []string{"actor"}, d.Columns)
}

// A verifier that cannot come to an end says where the generation stands, and holds nothing back afterwards.
func TestVerifyOfAGenerationThatNobodyFollows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(category(1, "a"))
	e := b.engine(projectors.Directory{})
	b.run(e)
	candidate, err := e.Another(b.ctx())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	verified := make(chan error, 1)
	go func() {
		_, _, err := projections.NewVerifier(b.db.Pool, projectors.Directory{}).Verify(ctx, "directory", 1, candidate)
		verified <- err
	}()
	var first *time.Time // until when it holds the generation where the other one is; it renews that while it waits
	require.Eventually(t, func() bool {
		var until *time.Time
		err := b.db.Pool.QueryRow(context.Background(), "select max(hold_until) from checkpoints where hold_at > 0").Scan(&until)
		if err == nil && first == nil {
			first = until
		}
		return err == nil && first != nil && until != nil && until.After(*first)
	}, patience, tick)
	cancel()
	err = <-verified
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, fmt.Sprintf("wait for generation %d", candidate))
	require.Zero(t, b.count("select count(*) from checkpoints where hold_at is not null"))
}

// While a checkpoint is held, what lies before the hold is folded, an operator's record too, and what lies behind waits.
func TestHeldCheckpointsWait(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.chain(agencyA)
	b.put(c.next(c.usersSet(client1, "u0")))
	bad := b.put(c.spoilt(`{`))
	e := b.engine(dashboards)
	b.start(e)
	b.caughtUp(e)
	at := func() int {
		return b.count("select next_offset from checkpoints where partition = $1", bad.Partition)
	}
	for _, hold := range []int{2, 3, 5} { // before the operator's record, behind it, between two others
		b.exec("update checkpoints set hold_at = $2, hold_until = now() + interval '1 hour' where partition = $1", bad.Partition, hold)
		if hold == 2 {
			b.put(c.next(skip(bad)))
			for _, user := range []string{"u1", "u2", "u3"} {
				b.put(c.next(c.usersSet(client1, user)))
			}
		}
		require.Eventually(t, func() bool { return at() == hold }, patience, tick)
		require.Equal(t, 1+max(0, hold-3), b.count("select count(*) from dashboard_history"))
	}
	b.exec("update checkpoints set hold_until = now() - interval '1 second'")
	b.caughtUp(e)
	require.Equal(t, 6, at())
	require.Equal(t, []string{"u3"}, b.users(agencyA, client1))
}

// The tables are checked against the log alone, with what operators said and what the database refused.
func TestCheckTables(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mixture()
	for _, p := range bulks() {
		e := b.engine(p)
		stop := b.start(e)
		b.caughtUp(e)
		stopTraffic := b.traffic()
		r := b.check(p)
		require.True(t, r.Equal, "%+v", r)
		stopTraffic()
		b.caughtUp(e)
		stop()
		r = b.check(p)
		require.True(t, r.Equal, "%+v", r)
		rows := int64(0)
		for _, table := range r.Tables {
			rows += table.RowsCandidate
		}
		require.Positive(t, rows)
	}
	b.exec("update dashboard_history set after = after || '{\"users\": [\"eve\"]}' where parent_account = $1 and version = 3", agencyB)
	b.exec("update tDefaultCategories set name = 'x' where id = 4")
	r := b.check(dashboards)
	require.False(t, r.Equal)
	d := r.Tables[1].FirstDifference
	require.Equal(t, "dashboard_history", r.Tables[1].Name)
	require.Equal(t, agencyB, d.Tenant)
	require.Equal(t, agencyB+".3", d.Event)
	require.Equal(t, []string{"after"}, d.Columns)
	require.True(t, r.Tables[0].Equal)
	r = b.check(projectors.Directory{})
	require.False(t, r.Equal)
	b.exec("update dashboard_history set after = after || '{\"users\": [\"u3\"]}' where parent_account = $1 and version = 3", agencyB)
	require.True(t, b.check(dashboards).Equal)
}

func (b *bench) check(p fold.Projector) projections.Report {
	b.t.Helper()
	r, err := b.engine(p).CheckTables(b.ctx())
	require.NoError(b.t, err)
	return r
}

// A check comes due a day after the tables went live, and then once a day; its outcome shows in the status.
func TestTablesAreCheckedDaily(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(category(1, "a"))
	e := b.engine(projectors.Directory{})
	b.run(e)
	checked := func() *operator.TablesChecked {
		require.NoError(t, projections.CheckDue(b.ctx(), b.db.Pool, e))
		s, err := e.Status(b.ctx())
		require.NoError(t, err)
		return s.TablesChecked
	}
	require.Nil(t, checked(), "not yet")
	b.exec("update generations set live_at = live_at - interval '25 hours'")
	first := checked()
	require.True(t, first.Equal)
	b.exec("update tDefaultCategories set name = 'Erna'")
	require.Equal(t, first, checked(), "not again on the same day")
	b.exec("update table_checks set at = at - interval '25 hours'")
	tx, err := b.db.Pool.Begin(b.ctx())
	require.NoError(t, err)
	_, err = tx.Exec(b.ctx(), "select pg_advisory_xact_lock(hashtext('ledgerboard check of tables'))")
	require.NoError(t, err)
	require.Equal(t, first.Report, checked().Report, "another process is at it")
	require.NoError(t, tx.Rollback(b.ctx()))
	b.exec(`insert into generations (projection, generation, version, topic, topic_id, state, targets)
		select projection, 99, version, topic, topic_id, 'dropped', targets from generations where generation = 1`)
	b.exec("insert into table_checks select projection, 99, at, equal, report from table_checks where generation = 1")
	second := checked()
	require.Equal(t, 1, b.count("select count(*) from table_checks"), "of tables that are there")
	require.NotEqual(t, first.Report, second.Report)
	require.False(t, second.Equal)
	require.Equal(t, 1, b.count(`select count(*) from table_checks
		where not equal and report -> 'tables' -> 10 -> 'first_difference' -> 'columns' = '["name"]' and report::text not like '%Erna%'`),
		"names of columns: what a report says of people no erasure reaches")
}

// Readings fold to the same tables in any order and with duplicates, so that their digests are equal too.
func TestAnyOrderOfReadingsGivesEqualDigests(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, p := range []fold.Projector{projectors.AccountInsights{}, projectors.PostInsights{}} {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			schemas := [2]string{ddl.Schema(p.Name(), 1), ddl.Schema(p.Name(), 2)}
			_, err := db.Pool.Exec(ctx, "create schema "+schemas[1])
			require.NoError(t, err)
			pool, err := pg.Open(ctx, pg.Config{URL: db.URL, SearchPath: []string{schemas[1], migrations.Engine}, Name: "twin"})
			require.NoError(t, err)
			t.Cleanup(pool.Close)
			conn, err := pool.Acquire(ctx)
			require.NoError(t, err)
			_, err = conn.Conn().PgConn().Exec(ctx, p.Definition().Tables()+p.Definition().Keys()).ReadAll()
			conn.Release()
			require.NoError(t, err)
			random := rand.New(rand.NewPCG(1, 2))
			for range 5 {
				events := append(readings(p, random), foldtest.Event("erased", domain.AccountErased{
					ParentAccount: tenantOf(3).ParentAccount, SocialAccount: 3, Platform: domain.Facebook, ErasedAt: day0.Add(20 * time.Hour),
				}))
				foldtest.Batches(t, db, p, [][]fold.Event{events})
				again := append(slices.Clone(events), events[:len(events)/3]...)
				random.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
				at := random.IntN(len(again))
				foldtest.Batches(t, &pgtest.DB{URL: db.URL, Pool: pool}, p, [][]fold.Event{again[:at], again[at:]})
			}
			for _, table := range p.Tables() {
				r, err := projections.CompareTable(ctx, db.Pool, schemas[0], schemas[1], table)
				require.NoError(t, err)
				require.True(t, r.Equal, "%+v", r.FirstDifference)
				require.Positive(t, r.RowsLive, table)
				_, err = db.Pool.Exec(ctx, "update "+table+" set parent_account = 'x' where ctid = (select min(ctid) from "+table+")")
				require.NoError(t, err)
				r, err = projections.CompareTable(ctx, db.Pool, schemas[0], schemas[1], table)
				require.NoError(t, err)
				require.False(t, r.Equal, table)
			}
		})
	}
}

// readings are some of a few accounts and posts.
func readings(p fold.Projector, random *rand.Rand) (events []fold.Event) {
	for range 60 {
		social, value := int64(random.IntN(3)+1), int64(random.IntN(1000))
		at := day0.Add(time.Duration(random.IntN(200)) * time.Hour)
		id := fmt.Sprintf("%d-%d", at.Unix(), value)
		switch {
		case p.Name() == projectors.AccountInsights{}.Name():
			events = append(events, foldtest.Event(id, domain.AccountRead{
				Tenant: tenantOf(social), Platform: domain.Facebook, CapturedAt: at,
				Figures: []domain.Figure{{Name: domain.MetricFollowers, Kind: domain.Stock, Value: value, Source: "fan_count"}},
			}))
		case value%5 == 0:
			events = append(events, foldtest.Event(id, domain.PostRegistered{
				Tenant: tenantOf(social), Platform: domain.Facebook, ExternalID: "p", Origin: domain.OriginMainApp, RegisteredAt: at, PostType: id,
			}))
		default:
			events = append(events, foldtest.Event(id, domain.PostRead{
				Tenant: tenantOf(social), Platform: domain.Facebook, ExternalID: "p", CapturedAt: at,
				GrowthEligible: true, GrowthWindow: "168h0m0s", SubscriptionActive: true, Counts: domain.Counts{Likes: &value},
			}))
		}
	}
	return events
}
