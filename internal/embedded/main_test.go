package embedded_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

// The test binary runs itself as a child that is killed; childEnv contains what the child does.
const childEnv = "LEDGERBOARD_TEST_CHILD"

type childOrder struct {
	Do      string // broker, postgres, offline or few files
	DataDir string
	Round   int
}

func TestMain(m *testing.M) {
	if order := os.Getenv(childEnv); order != "" {
		runChild(order)
		return
	}
	leaks.Main(m)
}

func runChild(text string) {
	var order childOrder
	must(0, json.Unmarshal([]byte(text), &order))
	switch order.Do {
	case "broker":
		produceForEver(order)
	case "postgres":
		insertForEver(order)
	case "offline":
		startOffline(order)
	case "few files":
		startWithFewFiles(order)
	default:
		panic("unknown order " + text)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// child is a killed process with the lines that it printed.
type child struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func startChild(t *testing.T, order childOrder) *child {
	t.Helper()
	text, err := json.Marshal(order)
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return &child{cmd: cmd, lines: bufio.NewScanner(out)}
}

func (c *child) readLines(t *testing.T, n int) []string {
	t.Helper()
	var lines []string
	for len(lines) < n {
		require.True(t, c.lines.Scan(), "the child ended early after %q", lines)
		lines = append(lines, strings.TrimSuffix(c.lines.Text(), ";"))
	}
	return lines
}

// kill ends the child with SIGKILL and returns its remaining lines. An incomplete last line is not
// an acknowledgement.
func (c *child) kill(t *testing.T) []string {
	t.Helper()
	require.NoError(t, c.cmd.Process.Kill())
	var lines []string
	for c.lines.Scan() {
		if line, whole := strings.CutSuffix(c.lines.Text(), ";"); whole {
			lines = append(lines, line)
		}
	}
	_ = c.cmd.Wait()
	return lines
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func startBroker(t *testing.T, dir string) *embedded.Broker {
	t.Helper()
	b, err := embedded.StartBroker(testContext(t), embedded.BrokerConfig{DataDir: dir, Logger: ledgertest.Quiet})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func startPostgres(t *testing.T, cfg embedded.PostgresConfig) *embedded.Postgres {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = ledgertest.Quiet
	}
	p, err := embedded.StartPostgres(testContext(t), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// lastPort writes the file of the last port.
func lastPort(t *testing.T, file, host string) {
	t.Helper()
	_, port, err := net.SplitHostPort(ledgertest.FreeAddress(t))
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o711))
	require.NoError(t, os.WriteFile(file, []byte(host+port+"\n"), 0o600))
}

// occupy listens at an address that was recently free: a child between fork and exec may hold a
// copy of that listener.
func occupy(t *testing.T, addr string) {
	t.Helper()
	var taken net.Listener
	eventually(t, "the address is free", func() (free bool) {
		var err error
		taken, err = net.Listen("tcp", addr)
		return err == nil
	})
	t.Cleanup(func() { require.NoError(t, taken.Close()) })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ledgertest.Eventually(t, ok, what)
}

func sayf(format string, args ...any) { fmt.Printf(format+";\n", args...) }
