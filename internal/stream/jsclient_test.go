package stream_test

import (
	"encoding/json"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

// heard is a line printed by testdata/js/client.js.
type heard struct {
	Kind      string            `json:"kind"`
	Text      string            `json:"text"`
	Transport string            `json:"transport"`
	Active    bool              `json:"active"` // the client will reconnect automatically
	Args      []json.RawMessage `json:"args"`
}

// jsClient is a Node process with the stock client.
type jsClient struct {
	t     *testing.T
	stdin io.Writer
	lines chan heard
}

type jsConfig struct {
	URL        string            `json:"url"`
	Transports []string          `json:"transports,omitempty"`
	Auth       map[string]any    `json:"auth,omitempty"`
	Headers    map[string]string `json:"headers,omitempty"`
}

func startJS(t *testing.T, cfg jsConfig) *jsClient {
	t.Helper()
	c := &jsClient{t: t, lines: make(chan heard, 1000)}
	c.stdin = needs.Node(t, filepath.Join("testdata", "js"), "client.js", cfg, func(line heard) { c.lines <- line })
	return c
}

// until returns the next line of a kind and, unless empty, a text. It skips other lines.
func (c *jsClient) until(kind, text string) heard {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case line := <-c.lines:
			if line.Kind == kind && (text == "" || line.Text == text) {
				return line
			}
		case <-deadline:
			c.t.Fatalf("the client did not report %s %s", kind, text)
		}
	}
}

// notices returns the ids of the notices that the client got, up to the one with the given id.
func (c *jsClient) notices(last string) (ids []string) {
	c.t.Helper()
	for {
		line := c.until("event", "client_access_removed")
		require.Len(c.t, line.Args, 2)
		var noticeID string
		require.NoError(c.t, json.Unmarshal(line.Args[1], &noticeID))
		ids = append(ids, noticeID)
		if noticeID == last {
			return ids
		}
	}
}

func (c *jsClient) tell(command map[string]any) {
	c.t.Helper()
	raw, err := json.Marshal(command)
	require.NoError(c.t, err)
	_, err = c.stdin.Write(append(raw, '\n'))
	require.NoError(c.t, err)
}
