package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const insightsPath = "/auth/getAccountInsights/2026-01-01/2026-01-31/all"

func TestIfNoneMatchReturns304(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, accept := range []string{"application/json", "text/csv"} {
		first := b.get(insightsPath, b.agencyToken(), "Accept: "+accept).Says(t, http.StatusOK)
		tag := first.Header.Get("ETag")
		require.Regexp(t, `^"[0-9a-f]{32}"$`, tag, "strong")
		require.Equal(t, "private, no-cache", first.Header.Get("Cache-Control"))
		require.Subset(t, first.Header.Values("Vary"), []string{"Accept", "Authorization", "Accept-Encoding"})
		zipped := tag[:33] + `-gzip"`
		for match, of := range map[string]string{
			tag: tag, "W/" + tag: tag, `"other", ` + tag: tag, "*": tag, zipped: zipped, "W/" + zipped: zipped,
			`"a,b",` + tag + ",": tag, tag[:33] + `-br"`: tag[:33] + `-br"`,
		} {
			again := b.get(insightsPath, b.agencyToken(), "Accept: "+accept, "If-None-Match: "+match)
			require.Equal(t, http.StatusNotModified, again.Status, match)
			require.Empty(t, again.Body)
			require.Equal(t, of, again.Header.Get("ETag"), "of the body that the caller has")
			require.Equal(t, "private, no-cache", again.Header.Get("Cache-Control"))
			require.Empty(t, again.Header.Get("Content-Type"))
			require.Empty(t, again.Header.Get("Content-Disposition"))
		}
		for _, match := range []string{`"0123"`, `"*"`, tag[:20], `"` + tag, ""} {
			require.Equal(t, http.StatusOK, b.get(insightsPath, b.agencyToken(), "Accept: "+accept, "If-None-Match: "+match).Status, match)
		}
		require.Equal(t, tag, b.get(insightsPath[len("/auth"):], b.agencyToken(), "Accept: "+accept).Header.Get("ETag"), "the same answer under both addresses")
	}
}

// Whatever changes an answer changes its tag.
func TestETagChangesWithResponse(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	differs := func(what string, answer ledgertest.Answer) {
		t.Helper()
		require.Equal(t, http.StatusOK, answer.Status, answer.Body)
		tag := answer.Header.Get("ETag")
		require.NotEmpty(t, tag)
		require.NotContains(t, seen, tag, "%s has the tag of %s", what, seen[tag])
		seen[tag] = what
	}
	b := setup(t)
	differs("the first", b.get(insightsPath, b.agencyToken()))
	differs("another range", b.get("/auth/getAccountInsights/2026-01-01/2026-01-30/all", b.agencyToken()))
	differs("another zone", b.get(insightsPath+"?tz=Europe/Berlin", b.agencyToken()))
	differs("another form", b.get(insightsPath, b.agencyToken(), "Accept: text/csv"))
	differs("another endpoint", b.get("/auth/getAccountFollowers/2026-01-01/2026-01-31/all", b.agencyToken()))
	b.large = 1
	differs("other figures", b.get(insightsPath, b.agencyToken()))
	differs("other figures in another form", b.get(insightsPath, b.agencyToken(), "Accept: text/csv"))
	b.meta.NextCursor = "x"
	differs("a page before another", b.get(insightsPath, b.agencyToken()))
	differs("a table before another", b.get(insightsPath, b.agencyToken(), "Accept: text/csv"))
	differs("a range up to today", b.get("/auth/getRoiViews", b.agencyToken()))
	b.now = b.now.Add(24 * time.Hour)
	differs("the same range tomorrow", b.get("/auth/getRoiViews", b.agencyToken()))
}

func TestRefusedRequestGetsNoETag(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tag := b.get(insightsPath, b.agencyToken()).Header.Get("ETag")
	require.Equal(t, http.StatusForbidden, b.get(insightsPath, b.token(agency, "auditor"), "If-None-Match: "+tag).Status)
	require.Equal(t, http.StatusUnauthorized, b.ask(http.MethodGet, insightsPath, "", "If-None-Match: "+tag).Status)
	b.scopeErr = readmodels.ErrAccountNotFound
	refused := b.get(insightsPath, b.agencyToken(), "If-None-Match: *").Says(t, http.StatusNotFound)
	require.Empty(t, refused.Header.Get("ETag"))
	require.Equal(t, "no-store", refused.Header.Get("Cache-Control"))
}

