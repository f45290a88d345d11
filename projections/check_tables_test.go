package projections_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// another creates a second generation, which is followed next to the live one.
func (b *bench) another(e *projections.Engine) int {
	b.t.Helper()
	number, err := e.Another(b.ctx())
	require.NoError(b.t, err)
	return number
}

// traffic appends to all topics until it is stopped.
func (b *bench) traffic() (stop func()) {
	c := b.chain("cccccccccccccccccccccccc")
	return ledgertest.Run(b.t, func(ctx context.Context) (err error) {
		for n := 100; ctx.Err() == nil && err == nil; n++ {
			b.put(c.next(c.lost(client1, []string{fmt.Sprint("left ", n)}, fmt.Sprint("user ", n))))
			err = b.log.AppendBulk(context.Background(), []domain.Draft{
				postRead(int64(n%3+1), n), accountRead(int64(n%3+1), n), category(int64(n%4+1), fmt.Sprint("t", n)),
				draft(domain.TopicOperations, agencyA, fmt.Sprint("o", n), domain.OperatorFinished{Of: "x"}),
			})
		}
		return err
	})
}

// sameTables waits until two generations have the same rows.
func (b *bench) sameTables(p fold.Projector, first, second int) {
	b.t.Helper()
	for _, table := range p.Tables {
		differing := fmt.Sprintf(`
			select count(*) from ((table %[1]s except all table %[2]s) union all (table %[2]s except all table %[1]s)) d`,
			ddl.Schema(p.Name, first)+"."+table, ddl.Schema(p.Name, second)+"."+table)
		ledgertest.Eventually(b.t, func() bool { return b.count(differing) == 0 }, table)
	}
}

// The check compares the tables with the log, including skips. It holds no snapshot while it folds, and
// follows the tables that go on: it compares them where they are at the end. If the server ends its
// session, it says that it is not finished.
func TestTableCheckFollowsLiveTablesWithoutSnapshot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mixture()
	c := b.chain("cccccccccccccccccccccccc")
	const sessions = "from pg_stat_activity where datname = current_database() and application_name = 'ledgerboard check'"
	for n, p := range every() {
		e := b.engine(p)
		stop := b.follow(e)
		before := b.check(p)
		require.True(t, before.Equal, "%+v", before)
		require.True(t, slices.ContainsFunc(before.Tables, func(table projections.TableReport) bool { return table.RowsLog > 0 }))
		checking := func(meanwhile func()) (projections.Report, error) {
			scan := sync.OnceFunc(meanwhile)
			return b.engine(p, func(c *projections.Config) { c.Log = hookedLog{Log: c.Log, beforeScan: scan} }).CheckTables(b.ctx())
		}
		r, err := checking(func() {
			assert.Eventually(t, func() bool { // the session of the check before may be ending, or a COPY be under way
				return b.count("select count(*) "+sessions) == 1 &&
					b.count("select count(*) "+sessions+" and (backend_xid is not null or backend_xmin is not null)") == 0
			}, patience, tick)
			b.put(c.next(c.lost(client1, []string{fmt.Sprint("left ", n)}, fmt.Sprint("user ", n))))
			b.append(postRead(1, 50+n), accountRead(2, 50+n), category(int64(60+n), "later"), listed(n+1, fmt.Sprint("later ", n)),
				draft(domain.TopicOperations, agencyA, fmt.Sprint("later ", n), domain.OperatorFinished{Of: "x"}))
			b.caughtUp(e)
		})
		require.NoError(t, err)
		require.True(t, r.Equal, "%+v", r)
		require.NotEqual(t, before.Positions, r.Positions)

		_, err = checking(func() { b.exec("select pg_terminate_backend(pid, 10000) " + sessions) })
		require.ErrorContains(t, err, "is not finished")
		stop()
	}
}

func (b *bench) check(p fold.Projector) projections.Report {
	b.t.Helper()
	r, err := b.engine(p).CheckTables(b.ctx())
	require.NoError(b.t, err)
	return r
}

