package stream

import (
	"bufio"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// This file keeps five faults of the engine (v3.0.2) from reaching anybody:
//
//   - it greets a client before it listens to it: what a quick client answers was dropped unseen, and
//     the client sat without a word until it was cut after authTimeout (seen with 10,000 clients that came
//     back at once) ([heldConn], [pollWriter]);
//   - it answers a long poll from a goroutine of its own, which may still write when the handler has
//     returned because the client went away, and then writes into a buffer that net/http has given to
//     another connection ([pollWriter]);
//   - its watcher of a request's context reads a field that the handler is still setting ([armed]);
//   - closing a polling transport stops the queue first through which the close packet then goes, so that
//     the client is not told and its poll hangs, also in a shutdown ([closeConn]);
//   - a transport that the client closes keeps its writing goroutine for ever: one leaked for every
//     visit of every page ([endingTransports]).

type armKey struct{}

// serveEngine hands a request to the engine.
func (s *SocketIO) serveEngine(w http.ResponseWriter, r *http.Request) {
	client := r.Context() // ends when the client goes away
	ctx, cancel := context.WithCancel(context.WithoutCancel(client))
	defer cancel()
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		held := &heldWriter{ResponseWriter: w, heard: make(chan struct{})}
		hear := sync.OnceFunc(func() { close(held.heard) })
		defer hear() // also where the engine refuses before its middlewares
		arm := func() { context.AfterFunc(client, cancel); hear() }
		s.engine.ServeHTTP(held, r.WithContext(context.WithValue(ctx, armKey{}, arm))) // hijacked, or answered in this goroutine
		return
	}
	guarded := &pollWriter{to: w, header: http.Header{}, held: r.URL.Query().Get("sid") == ""}
	defer guarded.finish()
	arm := func() { context.AfterFunc(client, cancel); guarded.release() }
	s.servePolling(guarded, r.WithContext(context.WithValue(ctx, armKey{}, arm)), cancel)
}

// heldWriter gives the engine a connection from which nothing is read until the engine listens.
type heldWriter struct {
	http.ResponseWriter

	heard chan struct{} // closed when the engine listens
}

// Hijack implements [http.Hijacker].
func (w *heldWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	return &heldConn{conn, w.heard}, buffered, nil
}

// heldConn is a connection whose bytes wait for the engine.
type heldConn struct {
	net.Conn

	heard <-chan struct{}
}

// Read implements [net.Conn].
func (c *heldConn) Read(into []byte) (int, error) {
	<-c.heard
	return c.Conn.Read(into)
}

// armed is a middleware of the engine: only when the request is set up may its end be seen, and what
// its client says be heard.
func armed(ctx *types.HttpContext, next func(error)) {
	next(nil)
	if arm, ok := ctx.Request().Context().Value(armKey{}).(func()); ok {
		arm()
	}
}

// pollWriter drops what is written after its handler has returned. The answer to a new client, which
// tells it where to speak, is held back until the engine listens there.
type pollWriter struct {
	mu       sync.Mutex
	to       http.ResponseWriter
	header   http.Header
	finished bool
	answered bool // its status was given, sent or held back

	held   bool
	status int
	body   []byte
}

// Header implements [http.ResponseWriter] with a map that no other goroutine reads.
func (p *pollWriter) Header() http.Header { return p.header }

// WriteHeader implements [http.ResponseWriter].
func (p *pollWriter) WriteHeader(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.finished {
		return
	}
	if status == http.StatusTooManyRequests { // so the engine ends the request whose packet made it close the session
		status = http.StatusBadRequest
	}
	p.answered = true
	maps.Copy(p.to.Header(), p.header)
	if p.held {
		p.status = status
		return
	}
	p.to.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (p *pollWriter) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.finished:
		return 0, http.ErrHandlerTimeout
	case p.held:
		p.body = append(p.body, data...)
		return len(data), nil
	default:
		return p.to.Write(data)
	}
}

func (p *pollWriter) isAnswered() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answered || p.finished
}

// sayClosed answers that the session is closed, if nothing was answered yet, and drops what the engine says after it.
func (p *pollWriter) sayClosed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answered || p.finished {
		return
	}
	p.finished = true
	p.to.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	p.to.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(p.to, "1") // the packet CLOSE; a client that is gone hears nothing
}

// release lets out what was held back.
func (p *pollWriter) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.held || p.finished {
		return
	}
	p.held = false
	if p.status != 0 {
		p.to.WriteHeader(p.status)
	}
	if len(p.body) > 0 {
		_, _ = p.to.Write(p.body) // a client that is gone hears nothing
		p.body = nil
	}
}

// finish ends it; nothing stays held back, also where the engine refused before its middlewares.
func (p *pollWriter) finish() {
	p.release()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finished = true
}

// closeConn closes a transport after what was written to it is out, and tells a polling client so. It
// takes no longer than farewell.
func closeConn(conn engine.Socket) {
	until := time.Now().Add(farewell)
	transport := waitWritable(conn, until)
	if transport != nil && transport.Name() == transports.POLLING {
		drained := make(chan struct{})
		_ = transport.Once("drain", func(...any) { close(drained) })
		transport.Send([]*packet.Packet{{Type: packet.CLOSE}})
		select {
		case <-drained:
		case <-time.After(time.Until(until)):
		}
	}
	conn.Close(true)
}

const closePoll = 5 * time.Millisecond

// waitWritable returns the transport when nothing waits to be written; nil if that does not happen.
func waitWritable(conn engine.Socket, until time.Time) transports.Transport {
	for time.Now().Before(until) && conn.ReadyState() == "open" {
		if transport := conn.Transport(); transport != nil && transport.Writable() {
			return transport
		}
		time.Sleep(closePoll)
	}
	return nil
}

// endingTransports builds the engine's transports and sees to it that they end.
type endingTransports struct {
	transports.TransportCtor

	after time.Duration // that the client has closed it
}

// New implements the engine's TransportCtor. The transport ends in a goroutine of its own: DoClose emits the
// event that it would be called in.
func (b *endingTransports) New(ctx *types.HttpContext) transports.Transport {
	transport := b.TransportCtor.New(ctx)
	end := sync.OnceFunc(func() {
		time.AfterFunc(b.after, func() {
			transport.Discard() // else it waits for another poll
			transport.Proto().DoClose(nil)
		})
	})
	_ = transport.Once("close", func(...any) { end() })
	if transport.ReadyState() == "closed" { // while it was being made
		end()
	}
	return transport
}
