package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const insightsPath = "/auth/getAccountInsights/2026-01-01/2026-01-31/all"

func setupTagged(t *testing.T, change ...func(*api.Deps)) *bundle {
	t.Helper()
	var b *bundle
	b = setup(t, append([]func(*api.Deps){func(d *api.Deps) {
		d.Positions = positions(func() string { return b.position })
	}}, change...)...)
	b.position = "1"
	return b
}

func TestAnswerThatTheCallerHasIsNotAskedFor(t *testing.T) {
	t.Parallel()
	b := setupTagged(t)
	first := b.get(insightsPath, b.agencyToken())
	require.Equal(t, http.StatusOK, first.status)
	tag := first.header.Get("ETag")
	require.Regexp(t, `^"[0-9a-f]{32}"$`, tag, "strong")
	require.Equal(t, "private, no-cache", first.header.Get("Cache-Control"))
	require.Subset(t, first.header.Values("Vary"), []string{"Accept", "Authorization", "Accept-Encoding"})
	require.Len(t, b.queries, 1)
	for _, match := range []string{tag, "W/" + tag, `"other", ` + tag, "*", tag[:33] + `-gzip"`} {
		again := b.get(insightsPath, b.agencyToken(), "If-None-Match: "+match)
		require.Equal(t, http.StatusNotModified, again.status, match)
		require.Empty(t, again.body)
		require.Equal(t, tag, again.header.Get("ETag"))
		require.Equal(t, "private, no-cache", again.header.Get("Cache-Control"))
	}
	require.Len(t, b.queries, 1, "nothing was queried")
	require.Equal(t, http.StatusOK, b.get(insightsPath, b.agencyToken(), `If-None-Match: "0123"`).status)
	require.Equal(t, tag, b.get(insightsPath[len("/auth"):], b.agencyToken()).header.Get("ETag"), "the same answer under both addresses")
}

// Whatever an answer depends on changes its tag.
func TestTagsOfDifferentAnswersDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	differs := func(what string, answer answer) {
		t.Helper()
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		tag := answer.header.Get("ETag")
		require.NotEmpty(t, tag)
		require.NotContains(t, seen, tag, "%s has the tag of %s", what, seen[tag])
		seen[tag] = what
	}
	b := setupTagged(t)
	differs("the first", b.get(insightsPath, b.agencyToken()))
	differs("another platform", b.get("/auth/getAccountInsights/2026-01-01/2026-01-31/1", b.agencyToken()))
	differs("another range", b.get("/auth/getAccountInsights/2026-01-01/2026-01-30/all", b.agencyToken()))
	differs("another zone", b.get(insightsPath+"?tz=Europe/Berlin", b.agencyToken()))
	differs("a narrower question", b.get(insightsPath+"?account="+client1, b.agencyToken()))
	differs("another form", b.get(insightsPath, b.agencyToken(), "Accept: text/csv"))
	differs("another endpoint", b.get("/auth/getAccountFollowers/2026-01-01/2026-01-31/all", b.agencyToken()))
	b.scoped = []string{client1}
	differs("a viewer who may see less", b.get(insightsPath, b.token(client1, "client")))
	b.scoped = []string{client1, client2}
	differs("one who may see more", b.get(insightsPath, b.token(client1, "client")))
	b.scoped = []string{}
	differs("one who may see nothing", b.get(insightsPath, b.token(client1, "client")))
	b.scoped, b.position = nil, "2"
	differs("tables that have moved", b.get(insightsPath, b.agencyToken()))
	differs("a range up to today", b.get("/auth/getRoiViews", b.agencyToken()))
	b.now = b.now.Add(24 * time.Hour)
	differs("the same range tomorrow", b.get("/auth/getRoiViews", b.token(agency, "agency")))
}

func TestTagIsGivenOnlyToThoseWhoMaySee(t *testing.T) {
	t.Parallel()
	b := setupTagged(t)
	tag := b.get(insightsPath, b.agencyToken()).header.Get("ETag")
	require.Equal(t, http.StatusForbidden, b.get(insightsPath, b.token(agency, "auditor"), "If-None-Match: "+tag).status)
	require.Equal(t, http.StatusUnauthorized, b.ask(http.MethodGet, insightsPath, "", "If-None-Match: "+tag).status)
	b.scopeErr = readmodels.ErrAccountNotFound
	refused := b.get(insightsPath, b.agencyToken(), "If-None-Match: *")
	require.Equal(t, http.StatusNotFound, refused.status)
	require.Empty(t, refused.header.Get("ETag"))
	require.Equal(t, "no-store", refused.header.Get("Cache-Control"))
}

func TestNoTagWithoutPositions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	answer := b.get(insightsPath, b.agencyToken(), "If-None-Match: *")
	require.Equal(t, http.StatusOK, answer.status)
	require.Empty(t, answer.header.Get("ETag"))
	require.Equal(t, "no-store", answer.header.Get("Cache-Control"))
}
