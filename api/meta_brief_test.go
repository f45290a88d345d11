package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// With meta=brief the frozen answers lack the sources, and nothing else.
func TestBriefAnswersLackTheSourcesAlone(t *testing.T) {
	t.Parallel()
	b, token, paths := goldenQuestions(t)
	for name, path := range paths {
		asked, err := url.Parse("/auth" + path)
		require.NoError(t, err)
		query := asked.Query()
		query.Set("meta", "brief")
		whole, short := b.get(asked.String(), token), b.get(asked.Path+"?"+query.Encode(), token)
		require.Equal(t, http.StatusOK, short.status, short.body)
		want := decoded(t, whole.body).(map[string]any)
		require.Contains(t, want["meta"], "sources", name)
		delete(want["meta"].(map[string]any), "sources")
		require.Equal(t, want, decoded(t, short.body), name)
	}
}

func decoded(t *testing.T, body string) (value any) {
	t.Helper()
	in := json.NewDecoder(strings.NewReader(body))
	in.UseNumber()
	require.NoError(t, in.Decode(&value))
	return value
}
