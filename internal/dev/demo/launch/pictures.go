package launch

import (
	"bytes"
	"cmp"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"

	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/pictures"
)

// PicturesOf is where the fetchers of a demo take pictures: the simulator draws them, and no network is asked.
func PicturesOf() pictures.Config {
	return pictures.Config{Hosts: []string{strings.TrimPrefix(simulator.PicturesURL, "https://")}, Transport: drawn{}}
}

// drawn answers what is asked with the simulator's pictures.
type drawn struct{}

// RoundTrip implements [http.RoundTripper].
func (drawn) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	simulator.ServePicture(w, r)
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

// picturesPath is where a demo serves the pictures that its answers name.
const picturesPath = "/demo/pictures"

// ServePictures serves the simulator's pictures beside next, with headers on each.
func ServePictures(headers map[string]string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, picturesPath+"/") {
			next.ServeHTTP(w, r)
			return
		}
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "Pictures are read with GET.", http.StatusMethodNotAllowed)
			return
		}
		simulator.ServePicture(w, r)
	})
}

// NamePictures puts into the answers of next where the sender of the request reaches the pictures. The log cannot
// say it: a demo that starts again may listen elsewhere, and a proxy may serve it under another name and path.
func NamePictures(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&naming{ResponseWriter: w, base: []byte(reachedAt(r) + picturesPath)}, r)
	})
}

// naming replaces addresses in what is written. An endpoint writes a body, or a row of an export, whole.
type naming struct {
	http.ResponseWriter
	base []byte
}

// Write implements [http.ResponseWriter].
func (n *naming) Write(body []byte) (int, error) {
	if _, err := n.ResponseWriter.Write(bytes.ReplaceAll(body, []byte(simulator.PicturesURL), n.base)); err != nil {
		return 0, err //nolint:wrapcheck // it stands for the writer
	}
	return len(body), nil
}

// Unwrap lets [http.ResponseController] reach the connection.
func (n *naming) Unwrap() http.ResponseWriter { return n.ResponseWriter }

var (
	schemeForm = regexp.MustCompile(`^https?$`)
	hostForm   = regexp.MustCompile(`^[0-9A-Za-z.:_\[\]-]+$`)
	prefixForm = regexp.MustCompile(`^(/[0-9A-Za-z._~-]+)+$`)
)

// reachedAt is the address of this service as the sender of a request wrote it, or the proxy before us. It ends up in
// JSON, so that a name of another form counts for nothing.
func reachedAt(r *http.Request) string {
	forwarded := func(name string, form *regexp.Regexp) string {
		first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-"+name), ",")
		if first = strings.TrimSuffix(strings.TrimSpace(first), "/"); form.MatchString(first) {
			return first
		}
		return ""
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	host := "localhost"
	if hostForm.MatchString(r.Host) {
		host = r.Host
	}
	return cmp.Or(forwarded("Proto", schemeForm), scheme) + "://" +
		cmp.Or(forwarded("Host", hostForm), host) + forwarded("Prefix", prefixForm)
}
