//go:build e2e

package e2e_test

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	liveEvent  = "figures_changed"
	liveCursor = "live_cursor"
)

// figuresChanged is the payload of a [liveEvent].
type figuresChanged struct {
	All     bool `json:"all"`
	Changes []struct {
		AccountID       string `json:"account_id"`
		SocialAccountID *int64 `json:"social_account_id"`
		Figures         string `json:"figures"`
	} `json:"changes"`
}

// A page with the browsers' EventSource hears which figures changed, and reads them anew. After a restart
// nobody knows what it has missed, and it is told so.
func TestPageHearsWhichFiguresChanged(t *testing.T) {
	dir := t.TempDir()
	often := func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "LEDGERBOARD_ACCOUNT_INSIGHTS_INTERVAL=1s") }
	start := func() *program {
		known, _ := addresses.LoadOrStore(dir, freeAddress(t))
		p := launch(t, dir, []string{"demo", "--data-dir", dir, "--addr", known.(string)}, often)
		p.base = "http://" + known.(string)
		p.awaitReady()
		return p
	}
	p := start()
	staff := listenJS(t, "staff", "eventsource.js", "", map[string]any{
		"url": p.base, "token": p.info.Tokens["agency"], "path": "/api/live", "events": []string{liveCursor, liveEvent},
	})
	staff.await(1, "event", liveCursor)
	staff.await(1, "event", liveEvent)
	own := append([]string{p.info.IDs.ParentAccount}, p.info.IDs.SubAccounts...)
	for _, line := range staff.all() {
		if line.Text != liveEvent {
			continue
		}
		var event figuresChanged
		require.NoError(t, json.Unmarshal(line.Payload, &event))
		require.False(t, event.All, "nothing was missed")
		require.NotEmpty(t, event.Changes)
		for _, change := range event.Changes {
			require.Contains(t, own, change.AccountID, "only what the caller may see")
		}
	}
	p.Stop()
	staff.away(1)
	p = start()
	p.await(patience, "being told that what was missed is not known", func() bool { // readings of before the stop may come first
		return slices.ContainsFunc(staff.all(), func(line heard) bool {
			var event figuresChanged
			return line.Text == liveEvent && json.Unmarshal(line.Payload, &event) == nil && event.All
		})
	})
	require.Equal(t, http.StatusForbidden, p.get(p.info.Tokens["auditor"], "/api/live").status)
}
