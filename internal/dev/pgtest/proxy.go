package pgtest

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Proxy is an address between clients and a server.
type Proxy struct {
	// LoseCommits is the number of commits whose answers are lost, and Lost of those that were: the server
	// commits, but the client sees its connection end.
	LoseCommits, Lost atomic.Int32
	// Committed, if set, is called after each commit, before its answer is passed on.
	Committed atomic.Pointer[func()]

	listener net.Listener
	leads    atomic.Value // address of the server; "": connections are refused
	conns    sync.Map
}

// NewProxy returns a proxy that leads to the server of a URL until the test ends.
func NewProxy(t testing.TB, server string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &Proxy{listener: listener}
	p.Lead(t, server)
	t.Cleanup(func() { _ = listener.Close(); p.Cut() })
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

// Through returns a URL with the proxy in place of the server.
func (p *Proxy) Through(t testing.TB, server string) string {
	t.Helper()
	u, err := url.Parse(server)
	require.NoError(t, err)
	u.Host = p.listener.Addr().String()
	return u.String()
}

// Lead makes new connections lead to the server of a URL; with "", they are refused.
func (p *Proxy) Lead(t testing.TB, server string) {
	t.Helper()
	u, err := url.Parse(server)
	require.NoError(t, err)
	p.leads.Store(u.Host)
}

// Cut closes all connections.
func (p *Proxy) Cut() {
	p.conns.Range(func(conn, _ any) bool { _ = conn.(net.Conn).Close(); return true })
}

func (p *Proxy) carry(client net.Conn) {
	defer client.Close()
	p.conns.Store(client, nil)
	defer p.conns.Delete(client)
	to, _ := p.leads.Load().(string)
	if to == "" {
		return
	}
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		defer server.Close()
		_, _ = io.Copy(server, client)
	}()
	buffer := make([]byte, 1<<16)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		if bytes.Contains(buffer[:n], []byte("COMMIT\x00")) { // the server has committed
			if p.LoseCommits.Add(-1) >= 0 {
				p.Lost.Add(1)
				return
			}
			if f := p.Committed.Load(); f != nil {
				(*f)()
			}
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}
