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
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// This file implements rules of the Engine.IO protocol that the engine (v3.0.2) violates. After a
// session is closed, even by the server, every poll is answered with a close packet. An invalid
// payload, or a second poll while one is waiting, is refused with 400 and closes the session. The
// engine left the waiting poll without an answer, answered "ok" to payloads that it could not
// decode, and continued.

type pendingPolls struct {
	mu        sync.Mutex
	bySession map[string][]*pendingPoll
}

// pendingPoll is a poll and the function that makes the engine release it.
type pendingPoll struct {
	writer *pollWriter
	end    context.CancelFunc
}

// add adds a poll. It returns false if another poll of the session is waiting.
func (p *pendingPolls) add(sid string, poll *pendingPoll) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.ContainsFunc(p.bySession[sid], func(other *pendingPoll) bool { return !other.writer.isAnswered() }) {
		return false
	}
	p.bySession[sid] = append(p.bySession[sid], poll)
	return true
}

func (p *pendingPolls) remove(sid string, poll *pendingPoll) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bySession[sid] = slices.DeleteFunc(p.bySession[sid], func(other *pendingPoll) bool { return other == poll })
	if len(p.bySession[sid]) == 0 {
		delete(p.bySession, sid)
	}
}

func (p *pendingPolls) close(sid string) {
	p.mu.Lock()
	polls := slices.Clone(p.bySession[sid])
	p.mu.Unlock()
	for _, poll := range polls {
		poll.writer.answerClosed()
		poll.end()
	}
}

func (s *SocketIO) answerWhenClosed(args ...any) {
	if conn, ok := args[0].(engine.Socket); ok {
		_ = conn.Once("close", func(...any) { s.pending.close(conn.Id()) })
	}
}

func (s *SocketIO) closeSession(sid string) {
	if conn, ok := s.server.Engine().Clients().Load(sid); ok {
		conn.Close(true)
	}
}

func (s *SocketIO) servePolling(writer *pollWriter, r *http.Request, request *engineRequest, end context.CancelFunc) {
	sid := r.URL.Query().Get("sid")
	switch {
	case sid == "":
	case r.Method == http.MethodGet:
		poll := &pendingPoll{writer, end}
		if !s.pending.add(sid, poll) {
			s.closeSession(sid)
			http.Error(writer, "Another poll of this session is waiting for its response. The session is closed.",
				http.StatusBadRequest)
			return
		}
		defer s.pending.remove(sid, poll)
		// the engine does not answer a poll if the session is closed while it processes the poll
		defer writer.answerClosed()
		if conn, ok := s.server.Engine().Clients().Load(sid); ok && conn.Transport().ReadyState() == "closing" {
			// the transport waited for this poll to send its close packet, but would not answer it
			conn.Transport().OnClose()
			return
		}
	case r.ContentLength <= maxMessageBytes: // the engine refuses longer ones
		payload, err := io.ReadAll(io.LimitReader(r.Body, maxMessageBytes+1))
		if err != nil || !validPayload(r.Header, payload) {
			s.closeSession(sid)
			http.Error(writer, "The body is not a valid Engine.IO 4 payload. The session is closed.",
				http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(payload))
	}
	s.engine.ServeHTTP(writer, r)
	if request.armed {
		<-request.released
	}
}

// validPayload reports whether all packets can be decoded and may be sent by a client. Only the
// server sends pings.
func validPayload(header http.Header, payload []byte) bool {
	if len(payload) > maxMessageBytes || header.Get("Content-Type") == "application/octet-stream" {
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
		closeConn(c.client.Conn()) // the client reconnects automatically
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
	// a cursor beyond the head belongs to a log that was replaced by a restore
	after = min(after, head)
	kick(place.wake) // there may be notices up to the head
	if c.send(ctx, placeEvent(c.listener.ParentAccount, after)) == nil {
		c.owner.hub.serve(ctx, place, &noticeFeed{source: notices, listener: c.listener, after: after}, c)
	}
	return nil
}

// send writes an event with its id as the trailing argument, which the stock client keeps as its
// offset. It blocks while too many events wait to be written.
func (c *connection) send(ctx context.Context, e event) error {
	select {
	case c.inFlight <- struct{}{}:
	case <-ctx.Done():
		return errGone
	case <-time.After(slowAfter):
		closeConn(c.client.Conn())
		return errGone
	}
	written := sync.OnceFunc(func() {
		<-c.inFlight
		if e.version > 0 {
			c.owner.hub.notices.delivered(c.listener, e.version)
		}
	})
	packet := &socketparser.Packet{Type: socketparser.EVENT, Nsp: "/", Data: []any{e.name, e.data, e.id}}
	// socket.Emit cannot report when a packet is written
	for _, encoded := range c.owner.server.Encoder().Encode(packet) {
		c.client.Conn().Write(encoded, nil, func(transports.Transport) { written() })
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
	deadline := time.NewTimer(closeTimeout)
	defer deadline.Stop()
	for range maxInFlight {
		select {
		case c.inFlight <- struct{}{}:
			continue
		case <-ctx.Done():
			return
		case <-deadline.C:
		}
		break
	}
	if errors.Is(reason, ErrAccessLost) {
		c.client.Disconnect(false)
	}
	closeConn(c.client.Conn())
}
