package stream

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/parsers/engine/v3/parser"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// This file says to clients that poll what becomes of their session, as the protocol of Engine.IO has it and its engine (v3.0.2)
// does not: every poll of a session that ends is answered with a close packet, also when the server ends it; an invalid payload and
// a second poll beside one that waits are refused with 400 and end the session. The engine left the waiting poll without an answer for
// as long as its client stayed, answered "ok" to what it could not decode, and went on.

// pendingPolls are the polls of each session that may wait for an answer.
type pendingPolls struct {
	mu sync.Mutex
	of map[string][]*pendingPoll
}

// pendingPoll is a poll, and what lets the engine go of it.
type pendingPoll struct {
	writer *pollWriter
	end    context.CancelFunc
}

// add notes a poll; false: another one of the session waits.
func (p *pendingPolls) add(sid string, poll *pendingPoll) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.ContainsFunc(p.of[sid], func(other *pendingPoll) bool { return !other.writer.isAnswered() }) {
		return false
	}
	p.of[sid] = append(p.of[sid], poll)
	return true
}

func (p *pendingPolls) remove(sid string, poll *pendingPoll) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of[sid] = slices.DeleteFunc(p.of[sid], func(other *pendingPoll) bool { return other == poll })
	if len(p.of[sid]) == 0 {
		delete(p.of, sid)
	}
}

// close answers what waits for a session that is over.
func (p *pendingPolls) close(sid string) {
	p.mu.Lock()
	polls := slices.Clone(p.of[sid])
	p.mu.Unlock()
	for _, poll := range polls {
		poll.writer.sayClosed()
		poll.end()
	}
}

// answerWhenClosed hears of each session of the engine.
func (s *SocketIO) answerWhenClosed(args ...any) {
	if conn, ok := args[0].(engine.Socket); ok {
		_ = conn.Once("close", func(...any) { s.polls.close(conn.Id()) })
	}
}

// cut ends a session; what waits for it is answered.
func (s *SocketIO) cut(sid string) {
	if conn, ok := s.server.Engine().Clients().Load(sid); ok {
		conn.Close(true)
	}
}

// servePolling hands a request of a session, or one that opens it, to the engine.
func (s *SocketIO) servePolling(writer *pollWriter, r *http.Request, request *engineRequest, end context.CancelFunc) {
	sid := r.URL.Query().Get("sid")
	switch {
	case sid == "":
	case r.Method == http.MethodGet:
		poll := &pendingPoll{writer, end}
		if !s.polls.add(sid, poll) {
			s.cut(sid)
			http.Error(writer, "Another poll of this session waits for its answer. The session is closed.", http.StatusBadRequest)
			return
		}
		defer s.polls.remove(sid, poll)
		defer writer.sayClosed() // the session ended as the engine took the poll: it would be answered with nothing
		if conn, ok := s.server.Engine().Clients().Load(sid); ok && conn.Transport().ReadyState() == "closing" {
			conn.Transport().OnClose() // it waited for this poll to say so, and would say nothing
			return
		}
	case r.ContentLength <= maxMessageBytes: // the engine refuses what is longer
		payload, err := io.ReadAll(io.LimitReader(r.Body, maxMessageBytes+1))
		if err != nil || !validPayload(r.Header, payload) {
			s.cut(sid)
			http.Error(writer, "The body is no payload of Engine.IO 4. The session is closed.", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(payload))
	}
	s.engine.ServeHTTP(writer, r)
	if request.met {
		<-request.settled
	}
}

// validPayload tells whether all packets of a client can be decoded, and be a client's. Pings are the server's.
func validPayload(header http.Header, payload []byte) bool {
	if len(payload) > maxMessageBytes || header.Get("Content-Type") == "application/octet-stream" {
		return false
	}
	packets, err := parser.Parserv4().DecodePayload(types.NewStringBuffer(slices.Clone(payload)))
	return err == nil && len(packets) > 0 && !slices.ContainsFunc(packets, func(p *packet.Packet) bool { return p.Type == packet.PING })
}
