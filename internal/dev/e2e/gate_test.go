//go:build e2e

package e2e_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// gate is the network between a client and the program. Shut, it cuts what is open and takes nothing
// new, so that a test decides when a client is away without touching the client.
type gate struct {
	url    string
	target string

	mu      sync.Mutex
	open    bool
	conns   map[net.Conn]struct{}
	passing sync.WaitGroup // one for each connection of a client
}

// newGate returns an open gate to the program's address, which a restart keeps.
func newGate(t *testing.T, base string) *gate {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g := &gate{
		url: "http://" + listener.Addr().String(), target: strings.TrimPrefix(base, "http://"),
		open: true, conns: map[net.Conn]struct{}{},
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			g.passing.Go(func() { g.pass(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
		g.shut()
		g.passing.Wait()
	})
	return g
}

func (g *gate) pass(conn net.Conn) {
	defer g.drop(conn)
	if !g.keep(conn) {
		return
	}
	server, err := net.Dial("tcp", g.target)
	if err != nil {
		return
	}
	defer g.drop(server)
	if !g.keep(server) {
		return
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(conn, server)
		_ = conn.Close()
	}()
	_, _ = io.Copy(server, conn)
	_ = server.(*net.TCPConn).CloseWrite()
	<-back // the server has closed its side, or the gate was shut
}

func (g *gate) keep(conn net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open {
		g.conns[conn] = struct{}{}
	}
	return g.open
}

func (g *gate) drop(conn net.Conn) {
	_ = conn.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, conn)
}

// shut cuts every connection; clients fail to connect until reopen.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = false
	for conn := range g.conns {
		_ = conn.Close()
	}
}

// leave shuts the gate as pages are closed: the server sees each connection end, and has ended it too
// when leave returns.
func (g *gate) leave() {
	g.mu.Lock()
	g.open = false
	for conn := range g.conns {
		if conn.LocalAddr().String() == strings.TrimPrefix(g.url, "http://") { // the client's side
			_ = conn.(*net.TCPConn).CloseRead()
		}
	}
	g.mu.Unlock()
	g.passing.Wait()
}

func (g *gate) reopen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = true
}
