package mount_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// Under each router and its middleware, an answer is compressed at most once, and the first event of
// a stream arrives although the client accepts gzip.
func testHosts(t *testing.T, r running) {
	process := exec.Command(built(t, "hosts"))
	process.Env = append(ledgertest.Environ(),
		"LEDGERBOARD_KAFKA_BROKERS="+strings.Join(r.brokers, ","), "LEDGERBOARD_DATABASE_URL="+r.databaseURL)
	hosts, err := ledgertest.Start(process)
	require.NoError(t, err)
	t.Cleanup(func() { _ = hosts.Process.Kill(); <-hosts.Ended })
	const number = 7
	addresses := map[string]string{}
	ledgertest.Eventually(t, func() bool {
		for line := range strings.Lines(hosts.Output.String()) {
			if name, address, found := strings.Cut(strings.TrimSpace(line), " 127.0.0.1:"); found {
				addresses[name] = "http://127.0.0.1:" + address
			}
		}
		return len(addresses) == number || !hosts.Running()
	})
	require.Len(t, addresses, number, "%s", &hosts.Output)
	for name, base := range addresses {
		t.Run(name, func(t *testing.T) { testHost(t, base) })
	}
}

func testHost(t *testing.T, base string) {
	ask := func(path string) *http.Response {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/boards"+path, http.NoBody)
		require.NoError(t, err)
		request.Header.Set("Accept-Encoding", "gzip") // the client of net/http does not decode then
		answer, err := ledgertest.Once.Do(request)
		require.NoError(t, err)
		return answer
	}
	read := func(answer *http.Response) string {
		t.Helper()
		defer answer.Body.Close()
		body := io.Reader(answer.Body)
		if answer.Header.Get("Content-Encoding") == "gzip" {
			var err error
			body, err = gzip.NewReader(body)
			require.NoError(t, err)
		}
		text, err := io.ReadAll(body)
		require.NoError(t, err)
		return string(text)
	}
	ledgertest.Eventually(t, func() bool {
		answer := ask("/readyz") //nolint:bodyclose // read closes it
		_ = read(answer)
		return answer.StatusCode == http.StatusOK
	})
	for _, path := range []string{"/openapi.json", "/api/me"} { // one is large enough to be compressed
		answer := ask(path) //nolint:bodyclose // read closes it
		require.Equal(t, http.StatusOK, answer.StatusCode)
		require.True(t, json.Valid([]byte(read(answer))), path)
	}
	stream := ask("/api/notices")
	defer stream.Body.Close()
	require.Equal(t, http.StatusOK, stream.StatusCode)
	events := io.Reader(stream.Body)
	if stream.Header.Get("Content-Encoding") == "gzip" {
		var err error
		events, err = gzip.NewReader(events)
		require.NoError(t, err)
	}
	lines := bufio.NewScanner(events)
	for lines.Scan() && lines.Text() != "event: notice_cursor" { // the first event of a stream
	}
	require.Equal(t, "event: notice_cursor", lines.Text())
}