// The check names a row that was changed in the database, with its event and the columns that
// differ.
func TestTableCheckNamesChangedRow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mixture()
	b.run(b.engine(dashboards))
	for name, c := range map[string]struct {
		sql, undo, table string
		want             projections.Difference
	}{
		"changed": {
			"update dashboard_history set actor = 'intruder' where parent_account = $1 and version = 2",
			"update dashboard_history set actor = 'u' where parent_account = $1 and version = 2",
			"dashboard_history",
			projections.Difference{In: "both", Columns: []string{"actor"}, Event: agencyB + ".2"},
		},
		"missing": {
			`with gone as (delete from access_notices where parent_account = $1 and version = 2 and user_id = 'other' returning *)
				select * into lb_engine.gone from gone`,
			"insert into access_notices select * from lb_engine.gone where parent_account = $1",
			"access_notices",
			projections.Difference{In: "log"},
		},
		"one too many": {
			"insert into dashboard_commands select stream_key, 'x', 'x', 'x', 'x', 'x', 99, time from lb_engine.streams where stream_key = $1",
			"delete from dashboard_commands where parent_account = $1 and subject = 'x'",
			"dashboard_commands",
			projections.Difference{In: "table"},
		},
	} {
		b.exec(c.sql, agencyB)
		r := b.check(dashboards)
		require.False(t, r.Equal, name)
		differing := slices.DeleteFunc(r.Tables, func(table projections.TableReport) bool { return table.Equal })
		require.Len(t, differing, 1, name)
		require.Equal(t, c.table, differing[0].Name)
		require.Equal(t, 1, differing[0].TenantsDiffering)
		d := differing[0].FirstDifference
		require.Equal(t, agencyB, d.Key["parent_account"])
		if name == "changed" {
			require.Equal(t, "2", d.Key["version"])
		}
		c.want.Tenant, c.want.Key = agencyB, d.Key
		require.Equal(t, &c.want, d)
		b.exec(c.undo, agencyB)
		require.True(t, b.check(dashboards).Equal, "undone: %s", name)
	}
	b.exec("delete from dead_letters")
	require.True(t, b.check(dashboards).Equal, "dead letters are not compared")
}

// An event whose row the database has refused is a dead letter for a check too, and its stream stops
// there. Its row could not be copied.
func TestTableCheckSkipsDeadLetters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	refused := func(p fold.Projector, bad string) fold.Projector {
		refuse := func(_ context.Context, f folded) error {
			if slices.ContainsFunc(f.events, func(ev fold.Event) bool { return ev.Envelope.ID == bad }) {
				return &pgconn.PgError{Code: "22003", Message: "value out of range"}
			}
			return f.next()
		}
		return faulty(p, refuse, refuse)
	}
	bad := postRead(1, 2)
	b.append(postRead(1, 1), bad, postRead(1, 3))
	c := b.chain(agencyA)
	b.put(c.next(c.usersSet(client1, "u1")))
	b.put(c.next(c.usersSet(client1, "u2")))
	for p, id := range map[*fold.Projector]string{&tally: bad.Envelope.ID, &dashboards: agencyA + ".2"} {
		e := b.engine(refused(*p, id))
		b.run(e)
		letters := b.letters(p.Name)
		require.Len(t, letters, 1)
		require.Equal(t, operator.ReasonWrite, letters[0].Reason)
		r, err := e.CheckTables(t.Context())
		require.NoError(t, err)
		require.True(t, r.Equal, "%+v", r)
	}
}

// Ids of posts and owners are hashes. An event whose id is that of another post or owner is refused, so
// that it does not count there.
func TestEventWithForeignComputedIDIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for p, c := range map[*fold.Projector]struct {
		change string
		read   func(social int64, n int) domain.Draft
	}{
		&projectors.PostInsights:    {"update lb_post_insights_g1.post_ids set external_id = 'another'", postRead},
		&projectors.AccountInsights: {"update lb_account_insights_g1.figure_owners set account_id = account_id || ' another'", accountRead},
	} {
		b.append(c.read(1, 1))
		b.run(b.engine(*p))
		b.exec(c.change)
		bad := c.read(1, 2)
		b.append(bad)
		b.run(b.engine(*p))
		letters := b.letters(p.Name)
		require.Len(t, letters, 1, p.Name)
		require.Equal(t, operator.ReasonWrite, letters[0].Reason)
	}
	b.exec("update lb_post_insights_g1.post_ids set external_id = 'p'")
	b.exec("update lb_post_insights_g1.post_owners set account_id = account_id || ' another'")
	b.append(postRead(1, 3))
	b.run(b.engine(projectors.PostInsights))
	require.Len(t, b.letters(projectors.PostInsights.Name), 2)
}

// A check is due a day after the tables went live, and then once a day; the status shows its
// result.
func TestTablesAreCheckedDaily(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(category(1, "a"))
	e := b.engine(projectors.Directory)
	b.run(e)
	checked := func() *operator.TablesChecked {
		require.NoError(t, projections.CheckDue(b.ctx(), b.db.Pool, e))
		s := b.status(e)
		return s.TablesChecked
	}
	require.Nil(t, checked(), "not yet")
	b.exec("update generations set live_at = live_at - interval '25 hours'")
	first := checked()
	require.True(t, first.Equal)
	b.exec("update tDefaultCategories set name = 'Erna'")
	require.Equal(t, first, checked(), "not twice on the same day")
	b.exec("update table_checks set at = at - interval '25 hours'")
	tx, err := b.db.Pool.Begin(b.ctx())
	require.NoError(t, err)
	_, err = tx.Exec(b.ctx(), "select pg_advisory_xact_lock(hashtext('ledgerboard check of tables'))")
	require.NoError(t, err)
	require.Equal(t, first.Report, checked().Report, "another process holds the lock")
	require.NoError(t, tx.Rollback(b.ctx()))
	b.exec(`insert into generations (projection, generation, version, topic, topic_id, state, targets)
		select projection, 99, version, topic, topic_id, 'dropped', targets from generations where generation = 1`)
	b.exec("insert into table_checks select projection, 99, at, equal, report from table_checks where generation = 1")
	second := checked()
	require.Equal(t, 1, b.count("select count(*) from table_checks"), "only of existing generations")
	require.NotEqual(t, first.Report, second.Report)
	require.False(t, second.Equal)
	require.Equal(t, 1, b.count(`select count(*) from table_checks
		where not equal and report -> 'tables' -> 10 -> 'first_difference' -> 'columns' = '["name"]' and report::text not like '%Erna%'`),
		"only names of columns: an erasure does not reach reports")
}

