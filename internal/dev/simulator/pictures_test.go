package simulator_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

func TestPicturesAreDrawnFromTheirIDs(t *testing.T) {
	t.Parallel()
	fetch := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		simulator.ServePicture(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		return w
	}
	drawn := map[string]bool{}
	for _, kind := range []simulator.Picture{simulator.PicturePost, simulator.PictureVideo, simulator.PicturePage, simulator.PicturePerson} {
		for _, id := range []string{"17912", "1096_33", "urn:li:share:7123", "cac4cd436831fe1038e74fde"} {
			path := strings.TrimPrefix(simulator.PictureURL(kind, id), simulator.PicturesURL)
			first, second := fetch(path), fetch("/any/where"+path)
			require.Equal(t, 200, first.Code, path)
			require.Equal(t, "image/svg+xml", first.Header().Get("Content-Type"))
			require.Contains(t, first.Header().Get("Cache-Control"), "immutable")
			require.Equal(t, first.Body.String(), second.Body.String(), "the same wherever it is served")
			require.Less(t, first.Body.Len(), 8<<10)
			require.False(t, drawn[first.Body.String()], "two pictures are alike")
			drawn[first.Body.String()] = true
			for decoder := xml.NewDecoder(first.Body); ; {
				_, err := decoder.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err, "not well-formed")
			}
		}
	}
	for _, path := range []string{"/", "/post/", "/post/.svg", "/cat/1.svg", "/post/1.png", "/post/" + strings.Repeat("1", 129) + ".svg", "/post/a%22b.svg"} {
		require.Equal(t, 404, fetch(path).Code, path)
	}
}
