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

// This file works around six faults of the engine (v3.0.2):
//
//   - It sends the handshake before it listens for the client's packets. The first packet of a fast
//     client was dropped, and the client waited until it was disconnected after authTimeout (seen
//     with 10,000 clients that reconnected at once) ([gatedConn], [pollWriter]).
//   - It answers a long poll from another goroutine, which may still write after the handler has
//     returned because the client disconnected. That write goes to a buffer that net/http has given
//     to another connection ([pollWriter]).
//   - The goroutine that watches a request's context reads a field that the handler is still
//     setting ([armRequest]).
//   - It releases a poll twice, the second time after the answer. A next poll that had already
//     arrived was lost, and the engine closed the session at the next packet without a reason
//     ([engineRequest], [pollWriter]).
//   - Closing a polling transport first stops the queue that sends the close packet, so the
//     client's poll hangs, even during a shutdown ([closeConn]).
//   - A transport closed by the client keeps its writing goroutine forever: every page view leaked
//     one ([endingTransports]).

type engineKey struct{}

type engineRequest struct {
	arm      func()
	armed    bool          // whether our middleware ran, in the goroutine that serves the request
	released chan struct{} // closed when the engine no longer uses the request
}

func (s *SocketIO) serveEngine(w http.ResponseWriter, r *http.Request) {
	client := r.Context() // canceled when the client disconnects
	ctx, cancel := context.WithCancel(context.WithoutCancel(client))
	defer cancel()
	request := &engineRequest{arm: func() { context.AfterFunc(client, cancel) }, released: make(chan struct{})}
	r = r.WithContext(context.WithValue(ctx, engineKey{}, request))
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		writer := &gatedWriter{ResponseWriter: w, listening: make(chan struct{})}
		listen := sync.OnceFunc(func() { close(writer.listening) })
		defer listen() // even if the engine refuses the request before its middlewares
		request.arm = func() { context.AfterFunc(client, cancel); listen() }
		s.engine.ServeHTTP(writer, r) // hijacked, or answered in this goroutine
		return
	}
	guarded := &pollWriter{to: w, header: http.Header{}}
	defer guarded.finish()
	s.servePolling(guarded, r, request, cancel)
}

// gatedWriter gives the engine a connection that is not read before the engine listens.
type gatedWriter struct {
	http.ResponseWriter

	listening chan struct{} // closed when the engine listens
}

// Hijack implements [http.Hijacker].
func (w *gatedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	return &gatedConn{conn, w.listening}, buffered, nil
}

type gatedConn struct {
	net.Conn

	listening <-chan struct{}
}

// Read implements [net.Conn].
func (c *gatedConn) Read(into []byte) (int, error) {
	<-c.listening
	return c.Conn.Read(into)
}

// armRequest is a middleware of the engine. The end of a request and the client's messages must not
// be visible before the request is set up.
func armRequest(ctx *types.HttpContext, next func(error)) {
	request, ok := ctx.Request().Context().Value(engineKey{}).(*engineRequest)
	if ok && ctx.Once("close", func(...any) { close(request.released) }) == nil { // emitted last
		select {
		// the request was canceled when its session was closed; the event may already have been
		// emitted
		case <-ctx.Done():
		default:
			request.armed = true
		}
	}
	next(nil)
	if ok {
		request.arm()
	}
}

// pollWriter holds a response back until its handler returns and drops later writes, so that the
// engine listens before the client can send again.
type pollWriter struct {
	mu       sync.Mutex
	to       http.ResponseWriter
	header   http.Header
	finished bool
	status   int // 0 until answered
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
	// the engine's status for the request whose packet made it close the session
	if status == http.StatusTooManyRequests {
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

// answerClosed responds with a close packet unless there is already a response, and drops later
// writes.
func (p *pollWriter) answerClosed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status != 0 || p.finished {
		return
	}
	p.finished = true
	p.to.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	p.to.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(p.to, "1") // the packet CLOSE; the client may be disconnected
}

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
	_, _ = p.to.Write(p.body) // the client may be disconnected
}

// closeConn closes a transport after pending packets are written, and sends a close packet to
// polling clients. It takes at most closeTimeout.
func closeConn(conn engine.Socket) {
	until := time.Now().Add(closeTimeout)
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

// waitWritable returns the transport once no packet is pending, or nil if that does not happen in
// time.
func waitWritable(conn engine.Socket, until time.Time) transports.Transport {
	for time.Now().Before(until) && conn.ReadyState() == "open" {
		if transport := conn.Transport(); transport != nil && transport.Writable() {
			return transport
		}
		time.Sleep(closePoll)
	}
	return nil
}

// endingTransports builds the engine's transports and ensures that their goroutines stop.
type endingTransports struct {
	transports.TransportCtor

	after time.Duration // delay after the client has closed the transport
}

// New implements the engine's TransportCtor. DoClose is called in another goroutine, because it
// emits the event that leads to this call.
func (b *endingTransports) New(ctx *types.HttpContext) transports.Transport {
	transport := b.TransportCtor.New(ctx)
	end := sync.OnceFunc(func() {
		time.AfterFunc(b.after, func() {
			transport.Discard() // otherwise it waits for another poll
			transport.Proto().DoClose(nil)
		})
	})
	_ = transport.Once("close", func(...any) { end() })
	if transport.ReadyState() == "closed" { // closed while it was created
		end()
	}
	return transport
}
