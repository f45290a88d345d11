package sdks_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

func TestMain(m *testing.M) { leaks.Main(m) }

const (
	seed   = 7
	secret = "Secret0fTheApplication42"
)

// now is a Thursday noon in winter, 04:00 in California.
var now = time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC)

// world is a simulator and its address.
type world struct {
	*simulator.Server
	url string
}

func newWorld(t *testing.T, cfg simulator.Config) world {
	t.Helper()
	cfg.Seed, cfg.Clock = seed, func() time.Time { return now }
	sim := simulator.New(cfg)
	return world{sim, ledgertest.Serve(t, sim)}
}

// posts are the posts that a platform shows of an account, newest first.
func (w world) posts(p domain.Platform, id string, shown func(simulator.Post) bool) (posts []simulator.Post) {
	for _, post := range w.Posts(p, id, now) {
		if !post.Dead && shown(post) {
			posts = append(posts, post)
		}
	}
	return posts
}

// read runs a program of an SDK and requires that it reads what is wanted.
func read(t *testing.T, folder, script string, config, want map[string]any) {
	t.Helper()
	type section struct {
		What string
		Read json.RawMessage
	}
	sections := make(chan section, 100)
	needs.Script(t, filepath.Join("testdata", folder), script, config, func(s section) { sections <- s })
	got := map[string]json.RawMessage{}
	patience := time.After(ledgertest.Patience)
	for {
		select {
		case s := <-sections:
			got[s.What] = s.Read
			if s.What != "end" {
				continue
			}
		case <-patience:
			require.Fail(t, "the program does not end")
		}
		break
	}
	require.Empty(t, string(got["failed"]))
	delete(got, "end")
	for what, expected := range want {
		raw, err := json.Marshal(expected)
		require.NoError(t, err)
		require.Contains(t, got, what)
		require.JSONEq(t, string(raw), string(got[what]), what)
		delete(got, what)
	}
	require.Empty(t, slices.Collect(maps.Keys(got)), "it read more than is wanted")
}
