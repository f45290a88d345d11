//go:build e2e

package e2e_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wire is the network between one client and the program. It notes the requests that reach the program,
// and breaks in the ways that networks do.
type wire struct {
	t      *testing.T
	listen net.Listener
	to     string

	mu       sync.Mutex
	links    map[*link]bool
	held     chan struct{} // new connections wait until it is closed
	torn     int           // notices that were cut in their middle
	lost     int           // notices that the program wrote into a connection without a client
	requests []time.Time   // of streams and sessions, since the last call of calm
	running  sync.WaitGroup
}

// link is a connection of the client, and the one to the program that belongs to it.
type link struct {
	client, program *net.TCPConn
	deaf            bool // the client is gone, and the program does not know
	tears           bool // the next notice is cut in its middle
}

// newWire returns a wire to a program at an address, which a restart keeps.
func newWire(t *testing.T, to string) *wire {
	t.Helper()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{t: t, listen: listen, to: to, links: map[*link]bool{}, held: make(chan struct{})}
	close(w.held)
	w.running.Go(w.accept)
	t.Cleanup(func() {
		_ = listen.Close()
		w.resume()
		w.reset()
		w.running.Wait()
	})
	return w
}

func (w *wire) url() string { return "http://" + w.listen.Addr().String() }

func (w *wire) accept() {
	for {
		conn, err := w.listen.Accept()
		if err != nil {
			return
		}
		w.running.Go(func() { w.carry(conn.(*net.TCPConn)) })
	}
}

// carry connects a client with the program; where no program listens, the client sees a refused connection.
func (w *wire) carry(client *net.TCPConn) {
	w.mu.Lock()
	held := w.held
	w.mu.Unlock()
	<-held
	conn, err := net.Dial("tcp", w.to)
	if err != nil {
		abort(client)
		return
	}
	l := &link{client: client, program: conn.(*net.TCPConn)}
	w.mu.Lock()
	w.links[l] = true
	w.mu.Unlock()
	w.running.Go(func() { w.forth(l) })
	w.back(l)
}

// forth carries what the client says.
func (w *wire) forth(l *link) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := l.client.Read(buffer)
		line, _, _ := bytes.Cut(buffer[:n], []byte("\r\n"))
		w.mu.Lock()
		if isOpening(string(line)) {
			w.requests = append(w.requests, time.Now())
		}
		deaf := l.deaf
		w.mu.Unlock()
		if _, wrong := l.program.Write(buffer[:n]); wrong != nil {
			err = wrong
		}
		switch {
		case err == nil:
		case deaf: // it stays open until the program hears of it
			return
		case errors.Is(err, io.EOF):
			_ = l.program.CloseWrite()
			return
		default:
			abort(l.program)
			return
		}
	}
}

// isOpening reports whether a line asks for a stream or a session, and not for the next part of one.
func isOpening(line string) bool {
	return strings.HasSuffix(line, " HTTP/1.1") && !strings.Contains(line, "sid=") &&
		(strings.HasPrefix(line, "GET /api/") || strings.HasPrefix(line, "GET /socket.io/"))
}

// back carries what the program says.
func (w *wire) back(l *link) {
	defer func() {
		w.mu.Lock()
		delete(w.links, l)
		w.mu.Unlock()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := l.program.Read(buffer)
		rest, notice := buffer[:n], bytes.Index(buffer[:n], []byte(noticeEvent))
		w.mu.Lock()
		deaf, tear := l.deaf, notice >= 0 && l.tears && !l.deaf
		if deaf {
			rest = nil
		}
		if deaf && notice >= 0 {
			w.lost++
		}
		if tear {
			w.torn++
			rest = rest[:notice+len(noticeEvent)/2]
		}
		w.mu.Unlock()
		_, wrong := l.client.Write(rest)
		switch {
		case tear:
			abort(l.client)
			abort(l.program)
			return
		case err == nil && (wrong == nil || deaf):
		case errors.Is(err, io.EOF) && !deaf:
			_ = l.client.CloseWrite()
			return
		default:
			abort(l.client)
			abort(l.program)
			return
		}
	}
}

// abort ends a connection with a reset.
func abort(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	_ = conn.Close()
}

// each does something to every connection that is open now.
func (w *wire) each(do func(l *link)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.links {
		do(l)
	}
}

// hold has new connections wait for resume.
func (w *wire) hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = make(chan struct{})
}

func (w *wire) resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.held:
	default:
		close(w.held)
	}
}

// reset cuts all connections, on both sides.
func (w *wire) reset() {
	w.each(func(l *link) {
		abort(l.client)
		abort(l.program)
	})
}

// tear cuts the next notice of each connection in its middle, with the connection.
func (w *wire) tear() { w.each(func(l *link) { l.tears = true }) }

// halfClose ends the client's side of all connections. The program's side stays open and takes what is written.
func (w *wire) halfClose() {
	w.each(func(l *link) {
		l.deaf = true
		_ = l.client.CloseWrite()
	})
}

// counts returns how many notices were torn and lost so far.
func (w *wire) counts() (torn, lost int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.torn, w.lost
}

const mostPerMinute = 12 // requests for a stream or a session

// calm requires that the client has not asked too often since the last call, and returns how often it has asked.
func (w *wire) calm(name, after string) (asked int) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := mostPerMinute; i < len(w.requests); i++ {
		within := w.requests[i].Sub(w.requests[i-mostPerMinute])
		require.GreaterOrEqual(w.t, within, time.Minute, "%s asked %d times after %s", name, len(w.requests), after)
	}
	asked, w.requests = len(w.requests), nil
	return asked
}