// What another agency's accounts do is no news to this one's browsers: they keep what they have.
func TestETagIgnoresReadingsOfOtherAgencies(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	readings := 0
	read := func(owner domain.Tenant) {
		t.Helper()
		readings++
		at := time.Date(2026, 1, 3, readings, 0, 0, 0, time.UTC)
		require.NoError(t, b.facts.Append(t.Context(), commands.NewDraft(domain.TopicMetrics, owner.Key(), domain.AccountRead{
			Tenant: owner, Platform: domain.Facebook, CapturedAt: at,
			Figures: []domain.Figure{{Name: domain.MetricFollowers, Kind: domain.Stock, Value: int64(readings), Source: "followers_count"}},
		}, at)))
	}
	ours := domain.Tenant{ParentAccount: agency, AccountID: client1, MemberID: 7, SocialAccount: 70}
	theirs := domain.Tenant{ParentAccount: otherAgency, AccountID: otherClient, MemberID: 8, SocialAccount: 80}
	read(ours)
	tag := b.get(insightsPath, b.agencyToken()).Header.Get("ETag")
	read(theirs)
	require.Equal(t, http.StatusNotModified, b.get(insightsPath, b.agencyToken(), "If-None-Match: "+tag).Status)
	require.Equal(t, http.StatusNotFound, b.get("/auth/member-followers-graph/8", b.agencyToken(), "If-None-Match: *").Status, "what does not exist did not stay the same")
	read(ours)
	fresh := b.get(insightsPath, b.agencyToken(), "If-None-Match: "+tag).Says(t, http.StatusOK)
	require.NotEqual(t, tag, fresh.Header.Get("ETag"))
}

func TestAnswersAreCompressedByAcceptEncoding(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.large = 50
	plain := b.get(insightsPath, b.agencyToken())
	require.Empty(t, plain.Header.Get("Content-Encoding"))
	open := map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
	}
	for accept, want := range map[string]string{
		"gzip": "gzip", "zstd": "zstd", "gzip, deflate, br, zstd": "zstd", "gzip, zstd;q=0.5": "gzip",
		"identity": "", "br": "", "gzip;q=0": "",
	} {
		answer := ledgertest.Ask(t, b.server, http.MethodGet, insightsPath, "", "Authorization: Bearer "+b.agencyToken(), "Accept-Encoding: "+accept)
		require.Equal(t, want, answer.Header.Get("Content-Encoding"), accept)
		require.Contains(t, answer.Header.Values("Vary"), "Accept-Encoding")
		if want == "" {
			require.Equal(t, plain.Body, answer.Body)
			continue
		}
		require.Less(t, len(answer.Body), len(plain.Body)/5)
		require.Equal(t, strings.TrimSuffix(plain.Header.Get("ETag"), `"`)+"-"+want+`"`, answer.Header.Get("ETag"), "a strong tag names bytes")
		unpacked, err := open[want](strings.NewReader(answer.Body))
		require.NoError(t, err)
		text, err := io.ReadAll(unpacked)
		require.NoError(t, err)
		require.Equal(t, plain.Body, string(text))
		again := ledgertest.Ask(t, b.server, http.MethodGet, insightsPath, "", "Authorization: Bearer "+b.agencyToken(),
			"Accept-Encoding: "+accept, "If-None-Match: "+answer.Header.Get("ETag"))
		require.Equal(t, http.StatusNotModified, again.Status)
		require.Equal(t, answer.Header.Get("ETag"), again.Header.Get("ETag"), "a cache may not update a body by the tag of another")
	}
	b.large = 0
	small := ledgertest.Ask(t, b.server, http.MethodGet, "/healthz", "", "Accept-Encoding: gzip")
	require.Empty(t, small.Header.Get("Content-Encoding"), "not worth it")
}

// A filter meets each answer before it is compressed, and no stream.
func TestResponseFilterRunsBeforeCompression(t *testing.T) {
	t.Parallel()
	var met []string
	b := setup(t, func(d *api.Deps) {
		d.Streams = quietHub(t)
		d.Config.Filter = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				met = append(met, r.URL.Path)
				next.ServeHTTP(spacing{w}, r)
			})
		}
	})
	b.large = 50
	plain := b.get(insightsPath, b.agencyToken())
	require.True(t, strings.HasSuffix(plain.Body, space))
	zipped := ledgertest.Ask(t, b.server, http.MethodGet, insightsPath, "", "Authorization: Bearer "+b.agencyToken(), "Accept-Encoding: gzip")
	require.Equal(t, "gzip", zipped.Header.Get("Content-Encoding"))
	unpacked, err := gzip.NewReader(strings.NewReader(zipped.Body))
	require.NoError(t, err)
	text, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	require.Equal(t, plain.Body, string(text))
	b.get("/api/notices", "") // nobody: it is refused at once
	path, _, _ := strings.Cut(insightsPath, "?")
	require.Equal(t, []string{path, path}, met)
}

// spacing writes white space behind what is written.
type spacing struct{ http.ResponseWriter }

const space = " \t \n"

func (s spacing) Write(p []byte) (int, error) {
	_, err := s.ResponseWriter.Write([]byte(string(p) + space))
	return len(p), err
}
