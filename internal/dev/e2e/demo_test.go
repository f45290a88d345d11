//go:build e2e

package e2e_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A demo is looked at: every chart of the 22 endpoints has something to say, all pictures are its own, and one connection waits for a sign-in.
func TestDemoHasSomethingToShow(t *testing.T) {
	awayFromMidnight(t, 3*time.Minute)
	p := startDemo(t, t.TempDir())
	agency, today := p.info.Tokens["agency"], time.Now().UTC()
	p.get(p.info.Tokens["main_app"], "/api/me").refused(t, http.StatusForbidden, "forbidden") // known, and no reader
	month := today.AddDate(0, 0, -29).Format(time.DateOnly) + "/" + today.Format(time.DateOnly)
	asked := 0
	for _, path := range p.analyticsPaths([]string{month}) {
		if ofOnePlatform.MatchString(path) {
			continue // the member has accounts of some platforms only
		}
		asked++
		answer := p.get(agency, path).ok(t, http.StatusOK)
		requireSubstance(t, path, answer.body)
		require.NotContains(t, string(answer.body), ".invalid", path)
	}
	require.GreaterOrEqual(t, asked, 22)
	require.Equal(t, 1, strings.Count(string(p.get(agency, "/api/platforms").ok(t, http.StatusOK).body), `"state":"reconnect"`))
}

// ofOnePlatform matches paths that ask for one platform.
var ofOnePlatform = regexp.MustCompile(`/[1346](\?|$)|/[1346]/[0-9a-z]+$`)

// requireSubstance wants every list at the top of an answer to have items, and figures that are not 0.
func requireSubstance(t *testing.T, path string, body []byte) {
	t.Helper()
	var answer struct{ Data map[string]any }
	require.NoError(t, json.Unmarshal(body, &answer), path)
	require.NotEmpty(t, answer.Data, path)
	for name, value := range answer.Data {
		if list, ok := value.([]any); ok && name != "as_read" { // what has no other figures, which nothing of a demo lacks
			require.NotEmpty(t, list, "%s: %s is empty", path, name)
		}
	}
	figures := 0
	walk(answer.Data, func(_ string, value any) {
		if n, ok := value.(float64); ok && n != 0 {
			figures++
		}
	})
	require.Greater(t, figures, 3, path)
}

// walk calls visit with each member of a decoded document.
func walk(value any, visit func(name string, value any)) {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			visit(name, member)
			walk(member, visit)
		}
	case []any:
		for _, item := range value {
			walk(item, visit)
		}
	}
}
