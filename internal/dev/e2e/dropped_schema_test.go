//go:build e2e

package e2e_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The log is the truth: what PostgreSQL derives from it may go at any time, and comes back the same.
func TestDroppedSchemaIsRebuiltFromTheLog(t *testing.T) {
	awayFromMidnight(t, 5*time.Minute)
	dir := t.TempDir()

	t.Log("a history with live readings and changes of today in it")
	p := startDemo(t, dir, "--account-insights-interval", "5s")
	dashboard := p.info.IDs.SubAccounts[0]
	everybody := p.listed(dashboard)
	leaver, stayer := everybody[0], everybody[1]
	with, without := ids(everybody), ids(everybody[1:])
	var noticeIDs []string
	for range 3 {
		noticeIDs = append(noticeIDs, p.setUsers(dashboard, without))
		p.setUsers(dashboard, with)
	}
	live := `select count(*)::text from tsaccountins where not backfilled and captured_at > $1`
	p.await(patience, "readings that were fetched", func() bool {
		n, err := strconv.Atoi(p.column(live, p.started)[0])
		require.NoError(t, err)
		return n > 0
	})
	p.Stop()

	p = startDemo(t, dir, frozen...)
	token := p.clientToken(leaver)
	head := p.info.IDs.ParentAccount + "." + strconv.FormatInt(p.update(dashboard, map[string]any{}).version, 10)
	ranges := pastRanges()
	today := time.Now().UTC().Format(time.DateOnly)
	ranges = append(ranges, time.Now().UTC().AddDate(0, 0, -5).Format(time.DateOnly)+"/"+today)
	p.record(ranges) // an agency's first GET of a dashboard creates it
	before := p.record(ranges)
	ends := p.endOffsets(facts...)
	all := listenEventSource(t, "from the beginning", p.base, leaver.ID, token, p.info.IDs.ParentAccount+".0")
	p.await(patience, "the notices of today", func() bool { return slices.Contains(all.notices(), noticeIDs[2]) })
	old := all.notices()
	require.Equal(t, noticeIDs, old[len(old)-3:])
	page := listenSocketIO(t, "page that stays open", p.base, stayer.ID, p.clientToken(stayer)) // it lives through the drop and the rebuild

	t.Log("dropped, killed and started again: the same, and nothing is appended")
	p.dropDerived()
	p.Kill()
	p = startDemo(t, dir, frozen...)
	require.Equal(t, ends, p.endOffsets(facts...), "a rebuild appends nothing")
	before.same(t, p.record(ranges))
	fresh := listenEventSource(t, "cursor at the head", p.base, leaver.ID, token, head)
	again := listenEventSource(t, "from the beginning, after the rebuild", p.base, leaver.ID, token, p.info.IDs.ParentAccount+".0")
	page.away(1)
	page.await(2, "connect", "")
	last := p.setUsers(dashboard, ids(everybody[2:]))
	fresh.expect(last) // and nothing that is older
	page.expect(last)
	again.expect(append(old, last)...)
	all.expect(append(old, last)...)
}

// dropDerivedSQL drops the views, what the engine knows, and the tables of every generation.
const dropDerivedSQL = `do $$ declare name text; begin
	for name in select nspname from pg_namespace where nspname ~ '^lb(_|$)' loop
		execute format('drop schema %I cascade', name);
	end loop;
end $$`

// dropDerived drops what PostgreSQL derives from the log, under the running program.
func (p *program) dropDerived() {
	p.t.Helper()
	conn := p.database()
	defer conn.Close(context.Background())
	p.await(patience, "the schema to be dropped", func() bool { // the program may hold a lock
		_, err := conn.Exec(context.Background(), `set lock_timeout = '2s'; `+dropDerivedSQL)
		return err == nil
	})
}
