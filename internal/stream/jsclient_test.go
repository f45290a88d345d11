package stream_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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

// installed installs the pinned client into a cache directory, once per lock file.
var installed = sync.OnceValues(func() (string, error) {
	lock, err := os.ReadFile(filepath.Join("testdata", "js", "package-lock.json"))
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	sum := sha256.Sum256(lock)
	home := filepath.Join(cache, "ledgerboard-test", "socket.io-client-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(filepath.Join(home, "node_modules", "socket.io-client")); err == nil {
		return home, nil
	}
	if err := os.MkdirAll(filepath.Dir(home), 0o755); err != nil {
		return "", err
	}
	building, err := os.MkdirTemp(filepath.Dir(home), "installing-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(building) }()
	if err := os.CopyFS(building, os.DirFS(filepath.Join("testdata", "js"))); err != nil {
		return "", err
	}
	npm := exec.Command("npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	npm.Dir, npm.Stderr = building, os.Stderr
	if err := npm.Run(); err != nil {
		return "", err
	}
	if err := os.Rename(building, home); err != nil {
		if _, other := os.Stat(home); other != nil { // another test run was faster
			return "", err
		}
	}
	return home, nil
})

func startJS(t *testing.T, cfg jsConfig) *jsClient {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil && os.Getenv("CI") != "true" {
		t.Skip("skipped: the stock Socket.IO client needs Node and npm")
	}
	home, err := installed()
	require.NoError(t, err, "these tests need Node and npm to run the stock Socket.IO client")
	raw, err := json.Marshal(cfg)
	require.NoError(t, err)
	script, err := os.ReadFile(filepath.Join("testdata", "js", "client.js"))
	require.NoError(t, err)
	node := exec.Command("node", "-e", string(script), "client", string(raw))
	node.Args = []string{"node", "-e", string(script), "--", "client", string(raw)}
	node.Dir = home
	node.Stderr = os.Stderr
	stdin, err := node.StdinPipe()
	require.NoError(t, err)
	stdout, err := node.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, node.Start())
	c := &jsClient{t: t, stdin: stdin, lines: make(chan heard, 1000)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			var line heard
			if json.Unmarshal(scanner.Bytes(), &line) == nil {
				c.lines <- line
			}
		}
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		<-read
		_ = node.Wait()
	})
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
