package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// A body that does not come is not waited for, whatever is asked: nobody has to prove anything for that.
func TestSlowBodiesAreCutEverywhere(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) {
		d.Config.RequestTimeout = 200 * time.Millisecond
		d.Streams = stream.New(nil, stream.Config{})
		d.Metrics = http.NotFoundHandler()
	})
	served := httptest.NewServer(b.server)
	t.Cleanup(served.Close)
	for _, c := range []struct {
		request string
		status  int
	}{
		{"POST /nothing/here", http.StatusNotFound},
		{"DELETE /api/projects/dashboard/" + client1, http.StatusMethodNotAllowed},
		{"GET /api/notices", http.StatusUnauthorized},
		{"GET /api/live", http.StatusUnauthorized},
		{"GET /healthz", http.StatusOK},
		{"GET /metrics", http.StatusNotFound},
		{"PUT /api/projects/dashboard/" + client1, http.StatusUnauthorized},
		{"POST /socket.io/?EIO=4&transport=polling", http.StatusBadRequest},
		{"POST /socket.io/?EIO=4&transport=polling&sid=none", http.StatusBadRequest},
		{"GET /socket.io/?EIO=4&transport=polling", http.StatusOK},
		{"OPTIONS /api/projects/dashboard/" + client1, http.StatusNoContent},
	} {
		for _, length := range []string{"Content-Length: 1000", "Transfer-Encoding: chunked"} {
			t.Run(c.request+" "+length, func(t *testing.T) {
				t.Parallel()
				conn, err := net.Dial("tcp", served.Listener.Addr().String())
				require.NoError(t, err)
				defer conn.Close()
				require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
				_, err = fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: test\r\n%s\r\n\r\n", c.request, length)
				require.NoError(t, err)
				reader := bufio.NewReader(conn)
				response, err := http.ReadResponse(reader, nil)
				require.NoError(t, err, "it is answered")
				defer response.Body.Close()
				require.Equal(t, c.status, response.StatusCode)
				_, err = io.Copy(io.Discard, response.Body)
				require.NoError(t, err)
				_, err = reader.ReadByte()
				require.ErrorIs(t, err, io.EOF, "the connection is closed")
			})
		}
	}
}

// A body that came whole bounds nothing any more: what is sent behind it, as a long export, is not cut when the time for bodies is over.
func TestAnswersOutliveTheTimeOfTheirBodies(t *testing.T) {
	t.Parallel()
	const limit = 3 * time.Second // a busy machine reads a body later than it came
	served := httptest.NewServer(api.BoundBodies(limit, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		_, _ = io.WriteString(w, "begun, ")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done(): // net/http takes the caller for gone
		case <-time.After(2 * limit):
			_, _ = io.WriteString(w, "ended")
		}
	})))
	t.Cleanup(served.Close)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			request, err := http.NewRequestWithContext(t.Context(), method, served.URL, strings.NewReader("{}"))
			require.NoError(t, err)
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, "begun, ended", string(text))
		})
	}
}
