package chaos_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// commitProxy cuts connections in the middle of a COMMIT: the server gets it, the client no answer.
type commitProxy struct {
	listener net.Listener
	upstream string
	armed    atomic.Bool
	met      atomic.Int64 // commits while it was armed
}

// newCommitProxy stands before a server until the test ends. The server speaks in the open.
func newCommitProxy(t testing.TB, upstream string) *commitProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &commitProxy{listener: listener, upstream: upstream}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.carry(client)
		}
	}()
	return p
}

func (c *commitProxy) addr() string { return c.listener.Addr().String() }

func (c *commitProxy) arm() error    { c.armed.Store(true); return nil }
func (c *commitProxy) disarm() error { c.armed.Store(false); return nil }

const (
	uncut      = iota
	unanswered // the server has answered it, and nobody hears that
	unheard    // the connection ends behind it: the server may never have read it
)

type carried struct {
	client, server net.Conn
	how            atomic.Int32
	commits        map[string]bool // prepared statements: whether one is a commit
	begun, waiting bool            // past the first message; a commit was bound, and comes with the next Sync
}

func (c *commitProxy) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.upstream)
	if err != nil {
		return
	}
	defer server.Close()
	connection := &carried{client: client, server: server, commits: map[string]bool{}}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		connection.answers()
		_ = client.Close()
	}()
	for {
		message, err := connection.message()
		if err != nil {
			break
		}
		if connection.commit(message) && c.armed.Load() {
			connection.how.Store([]int32{unanswered, uncut, unheard, uncut}[c.met.Add(1)%4])
		}
		if _, err := server.Write(message); err != nil || connection.how.Load() == unheard {
			break
		}
	}
	if connection.how.Load() != unanswered { // else the server ends it once it has answered
		_ = server.Close()
	}
	<-answered
}

// message reads the next message of the client, as it came.
func (c *carried) message() ([]byte, error) {
	head := make([]byte, 5)
	if !c.begun {
		head = head[:4]
	}
	if _, err := io.ReadFull(c.client, head); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint32(head[len(head)-4:])) - 4
	if size < 0 || size > 1<<30 {
		return nil, errors.New("no message of PostgreSQL")
	}
	c.begun = true
	message := make([]byte, len(head)+size)
	_, err := io.ReadFull(c.client, message[copy(message, head):])
	return message, err
}

// commit tells whether the server commits once it has this message.
func (c *carried) commit(message []byte) bool {
	fields := bytes.Split(message[min(5, len(message)):], []byte{0})
	switch message[0] {
	case 'Q':
		return string(fields[0]) == "commit"
	case 'P': // its name, the statement
		c.commits[string(fields[0])] = len(fields) > 1 && string(fields[1]) == "commit"
	case 'B': // a portal, the name of the statement
		c.waiting = c.waiting || len(fields) > 1 && c.commits[string(fields[1])]
	case 'S':
		commit := c.waiting
		c.waiting = false
		return commit
	}
	return false
}

// answers hands the server's answers on, until the connection is cut.
func (c *carried) answers() {
	buffer := make([]byte, 64<<10)
	var swallowed []byte
	for {
		n, err := c.server.Read(buffer)
		switch {
		case c.how.Load() == uncut:
			if _, failed := c.client.Write(buffer[:n]); failed != nil {
				return
			}
		case n > 0:
			swallowed = append(swallowed, buffer[:n]...)
			if bytes.Contains(swallowed, []byte("COMMIT\x00")) || bytes.Contains(swallowed, []byte("ROLLBACK\x00")) {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// link is the network from one process to one server.
type link struct{ proxy *toxiproxy.Proxy }

// newLink returns a link that takes connections at once; to says what they reach.
func newLink(t testing.TB, name string) *link {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	l := &link{toxiproxy.NewProxy(server, name, ledgertest.FreeAddress(t), "127.0.0.1:1")}
	require.NoError(t, l.proxy.Start())
	t.Cleanup(l.cut)
	return l
}

func (l *link) to(upstream string) error {
	next := &toxiproxy.Proxy{Listen: l.proxy.Listen, Upstream: upstream, Enabled: true}
	return l.proxy.Update(next)
}

func (l *link) addr() string { return l.proxy.Listen }

func (l *link) port() string {
	_, port, _ := net.SplitHostPort(l.proxy.Listen)
	return port
}

// cut ends every connection; no new one is taken until restore.
func (l *link) cut() { l.proxy.Stop() }

// restore takes connections again. Of two faults at once both may have cut it, and the end of each restores it.
func (l *link) restore() error {
	if err := l.proxy.Start(); !errors.Is(err, toxiproxy.ErrProxyAlreadyStarted) {
		return err
	}
	return nil
}

// slow makes every answer late, by 100 to 300 ms.
func (l *link) slow() error {
	_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(
		`{"name":"slow","type":"latency","stream":"downstream","attributes":{"latency":200,"jitter":100}}`))
	return err
}

func (l *link) quicken() error { return l.proxy.Toxics.RemoveToxic(context.Background(), "slow") }