// The broker removes records that the tables were folded from: the check names such a row.
func TestTableCheckNamesRowRemovedByCompaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := projectors.Directory
	bad := func(id int64, name string) eventlog.Record { return withValue(b.encode(category(id, name)), `{`) }
	b.append(category(1, "good"), category(2, "good"), category(3, "good"), category(4, "old"))
	b.put(bad(1, "bad, and the last of its key"))
	b.put(bad(2, "bad, and replaced by the next"))
	b.put(bad(3, "bad"))
	b.put(bad(3, "bad again"))
	e := b.followEngine(p)
	b.append(category(2, "corrected"), category(4, "new"), categoryErased(5))
	b.caughtUp(e)
	require.Len(t, b.letters("directory"), 2, "the last records of keys that cannot be folded")
	require.Equal(t, 4, b.count("select count(*) from tDefaultCategories"))

	b.ends(b.request(p).ID, operator.StateLive)
	require.True(t, b.check(p).Equal)

	// The last batch of a partition is never removed: append one more to each partition, with its
	// own key.
	for partition := range partitions[domain.TopicDirectory] {
		for id := int64(100); ; id++ {
			if d := category(id, "last"); b.partitionOf(d.Topic, d.Key) == partition {
				b.append(d)
				break
			}
		}
	}
	b.caughtUp(e)
	b.Compact()
	r := b.check(p)
	require.False(t, r.Equal)
	differing := r.Tables[len(r.Tables)-1]
	require.Equal(t, "tDefaultCategories", differing.Name)
	require.Equal(t, "table", differing.FirstDifference.In, "compaction removed the record that produced the row")

	// The next records of these keys correct the rows everywhere.
	b.append(category(1, "again"), category(3, "again"))
	b.caughtUp(e)
	b.ends(b.request(p).ID, operator.StateLive)
	require.True(t, b.check(p).Equal)
	require.Zero(t, b.count("select count(*) from dead_letters join generations g using (projection, generation) where g.state = 'live'"))
}

// The engine's tables are set back to before a rebuild: the next rebuild replaces the unknown
// tables.
func TestRebuildReplacesTablesAfterDatabaseRestore(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 50)
	e := b.engine(tally)
	stop := b.follow(e)
	b.ends(b.request(tally).ID, operator.StateLive)
	require.Equal(t, 2, b.caughtUp(e).Generation)
	b.awaitDropped("tally", 1)
	stop()
	for _, sql := range []string{
		"update checkpoints set generation = 1", "delete from generations where generation = 2",
		"update generations set state = 'live', ended_at = null",
		"create schema if not exists lb_tally_g1", "create table if not exists lb_tally_g1.tally (like lb_tally_g2.tally including all)",
		"truncate lb_tally_g1.tally", "insert into lb_tally_g1.tally table lb_tally_g2.tally",
	} {
		b.exec(sql)
	}
	b.appendReadings(50, 60)
	b.start(e)
	require.Equal(t, 1, b.caughtUp(e).Generation)
	require.Equal(t, 2, b.ends(b.request(tally).ID, operator.StateLive).Generation)
	b.eachOnce(60)
}

// A check does not use the connections of the rest of the engine: with a single connection,
// everything continues.
func TestChecksHaveTheirOwnConnections(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 50)
	b.run(b.engine(tally))
	one, err := pg.Open(b.ctx(), pg.Config{URL: b.db.URL, SearchPath: testSchemas(), Name: "one", MaxConns: 1})
	require.NoError(t, err)
	t.Cleanup(one.Close)
	g := b.newGate()
	engine := b.engine(copies(tally, g.copying), func(c *projections.Config) { c.Pool = one })
	checked := make(chan error, 1)
	go func() {
		_, err := engine.CheckTables(context.Background())
		checked <- err
	}()
	<-g.reached
	_, err = engine.Status(b.ctx())
	require.NoError(t, err, "the only connection is free")
	g.open()
	require.NoError(t, <-checked)
}
