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

// This file keeps six faults of the engine (v3.0.2) from reaching anybody:
//
//   - it greets a client before it listens to it: what a quick client answers was dropped unseen, and
//     the client sat without a word until it was cut after authTimeout (seen with 10,000 clients that came
//     back at once) ([heldConn], [pollWriter]);
//   - it answers a long poll from a goroutine of its own, which may still write when the handler has
//     returned because the client went away, and then writes into a buffer that net/http has given to
//     another connection ([pollWriter]);
//   - its watcher of a request's context reads a field that the handler is still setting ([armed]);
//   - it lets go of a poll twice, the second time behind its answer, and a next poll that had come by then was forgotten: the session ended at
//     the next packet, and its client was cut although nothing was wrong ([engineRequest], [pollWriter]);
//   - closing a polling transport stops the queue first through which the close packet then goes, so that
//     the client is not told and its poll hangs, also in a shutdown ([closeConn]);
//   - a transport that the client closes keeps its writing goroutine for ever: one leaked for every
//     visit of every page ([endingTransports]).

type engineKey struct{}

type engineRequest struct {
	arm     func()
	met     bool          // by our middleware, in the goroutine that serves it
	settled chan struct{} // closed when the engine does nothing with it any more
}

// serveEngine hands a request to the engine.
func (s *SocketIO) serveEngine(w http.ResponseWriter, r *http.Request) {
	client := r.Context() // ends when the client goes away
	ctx, cancel := context.WithCancel(context.WithoutCancel(client))
	defer cancel()
	request := &engineRequest{arm: func() { context.AfterFunc(client, cancel) }, settled: make(chan struct{})}
	r = r.WithContext(context.WithValue(ctx, engineKey{}, request))
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		held := &heldWriter{ResponseWriter: w, heard: make(chan struct{})}
		hear := sync.OnceFunc(func() { close(held.heard) })
		defer hear() // also where the engine refuses before its middlewares
		request.arm = func() { context.AfterFunc(client, cancel); hear() }
		s.engine.ServeHTTP(held, r) // hijacked, or answered in this goroutine
		return
	}
	guarded := &pollWriter{to: w, header: http.Header{}}
	defer guarded.finish()
	s.servePolling(guarded, r, request, cancel)
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
	request, ok := ctx.Request().Context().Value(engineKey{}).(*engineRequest)
	if ok && ctx.Once("close", func(...any) { close(request.settled) }) == nil { // what it emits last
		select {
		case <-ctx.Done(): // ended before, as its session was closed: that may have been emitted already, and is no more
		default:
			request.met = true
		}
	}
	next(nil)
	if ok {
		request.arm()
	}
}

// pollWriter holds an answer back until its handler returns, and drops what is written after that: whoever is told where to speak, or speaks
// again, finds that the engine listens.
type pollWriter struct {
	mu       sync.Mutex
	to       http.ResponseWriter
	header   http.Header
	finished bool
	status   int // 0: not answered yet
	body     []byte
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
	maps.Copy(p.to.Header(), p.header)
	p.status = status
}

// Write implements [http.ResponseWriter].
func (p *pollWriter) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.finished {
		return 0, http.ErrHandlerTimeout
	}
	p.body = append(p.body, data...)
	return len(data), nil
}

func (p *pollWriter) isAnswered() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status != 0 || p.finished
}

// sayClosed answers that the session is closed, if nothing was answered yet, and drops what the engine says after it.
func (p *pollWriter) sayClosed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status != 0 || p.finished {
		return
	}
	p.finished = true
	p.to.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	p.to.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(p.to, "1") // the packet CLOSE; a client that is gone hears nothing
}

// finish sends the answer.
func (p *pollWriter) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.finished {
		return
	}
	p.finished = true
	if p.status != 0 {
		p.to.WriteHeader(p.status)
	}
	_, _ = p.to.Write(p.body) // a client that is gone hears nothing
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
