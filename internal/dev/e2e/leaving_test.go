//go:build e2e

package e2e_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Somebody who leaves is cut off while they listen, by the stock clients' own doing: every open page of theirs ends and none
// comes back, also not over the other transport; a colleague hears nothing of it.
func TestWhoLeavesIsCutOffOnEveryPage(t *testing.T) {
	dir := t.TempDir()
	p := startDemo(t, dir)
	everybody := p.listed(p.info.IDs.SubAccounts[0])
	require.GreaterOrEqual(t, len(everybody), 2, "the demo's first dashboard has too few users for this test")
	leaver, stayer := everybody[0], everybody[1]
	token, account := p.clientToken(leaver), leaver.Account
	open := []*listener{
		listenSocketIO(t, "websocket", p.base, leaver.ID, token, "websocket"),
		listenSocketIO(t, "polling", p.base, leaver.ID, token, "polling"),
		listenEventSource(t, "EventSource", p.base, leaver.ID, token),
		listenSSE(t, "SSE", p.base, leaver.ID, token, ""),
	}
	colleague := listenSocketIO(t, "a colleague", p.base, stayer.ID, p.clientToken(stayer))
	p.get(token, dashboardPath(account)).ok(t, http.StatusOK)

	left, err := json.Marshal(map[string]any{"type": "directory.user.v1", "data": map[string]any{
		"id": leaver.ID, "account_id": account, "name": "Left Yesterday", "is_owner": false, "active": false, "reset_pending": false, "updated_at": time.Now().UTC(),
	}})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "left.jsonl")
	require.NoError(t, os.WriteFile(file, left, 0o600))
	taken := command(t, map[string]string{"KAFKA_BROKERS": strings.Join(p.info.Brokers, ",")}, "import", file)
	require.Equal(t, done, taken.code, taken.err)

	for _, l := range open {
		l.away(1)
	}
	refused := []int{http.StatusUnauthorized, http.StatusForbidden}
	require.Contains(t, refused, p.get(token, dashboardPath(account)).status)
	for _, transport := range []string{"websocket", "polling"} {
		late := listenJS(t, transport+", late", "socketio.js", leaver.ID, map[string]any{"url": p.base, "token": token, "transports": []string{transport}})
		late.await(1, "connect_error", "")
		require.Zero(t, late.count("event", ""), late.transcript())
	}
	for _, l := range open {
		require.Zero(t, l.count("event", noticeEvent), "to leave is no change of a dashboard: %s", l.transcript())
	}
	require.Zero(t, colleague.count("disconnect", ""), colleague.transcript())
	p.get(p.clientToken(stayer), dashboardPath(stayer.Account)).ok(t, http.StatusOK)
}
