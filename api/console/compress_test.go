package console_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api/console"
)

func takesGzip(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd") }

// Pages, style and scripts are compressed for clients that accept it, with the same content.
func TestPagesAreCompressed(t *testing.T) {
	t.Parallel()
	b := newStage(t).signedIn("auditor")
	compressed := 0
	for _, at := range append(console.Assets(), "/console/sessions", "/console/nowhere") {
		plain := b.get(at)
		require.Empty(t, plain.Header().Get("Content-Encoding"), at)
		if plain.Body.Len() < 1024 {
			continue // not worth it
		}
		compressed++
		answer := b.send(http.MethodGet, at, nil, takesGzip)
		require.Equal(t, plain.Code, answer.Code, at)
		require.Equal(t, plain.Header().Get("Content-Type"), answer.Header().Get("Content-Type"), at)
		require.Contains(t, answer.Header().Values("Vary"), "Accept-Encoding", at)
		require.Less(t, answer.Body.Len(), plain.Body.Len(), at)
		unpacked, err := gzip.NewReader(answer.Body)
		require.NoError(t, err, at)
		require.NotEmpty(t, unpacked.Comment, "without a jitter its length would tell what it says")
		text, err := io.ReadAll(unpacked)
		require.NoError(t, err, at)
		require.Equal(t, plain.Body.String(), string(text), at)
	}
	require.Greater(t, compressed, 5)
}
