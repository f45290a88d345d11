package launch_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/demo/launch"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/pictures"
)

// A picture's address is what the sender of the request can open: whatever name, port and prefix it used, itself or
// by way of a proxy that says so. What a proxy or client says amiss does not get into an answer.
func TestSimulatorPictureURLsMatchRequestHost(t *testing.T) {
	t.Parallel()
	answering := launch.NamePictures(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"image":%q}`, simulator.PictureURL(simulator.PicturePost, "7"))
	}))
	for want, said := range map[string]map[string]string{
		"http://demo.example:6001":         {"": "demo.example:6001"},
		"http://[::1]:6001":                {"": "[::1]:6001"},
		"https://boards.example/try/it":    {"": "127.0.0.1:6001", "Proto": "https", "Host": "boards.example", "Prefix": "/try/it/"},
		"https://a.example":                {"": "127.0.0.1:6001", "Proto": "https, http", "Host": "a.example, b.example"},
		"http://127.0.0.1:6001":            {"": "127.0.0.1:6001", "Proto": "javascript", "Host": `x"y`, "Prefix": `/a"b`},
		"http://localhost":                 {"": `"},{`},
		"http://demo.example/_-~/dot.html": {"": "demo.example", "Prefix": "/_-~/dot.html"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/getRoiViews", nil)
		for name, value := range said {
			if name == "" {
				r.Host = value
			} else {
				r.Header.Set("X-Forwarded-"+name, value)
			}
		}
		w := httptest.NewRecorder()
		answering.ServeHTTP(w, r)
		require.JSONEq(t, fmt.Sprintf(`{"image":"%s/demo/pictures/post/7.png"}`, want), w.Body.String())
	}
}

// What the fetchers of a demo take is drawn by the simulator, in pixels, without a network.
func TestDemoPicturesAreFetchedWithoutNetwork(t *testing.T) {
	t.Parallel()
	taker := pictures.New(launch.PicturesOf())
	taken := map[string]bool{}
	for _, kind := range []simulator.Picture{simulator.PicturePost, simulator.PictureVideo} {
		for _, id := range []string{"7", "8"} {
			picture, err := taker.Take(t.Context(), simulator.PictureURL(kind, id))
			require.NoError(t, err)
			require.Equal(t, "image/jpeg", http.DetectContentType(picture))
			require.False(t, taken[string(picture)], "two pictures are alike")
			taken[string(picture)] = true
		}
	}
	_, err := taker.Take(t.Context(), simulator.PicturesURL+"/nothing")
	require.ErrorIs(t, err, pictures.ErrGone)
	_, err = taker.Take(t.Context(), "https://scontent.cdninstagram.com/1.jpg")
	require.ErrorIs(t, err, pictures.ErrAddress, "a demo asks no real host")
}

func TestDemoServesPicturesNextToAPI(t *testing.T) {
	t.Parallel()
	api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	server := launch.ServePictures(map[string]string{"X-Mock": "true"}, api)
	ask := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		server.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	address, err := url.Parse(simulator.PictureURL(simulator.PicturePerson, "ab12"))
	require.NoError(t, err)
	found := ask(http.MethodGet, "/demo/pictures"+address.Path)
	require.Equal(t, http.StatusOK, found.Code)
	require.Equal(t, "true", found.Header().Get("X-Mock"))
	require.Equal(t, "image/png", found.Header().Get("Content-Type"))
	require.Equal(t, http.StatusNotFound, ask(http.MethodGet, "/demo/pictures/nothing").Code)
	require.Equal(t, http.StatusMethodNotAllowed, ask(http.MethodPost, "/demo/pictures"+address.Path).Code)
	require.Equal(t, http.StatusTeapot, ask(http.MethodGet, "/api/users").Code)
}
