package contract_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

type exchange struct {
	Get    string            `json:"get"`  // path and the parameters that matter
	Post   string            `json:"post"` // the same, for POST
	With   string            `json:"with"` // part of the body; of a form's decoded one
	Header map[string]string `json:"header"`
	Status int               `json:"status"` // 200
	Answer json.RawMessage   `json:"answer"`

	used bool
}

type wire struct {
	*httptest.Server

	t         *testing.T
	mu        sync.Mutex
	exchanges []*exchange
	strangers []string // calls that no entry fits
}

func newWire(t *testing.T, name string) *wire {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	require.NoError(t, err)
	w := &wire{t: t}
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&w.exchanges))
	w.Server = httptest.NewServer(http.HandlerFunc(w.answer))
	t.Cleanup(w.Close)
	return w
}

func (w *wire) answer(out http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	body := string(raw)
	if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		body, _ = url.QueryUnescape(body)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.exchanges {
		if !e.fits(r, body) {
			continue
		}
		e.used = true
		out.Header().Set("Content-Type", "application/json")
		if e.Status != 0 {
			out.WriteHeader(e.Status)
		}
		_, _ = out.Write(e.Answer)
		return
	}
	query, _ := url.QueryUnescape(r.URL.RawQuery)
	w.strangers = append(w.strangers, r.Method+" "+r.URL.Path+"?"+query+" "+body)
	out.WriteHeader(http.StatusInternalServerError)
}

func (e *exchange) fits(r *http.Request, body string) bool {
	method, address := http.MethodGet, e.Get
	if e.Post != "" {
		method, address = http.MethodPost, e.Post
	}
	path, parameters, _ := strings.Cut(address, "?")
	if r.Method != method || r.URL.Path != path || !strings.Contains(body, e.With) {
		return false
	}
	for name, value := range e.Header {
		if r.Header.Get(name) != value {
			return false
		}
	}
	asked := r.URL.Query()
	for parameter := range strings.SplitSeq(parameters, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		if name != "" && asked.Get(name) != value {
			return false
		}
	}
	return true
}

// requireSpoken: every call was foreseen, and every foreseen call was made.
func (w *wire) requireSpoken() {
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Empty(w.t, w.strangers, "calls that the file does not know")
	for _, e := range w.exchanges {
		require.True(w.t, e.used, "never asked: %s%s %s", e.Get, e.Post, e.With)
	}
}
