package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

func TestAnswersAreCompressedByAcceptEncoding(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.large = 50
	plain := b.get(insightsPath, b.agencyToken())
	require.Empty(t, plain.header.Get("Content-Encoding"))
	open := map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
	}
	for accept, want := range map[string]string{
		"gzip": "gzip", "zstd": "zstd", "gzip, deflate, br, zstd": "zstd", "gzip, zstd;q=0.5": "gzip",
		"identity": "", "br": "", "gzip;q=0": "",
	} {
		answer := ask(t, b.server, http.MethodGet, insightsPath, "", "Authorization: Bearer "+b.agencyToken(), "Accept-Encoding: "+accept)
		require.Equal(t, want, answer.header.Get("Content-Encoding"), accept)
		require.Contains(t, answer.header.Values("Vary"), "Accept-Encoding")
		if want == "" {
			require.Equal(t, plain.body, answer.body)
			continue
		}
		require.Less(t, len(answer.body), len(plain.body)/5)
		require.Equal(t, strings.TrimSuffix(plain.header.Get("ETag"), `"`)+"-"+want+`"`, answer.header.Get("ETag"), "a strong tag names bytes")
		unpacked, err := open[want](strings.NewReader(answer.body))
		require.NoError(t, err)
		text, err := io.ReadAll(unpacked)
		require.NoError(t, err)
		require.Equal(t, plain.body, string(text))
		again := ask(t, b.server, http.MethodGet, insightsPath, "", "Authorization: Bearer "+b.agencyToken(),
			"Accept-Encoding: "+accept, "If-None-Match: "+answer.header.Get("ETag"))
		require.Equal(t, http.StatusNotModified, again.status)
		require.Equal(t, answer.header.Get("ETag"), again.header.Get("ETag"), "a cache may not update a body by the tag of another")
	}
	b.large = 0
	small := ask(t, b.server, http.MethodGet, "/healthz", "", "Accept-Encoding: gzip")
	require.Empty(t, small.header.Get("Content-Encoding"), "not worth it")
}

// The tag of a dashboard is its version, for every caller: its answers are not compressed.
func TestTagOfADashboardIsItsVersion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	large := view(client1, 7)
	for range 100 {
		large.Users = append(large.Users, readmodels.DashboardUser{ID: alice, Name: "Alice"})
	}
	b.views[agency+"/"+client1] = large
	answer := b.get(dashboardPath+client1, b.agencyToken(), "Accept-Encoding: gzip, zstd")
	require.Equal(t, `"7"`, answer.header.Get("ETag"))
	require.Empty(t, answer.header.Get("Content-Encoding"))
}

// A stream is neither compressed nor held back: its first event comes while it is open.
func TestStreamsAreNotCompressed(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) { d.Streams = quietHub(t) })
	server := httptest.NewServer(b.server)
	t.Cleanup(server.Close)
	s := b.listen(server.URL+"/api/notices", b.agencyToken(), "Accept-Encoding: gzip, zstd")
	require.Empty(t, s.response.Header.Get("Content-Encoding"))
	begin := make([]byte, len("retry: 1000\n\nevent: notice_cursor"))
	_, err := io.ReadFull(s.response.Body, begin)
	require.NoError(t, err)
	require.Regexp(t, `^retry: \d{4}\n\nevent: notice_cursor$`, string(begin))
}

// A filter meets each answer before it is compressed, and no stream.
func TestFilterMeetsPlainAnswers(t *testing.T) {
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
	require.True(t, strings.HasSuffix(plain.body, space))
	zipped := ask(t, b.server, http.MethodGet, insightsPath, "", "Authorization: Bearer "+b.agencyToken(), "Accept-Encoding: gzip")
	require.Equal(t, "gzip", zipped.header.Get("Content-Encoding"))
	unpacked, err := gzip.NewReader(strings.NewReader(zipped.body))
	require.NoError(t, err)
	text, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	require.Equal(t, plain.body, string(text))
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
