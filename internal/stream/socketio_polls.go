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

// This file implements rules of the Engine.IO protocol that the engine (v3.0.2) violates. When a
// session ends, also if the server ends it, every poll is answered with a close packet. An invalid
// payload, or a second poll while one is waiting, is refused with 400 and ends the session. The
// engine left the waiting poll without an answer, answered "ok" to payloads that it could not
// decode, and continued.

// pendingPolls are the polls of each session that may wait for an answer.
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

// close answers the polls of a session that has ended.
func (p *pendingPolls) close(sid string) {
	p.mu.Lock()
	polls := slices.Clone(p.bySession[sid])
	p.mu.Unlock()
	for _, poll := range polls {
		poll.writer.answerClosed()
		poll.end()
	}
}

// answerWhenClosed is called for each new session of the engine.
func (s *SocketIO) answerWhenClosed(args ...any) {
	if conn, ok := args[0].(engine.Socket); ok {
		_ = conn.Once("close", func(...any) { s.pending.close(conn.Id()) })
	}
}

// closeSession ends a session; its polls are answered.
func (s *SocketIO) closeSession(sid string) {
	if conn, ok := s.server.Engine().Clients().Load(sid); ok {
		conn.Close(true)
	}
}

// servePolling passes a polling request to the engine.
func (s *SocketIO) servePolling(writer *pollWriter, r *http.Request, request *engineRequest, end context.CancelFunc) {
	sid := r.URL.Query().Get("sid")
	switch {
	case sid == "":
	case r.Method == http.MethodGet:
		poll := &pendingPoll{writer, end}
		if !s.pending.add(sid, poll) {
			s.closeSession(sid)
			http.Error(writer, "Another poll of this session is waiting for its response. The session is closed.", http.StatusBadRequest)
			return
		}
		defer s.pending.remove(sid, poll)
		// if the session ends while the engine takes the poll, the engine would not answer it
		defer writer.answerClosed()
		if conn, ok := s.server.Engine().Clients().Load(sid); ok && conn.Transport().ReadyState() == "closing" {
			// it waited for this poll to send the close packet and would not answer it
			conn.Transport().OnClose()
			return
		}
	case r.ContentLength <= maxMessageBytes: // the engine refuses longer ones
		payload, err := io.ReadAll(io.LimitReader(r.Body, maxMessageBytes+1))
		if err != nil || !validPayload(r.Header, payload) {
			s.closeSession(sid)
			http.Error(writer, "The body is not a valid Engine.IO 4 payload. The session is closed.", http.StatusBadRequest)
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
	return err == nil && len(packets) > 0 && !slices.ContainsFunc(packets, func(p *packet.Packet) bool { return p.Type == packet.PING })
}
