package stream

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

// Hijacked is a stream that has taken over its HTTP/1 connection, so that the handler of its request
// has returned. net/http keeps its buffers, the request and the deep stack of the handler as long as
// a handler runs: more than three quarters of the memory of an idle stream.
//
// It implements [http.ResponseWriter] for what follows the start of the response.
type Hijacked struct {
	conn    net.Conn
	chunked bool // whether the response is in chunks, which HTTP/1.0 does not have
	sent    int  // bytes of the body since the stream was hijacked

	mu    sync.Mutex
	ended bool
	atEnd func(sent int)
}

// AtEnd sets what is called when the stream has ended, with the number of bytes of its body that were
// sent since it took over the connection.
func (h *Hijacked) AtEnd(call func(sent int)) {
	h.mu.Lock()
	h.atEnd = call
	ended := h.ended
	h.mu.Unlock()
	if ended {
		call(h.sent)
	}
}

func (h *Hijacked) end() {
	h.mu.Lock()
	h.ended = true
	call := h.atEnd
	h.mu.Unlock()
	if call != nil {
		call(h.sent)
	}
}

// hijack lets serve write to the connection of the request in a goroutine. It returns false, and does
// not call serve, if the connection cannot be taken over (HTTP/2), or if the hub stops.
func (h *Hub) hijack(r *http.Request, out *eventStream, serve func(context.Context)) (*Hijacked, bool) {
	h.mu.Lock() // so that Run waits for the goroutine
	defer h.mu.Unlock()
	select {
	case <-h.done:
		return nil, false
	default:
	}
	conn, _, err := out.controller.Hijack()
	if err != nil {
		return nil, false
	}
	ctx, disconnect := context.WithCancel(context.WithoutCancel(r.Context()))
	hijacked := &Hijacked{conn: conn, chunked: r.ProtoAtLeast(1, 1)}
	out.writeTo(hijacked)
	go func() { // as net/http does: a client that sends something is not watched any more
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			disconnect()
		}
	}()
	h.hijacked.Go(func() {
		defer hijacked.end()
		defer disconnect()
		defer conn.Close()
		defer func() {
			if fault := recover(); fault != nil {
				h.cfg.Logger.ErrorContext(ctx, "streams: panic", "panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
			}
		}()
		serve(ctx)
	})
	return hijacked, true
}

// Header implements [http.ResponseWriter]. The header was sent.
func (h *Hijacked) Header() http.Header { return http.Header{} }

// WriteHeader implements [http.ResponseWriter].
func (h *Hijacked) WriteHeader(int) {}

// Write implements [http.ResponseWriter]. It writes a chunk.
func (h *Hijacked) Write(block []byte) (int, error) {
	framed := block
	if h.chunked {
		framed = fmt.Appendf(nil, "%x\r\n%s\r\n", len(block), block)
	}
	if _, err := h.conn.Write(framed); err != nil {
		return 0, err
	}
	h.sent += len(block)
	return len(block), nil
}

// FlushError implements [http.ResponseController.Flush]. Nothing is buffered.
func (h *Hijacked) FlushError() error { return nil }

// SetWriteDeadline implements [http.ResponseController.SetWriteDeadline].
func (h *Hijacked) SetWriteDeadline(deadline time.Time) error {
	return h.conn.SetWriteDeadline(deadline)
}

// finish ends the body.
func (h *Hijacked) finish() {
	if h.chunked {
		_, _ = io.WriteString(h.conn, "0\r\n\r\n") // the client may be disconnected
	}
}
