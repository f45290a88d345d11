//go:build e2e

package e2e_test

import (
	"cmp"
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

// auditEntry is what one record did to one dashboard, as the history has it.
type auditEntry struct {
	Version   int64
	Time      time.Time
	Type      string
	Actor     struct{ ID string }
	Hash      string
	Dashboard struct{ ID string }
}

// replayed is a line of `replay --format json`.
type replayed struct {
	Version                       int64
	Time                          time.Time
	Event, Actor, Hash, Dashboard string
}

func sorted(list []replayed) []replayed {
	slices.SortFunc(list, func(a, b replayed) int {
		return cmp.Or(cmp.Compare(a.Version, b.Version), strings.Compare(a.Dashboard, b.Dashboard))
	})
	return list
}

func (p *program) agencyHistory() (all []auditEntry) {
	query := url.Values{"limit": {"100"}}
	for {
		var page struct {
			Data []auditEntry
			Meta struct {
				NextCursor string `json:"next_cursor"`
			}
		}
		p.get(p.info.Tokens["auditor"], "/api/audit/history?"+query.Encode()).Says(p.t, http.StatusOK).Into(p.t, &page)
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

const clean = "nothing was altered, removed, inserted or reordered up to the checkpoint of"

// TestAudit compares the history over HTTP, from the log, as a file and from a bundle.
func TestAudit(t *testing.T) {
	p := startDemo(t, t.TempDir(), "--roles", "api,projector,signer") // nothing is fetched; checkpoints are signed
	parent, key, file := p.info.IDs.ParentAccount, p.info.CheckpointPublicKey, filepath.Join(t.TempDir(), "proof.jsonl")
	history := p.agencyHistory()
	require.Greater(t, len(history), 500, "a year of link history")
	want := make([]replayed, 0, len(history))
	for _, e := range history {
		want = append(want, replayed{e.Version, e.Time, e.Type, e.Actor.ID, e.Hash, e.Dashboard.ID})
	}
	require.Equal(t, sorted(want), replay(t, p.variables(), "--parent", parent))
	exported := p.get(p.info.Tokens["auditor"], "/api/audit/export?format=csv").Says(t, http.StatusOK)
	require.Contains(t, exported.Body, fmt.Sprintf("complete=true entries=%d", len(history)))
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
	p.await(patience, "a signed checkpoint", func() bool {
		return !strings.Contains(p.get("", "/metrics").Says(p.t, http.StatusOK).Body, `ledgerboard_checkpoint_turns_total{outcome="signed"} 0`)
	})
}
