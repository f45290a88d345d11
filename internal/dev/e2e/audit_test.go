//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// named is an id with a name.
type named struct {
	ID string `json:"id"`
}

// auditEntry is what one record did to one dashboard.
type auditEntry struct {
	Version   int64     `json:"version"`
	Time      time.Time `json:"time"`
	Type      string    `json:"type"`
	Actor     named     `json:"actor"`
	CommandID string    `json:"command_id"`
	RequestID string    `json:"request_id"`
	Hash      string    `json:"hash"`
	Dashboard named     `json:"dashboard"`
	Changes   struct {
		AccountsLinked   []named `json:"accounts_linked"`
		AccountsUnlinked []named `json:"accounts_unlinked"`
		UsersAdded       []named `json:"users_added"`
		UsersRemoved     []named `json:"users_removed"`
	} `json:"changes"`
}

// replayed is a line of `replay --format json`.
type replayed struct {
	Version      int64     `json:"version"`
	Time         time.Time `json:"time"`
	Event        string    `json:"event"`
	Actor        string    `json:"actor"`
	CommandID    string    `json:"command_id"`
	RequestID    string    `json:"request_id"`
	Hash         string    `json:"hash"`
	Dashboard    string    `json:"dashboard"`
	Linked       []string  `json:"linked"`
	Unlinked     []string  `json:"unlinked"`
	UsersAdded   []string  `json:"users_added"`
	UsersRemoved []string  `json:"users_removed"`
}

// replayed is the line of the log that says the same.
func (e auditEntry) replayed() replayed {
	ids := func(list []named) (found []string) {
		for _, n := range list {
			found = append(found, n.ID)
		}
		return found
	}
	return replayed{
		Version: e.Version, Time: e.Time, Event: e.Type, Actor: e.Actor.ID, CommandID: e.CommandID, RequestID: e.RequestID,
		Hash: e.Hash, Dashboard: e.Dashboard.ID,
		Linked: ids(e.Changes.AccountsLinked), Unlinked: ids(e.Changes.AccountsUnlinked),
		UsersAdded: ids(e.Changes.UsersAdded), UsersRemoved: ids(e.Changes.UsersRemoved),
	}
}

// sorted are lines in one order, whatever order their lists have.
func sorted(list []replayed) []replayed {
	for _, r := range list {
		for _, ids := range [][]string{r.Linked, r.Unlinked, r.UsersAdded, r.UsersRemoved} {
			slices.Sort(ids)
		}
	}
	slices.SortFunc(list, func(a, b replayed) int {
		return strings.Compare(fmt.Sprintf("%09d %s", a.Version, a.Dashboard), fmt.Sprintf("%09d %s", b.Version, b.Dashboard))
	})
	return list
}

// agencyHistory is the whole history of the agency, from page to page.
func (p *program) agencyHistory() (all []auditEntry) {
	p.t.Helper()
	query := url.Values{"limit": {"100"}}
	for {
		var page struct {
			Data []auditEntry
			Meta struct {
				NextCursor string `json:"next_cursor"`
			}
		}
		p.get(p.info.Tokens["auditor"], "/api/audit/history?"+query.Encode()).ok(p.t, http.StatusOK).into(p.t, &page)
		all = append(all, page.Data...)
		if page.Meta.NextCursor == "" {
			return all
		}
		query.Set("cursor", page.Meta.NextCursor)
	}
}

// variables are the settings by which a command reaches a running demo.
func (p *program) variables() map[string]string {
	return map[string]string{
		"KAFKA_BROKERS": strings.Join(p.info.Brokers, ","), "DATABASE_URL": p.info.DatabaseURL, "DATA_DIR": p.dir,
	}
}

// TestAudit is an auditor's way: the history over HTTP is the same from the log, as a file, and
// from a proof that is taken away; all of it verifies.
func TestAudit(t *testing.T) {
	p := startDemo(t, t.TempDir(), "--roles", "api,projector,signer") // nothing is fetched; checkpoints are signed
	parent, key, file := p.info.IDs.ParentAccount, p.info.CheckpointPublicKey, filepath.Join(t.TempDir(), "proof.jsonl")
	history := p.agencyHistory()
	require.Greater(t, len(history), 500, "a year of link history")
	want := make([]replayed, 0, len(history))
	for _, e := range history {
		want = append(want, e.replayed())
	}
	require.Equal(t, sorted(want), replay(t, p.variables(), "--parent", parent))
	exported := p.get(p.info.Tokens["auditor"], "/api/audit/export?format=csv").ok(t, http.StatusOK)
	require.Contains(t, string(exported.body), fmt.Sprintf("complete=true entries=%d", len(history)))
	p.awaitSigned()
	require.Contains(t, succeeds(t, p.variables(), "verify", "--all").out, clean)
	p.Stop()
	succeeds(t, nil, "export", "--data-dir", p.dir, "--parent", parent, "--bundle", file)
	require.Contains(t, succeeds(t, nil, "verify", "--bundle", file, "--key", key).out, clean)
	require.Equal(t, want, replay(t, nil, "--bundle", file, "--key", key))
}

func replay(t *testing.T, variables map[string]string, args ...string) (all []replayed) {
	t.Helper()
	r := succeeds(t, variables, append([]string{"replay", "--format", "json"}, args...)...)
	for line := range strings.Lines(r.out) {
		var value replayed
		require.NoError(t, json.Unmarshal([]byte(line), &value), line)
		all = append(all, value)
	}
	return sorted(all)
}

// awaitSigned waits until the signer counts a checkpoint; the log has it a moment before.
func (p *program) awaitSigned() {
	p.t.Helper()
	p.await(patience, "a signed checkpoint", func() bool {
		return !strings.Contains(string(p.get("", "/metrics").ok(p.t, http.StatusOK).body), `ledgerboard_checkpoint_turns_total{outcome="signed"} 0`)
	})
}
