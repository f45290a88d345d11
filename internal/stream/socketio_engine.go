package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/parsers/engine/v3/parser"
	socketparser "github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// serveEngine lets the engine (v3.0.6) answer a request. The Engine.IO protocol demands that an
// invalid payload is refused with 400 and closes the session. The engine answers "ok" to payloads
// that it cannot decode, and 429 if a packet makes Socket.IO close the session. It does not read one that
// is too long.
func (s *SocketIO) serveEngine(w http.ResponseWriter, r *http.Request) {
	sid := r.URL.Query().Get("sid")
	if r.Method == http.MethodPost && sid != "" {
		payload, err := io.ReadAll(io.LimitReader(r.Body, maxMessageBytes+1))
		if err != nil || len(payload) > maxMessageBytes || !validPayload(r.Header, payload) {
			if conn, ok := s.server.Engine().Clients().Load(sid); ok {
				conn.Close(true)
			}
			if len(payload) > maxMessageBytes {
				// a client whose body is left unread may get a reset before it reads the answer
				_, _ = io.CopyN(io.Discard, r.Body, maxUnreadBytes)
				http.Error(w, "The body is too long. The session is closed.", http.StatusRequestEntityTooLarge)
			} else {
				http.Error(w, "The body is not a valid Engine.IO 4 payload. The session is closed.", http.StatusBadRequest)
			}
			return
		}
		r.Body, w = io.NopCloser(bytes.NewReader(payload)), badRequestWriter{w}
	}
	s.engine.ServeHTTP(w, r)
}

type badRequestWriter struct{ http.ResponseWriter }

// WriteHeader implements [http.ResponseWriter].
func (b badRequestWriter) WriteHeader(status int) {
	if status == http.StatusTooManyRequests {
		status = http.StatusBadRequest
	}
	b.ResponseWriter.WriteHeader(status)
}

// validPayload reports whether all packets can be decoded and may be sent by a client. Only the
// server sends pings.
func validPayload(header http.Header, payload []byte) bool {
	if header.Get("Content-Type") == "application/octet-stream" {
		return false
	}
	packets, err := parser.Parserv4().DecodePayload(types.NewStringBuffer(slices.Clone(payload)))
	isPing := func(p *packet.Packet) bool { return p.Type == packet.PING }
	return err == nil && len(packets) > 0 && !slices.ContainsFunc(packets, isPing)
}

const (
	// maxInFlight limits the events in the engine's unbounded buffer for a client that does not
	// read.
	maxInFlight = 64
	// closeTimeout limits the time for the last notices of a connection that is being closed.
	closeTimeout = 2 * time.Second
	// slowAfter is how long maxInFlight events may wait for a client that reads nothing, before the
	// client is disconnected. It can resume from its cursor.
	slowAfter = 30 * time.Second
)

// connection is the [output] of one Socket.IO client.
type connection struct {
	owner    *SocketIO
	client   *socket.Socket
	listener Listener

	stop     context.CancelFunc
	inFlight chan struct{} // contains one element for each event that is not written yet
}

// stopOnDisconnect stops the connection when the client disconnects. It also watches the transport,
// because the library may lose the disconnect of a client that leaves while it is being connected.
func (c *connection) stopOnDisconnect() {
	stopped := func(...any) { c.stop() }
	_ = c.client.On("disconnect", stopped)
	_ = c.client.Conn().Once("close", stopped)
	if !c.client.Connected() || c.client.Conn().ReadyState() != "open" {
		c.stop()
	}
}

func (c *connection) run(ctx context.Context) {
	defer c.stop()
	if err := c.serve(ctx); err != nil && ctx.Err() == nil {
		c.owner.hub.cfg.Logger.Warn("notices: cannot subscribe a Socket.IO client now", "error", err.Error())
		c.client.Conn().Close(true) // the client reconnects automatically
	}
}

// serve sends the notices after the client's offset or, without one, after the user's stored
// cursor.
func (c *connection) serve(ctx context.Context) error {
	notices := c.owner.hub.notices
	place, head, err := notices.listen(ctx, c.listener)
	if err != nil {
		return err
	}
	defer notices.listeners.remove(place)
	id, _ := c.client.Handshake().Auth["offset"].(string) // id of the last notice that the stock client received
	parent, after, known := ParseID(id)
	if !known || parent != c.listener.ParentAccount {
		if after, err = notices.storedCursor(ctx, c.listener, head); err != nil {
			return err
		}
	}
	f := &noticeFeed{source: notices, listener: c.listener, after: after}
	start := f.start(head, true)
	kick(place.wake) // there may be notices up to the head
	if c.send(ctx, start) == nil {
		c.owner.hub.serve(ctx, place, f, c)
	}
	return nil
}

// send writes an event with its id as the trailing argument, which the stock client keeps as its
// offset.
func (c *connection) send(ctx context.Context, e event) error {
	packet := &socketparser.Packet{Type: socketparser.EVENT, Nsp: "/", Data: []any{e.name, e.data, e.id}}
	return c.write(ctx, packet, func() {
		if e.version > 0 {
			c.owner.hub.notices.delivered(c.listener, e.version)
		}
	})
}

// write writes a packet and calls written afterward; socket.Emit cannot report that. It blocks while
// too many packets wait to be written.
func (c *connection) write(ctx context.Context, packet *socketparser.Packet, written func()) error {
	select {
	case c.inFlight <- struct{}{}:
	case <-ctx.Done():
		return errGone
	case <-time.After(slowAfter):
		c.client.Conn().Close(true)
		return errGone
	}
	done := sync.OnceFunc(func() {
		<-c.inFlight
		written()
	})
	for _, encoded := range c.owner.server.Encoder().Encode(packet) {
		c.client.Conn().Write(encoded, nil, func(transports.Transport) { done() })
	}
	return nil
}

// keepAlive does nothing because the engine sends pings.
func (c *connection) keepAlive() error { return nil }

// end closes the connection after its last notices are written. If access is lost, it sends a
// disconnect packet, after which the stock client does not reconnect automatically. After an expiry
// or when the server shuts down, it only closes the transport: the client reconnects with its
// offset and, if it supports that, a new token.
func (c *connection) end(ctx context.Context, reason error) {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	if errors.Is(reason, ErrAccessLost) {
		_ = c.write(ctx, &socketparser.Packet{Type: socketparser.DISCONNECT, Nsp: "/"}, func() {})
	}
	for range maxInFlight { // until all are written
		select {
		case c.inFlight <- struct{}{}:
			continue
		case <-ctx.Done():
		}
		break
	}
	c.client.Conn().Close(true)
}
