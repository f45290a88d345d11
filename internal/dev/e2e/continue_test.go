//go:build e2e

package e2e_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A start on a data directory that was used before goes on where the last process ended, however that
// ended: it seeds nothing again, and reads and commands go on.
func TestSecondStartContinues(t *testing.T) {
	awayFromMidnight(t, 5*time.Minute)
	dir := t.TempDir()
	p := startDemo(t, dir, frozen...)
	dashboard := p.info.IDs.SubAccounts[0]
	agency := p.info.Tokens["agency"]
	p.record(pastRanges()) // an agency's first GET of a dashboard creates it
	ranges := pastRanges()
	before, ends, secret := p.record(ranges), p.endOffsets(facts...), demoSecret(t, dir)
	unchanged := func() {
		t.Helper()
		require.Equal(t, ends, p.endOffsets(facts...), "a start appends nothing")
		before.same(t, p.record(ranges))
		require.Equal(t, secret, demoSecret(t, dir))
		p.get(agency, dashboardPath(dashboard)).ok(t, http.StatusOK) // the token of the first start is good for the next ones
	}
	allow := func(value bool, key string) document {
		t.Helper()
		body, err := json.Marshal(map[string]any{"allow_client_dashboard": value})
		require.NoError(t, err)
		answer := p.put(agency, dashboardPath(dashboard), string(body), "Idempotency-Key", key).ok(t, http.StatusOK)
		require.Empty(t, answer.header.Get("Idempotency-Replayed"))
		var envelope struct{ Data document }
		answer.into(t, &envelope)
		return p.update(dashboard, map[string]any{})
	}

	p.Stop()
	p = startDemo(t, dir, frozen...)
	unchanged()
	first := allow(false, "first")

	p.Kill()
	p = startDemo(t, dir, frozen...)
	require.Equal(t, first, p.update(dashboard, map[string]any{}), "what was acknowledged before the kill is there")
	repeat := p.put(agency, dashboardPath(dashboard), `{"allow_client_dashboard":false}`, "Idempotency-Key", "first").ok(t, http.StatusOK)
	require.Equal(t, "true", repeat.header.Get("Idempotency-Replayed"), "keys are remembered across a kill")
	second := allow(true, "second")
	require.Equal(t, first.version+1, second.version)
	before, ends = p.record(ranges), p.endOffsets(facts...)

	p.Kill()
	p = startDemo(t, dir, frozen...)
	unchanged()

	t.Log("with live ticks nothing but metrics (and what fetching notes about connections) moves on")
	p.Stop()
	p = startDemo(t, dir, "--account-insights-interval", "5s")
	p.await(patience, "live readings", func() bool {
		moved := false
		for partition, end := range p.endOffsets("metrics") {
			moved = moved || end > ends[partition]
		}
		return moved
	})
	for partition, end := range p.endOffsets("directory", "dashboards") {
		require.Equal(t, ends[partition], end, partition)
	}
	p.Stop()
}

// A first start that is killed while it seeds is finished by the next ones, and nobody can tell: the
// answers are those of a start that was let alone.
func TestFirstStartKilledWhileSeedingIsFinished(t *testing.T) {
	awayFromMidnight(t, 5*time.Minute)
	undisturbed := t.TempDir()
	reference := startDemo(t, undisturbed, frozen...)
	ranges := pastRanges()
	reference.record(ranges)
	expected := reference.record(ranges)
	reference.Stop()

	// The same seed, anchor and secrets, and nothing done yet.
	var state map[string]any
	raw, err := os.ReadFile(filepath.Join(undisturbed, "demo-state.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &state))
	require.Equal(t, true, state["facts_done"])
	require.Equal(t, true, state["changes_done"])
	state["facts_done"], state["changes_done"] = false, false
	raw, err = json.Marshal(state)
	require.NoError(t, err)

	killedWhileSeeding := func() (dir string, killed bool) {
		dir = t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "demo-state.json"), raw, 0o600))
		for _, stage := range []string{"seeding history: ", "changing dashboards: "} {
			p := launchDemo(t, dir, frozen...)
			p.await(readyWithin, stage, func() bool { return strings.Contains(p.output.String(), stage) })
			p.Kill()
			if _, err := os.Stat(filepath.Join(dir, "demo.json")); err == nil {
				return dir, false // it was ready before it was killed: nothing is shown by this
			}
		}
		return dir, true
	}
	dir, killed := killedWhileSeeding()
	for tries := 1; !killed; tries++ {
		require.Less(t, tries, 10, "it is always ready before it is killed")
		dir, killed = killedWhileSeeding()
	}
	p := startDemo(t, dir, frozen...)
	p.record(ranges)
	stable(expected).same(t, stable(p.record(ranges)))
}

// stable leaves out what two logs with the same facts may differ in: ids that were drawn, and with
// them the hashes.
func stable(a answers) answers {
	kept := maps.Clone(a)
	maps.DeleteFunc(kept, func(what, _ string) bool {
		return slices.ContainsFunc([]string{"heads", "history", "keys", "/state", "/diff", "/access", "/audit/"}, func(drawn string) bool {
			return strings.Contains(what, drawn)
		})
	})
	return kept
}
