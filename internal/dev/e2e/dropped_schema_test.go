//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
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
	all := listenSSE(t, "SSE from the beginning", p.base, leaver.ID, token, p.info.IDs.ParentAccount+".0")
	p.await(patience, "the notices of today", func() bool { return slices.Contains(all.notices(), noticeIDs[2]) })
	old := all.notices()
	require.Equal(t, noticeIDs, old[len(old)-3:])
	page := listenSocketIO(t, "page that stays open", p.base, stayer.ID, p.clientToken(stayer)) // it lives through the drop and the rebuild

	t.Log("dropped, killed and started again: not ready until caught up, then the same")
	p = p.catchesUpClosed(dashboard, frozen...)
	p.awaitReady()
	require.Equal(t, ends, p.endOffsets(facts...), "a rebuild appends nothing")
	before.same(t, p.record(ranges))
	fresh := listenSSE(t, "SSE with a cursor at the head", p.base, leaver.ID, token, head)
	again := listenSSE(t, "SSE from the beginning, after the rebuild", p.base, leaver.ID, token, p.info.IDs.ParentAccount+".0")
	page.away(1)
	page.await(2, "connect", "")
	last := p.setUsers(dashboard, ids(everybody[2:]))
	fresh.expect(last) // and nothing that is older
	page.expect(last)
	again.expect(append(old, last)...)
	all.expect(append(old, last)...)

	t.Log("with fetchers that are overdue: nothing is fetched before it has caught up")
	p = p.catchesUpClosed(dashboard, "--account-insights-interval", "5s")
	p.await(patience, "calls to the platforms once it is ready", func() bool { return p.platformCalls() > 0 })
	p.awaitReady()
	rows := strings.Split(before["notices"], "\n")
	require.Equal(t, rows, p.column(noticeRows)[:len(rows)])
	require.Len(t, p.column(noticeRows), len(rows)+2, "and those of the last change, which took two users off the list")
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

// catchesUpClosed drops what is derived, kills the program and starts it anew, as often as it takes until it was seen while it catches up.
func (p *program) catchesUpClosed(dashboard string, flags ...string) *program {
	p.t.Helper()
	for looks, tries := 0, 0; looks == 0; tries++ {
		require.Less(p.t, tries, 10, "it is always ready before it can be looked at")
		p.dropDerived()
		p.Kill()
		info := p.info
		p = launchDemo(p.t, p.dir, flags...)
		p.info = info // the window is before the new demo.json
		looks = p.closedWhileCatchingUp(dashboard)
	}
	return p
}

// closedWhileCatchingUp looks at a program that was just launched, from the moment its port is
// open until it is ready: it must refuse everything and fetch nothing. Readiness is looked at after the
// rest, so that what is judged was asked before it. It returns how often it could look.
func (p *program) closedWhileCatchingUp(dashboard string) (looks int) {
	p.t.Helper()
	p.await(readyWithin, "the port", func() bool { return p.get("", "/healthz").status == http.StatusOK })
	agency := p.info.Tokens["agency"]
	for {
		refusable := map[string]response{
			"GET":       p.get(agency, dashboardPath(dashboard)),
			"PUT":       p.put(agency, dashboardPath(dashboard), `{}`), // the last one may come when it is ready
			"analytics": p.get(agency, "/getAccountInsights/2026-01-01/2026-01-02/0"),
		}
		notices := p.get(agency, "/api/notices?last_event_id=none") // no stream when it is ready, but a 400
		calls := p.platformCalls()
		if p.caughtUp() {
			p.t.Logf("looked %d times while it was catching up", looks)
			return looks
		}
		looks++
		for what, answer := range refusable {
			require.Equal(p.t, http.StatusServiceUnavailable, answer.status, "%s while catching up: %s", what, answer.body)
			answer.refused(p.t, http.StatusServiceUnavailable, "unavailable")
			require.NotEmpty(p.t, answer.header.Get("Retry-After"), what)
		}
		require.Equal(p.t, http.StatusOK, notices.status, "an EventSource must come back")
		require.Regexp(p.t, `^retry: \d+\n\n: [^\n]+\n\n$`, string(notices.body))
		require.Zero(p.t, calls, "calls to the platforms while catching up")
	}
}

// caughtUp tells whether /readyz holds all read models for good.
func (p *program) caughtUp() bool {
	p.t.Helper()
	answer := p.get("", "/readyz")
	require.NoError(p.t, answer.err)
	var body struct {
		Checks []struct {
			Name string
			OK   bool
		}
	}
	require.NoError(p.t, json.Unmarshal(answer.body, &body))
	models := 0
	for _, check := range body.Checks {
		if !strings.HasPrefix(check.Name, "read model ") {
			continue
		}
		models++
		if !check.OK {
			require.Equal(p.t, http.StatusServiceUnavailable, answer.status)
			return false
		}
	}
	require.Positive(p.t, models)
	return true
}
