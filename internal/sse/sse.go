package sse

import (
	"errors"
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// writeTimeout is how long one write to a stream may take; a client that reads nothing for so long,
// with all buffers on the way full, is gone.
const writeTimeout = 10 * time.Second

// KeepAlive is a block that EventSource ignores and connections live by.
const KeepAlive = ": keep-alive\n\n"

// Stream is the answer to one listener.
type Stream struct {
	w          http.ResponseWriter
	controller *http.ResponseController
}

// Open begins the answer.
func Open(w http.ResponseWriter) *Stream {
	s := &Stream{w: w, controller: http.NewResponseController(w)}
	_ = s.controller.SetReadDeadline(time.Time{}) // the server's timeouts are for requests, not for streams
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no") // nginx would hold events back
	w.WriteHeader(http.StatusOK)
	return s
}

// Write sends a whole block, its empty line included. An error means that the client is gone.
func (s *Stream) Write(block string) error {
	_ = s.controller.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := s.w.Write([]byte(block)); err != nil {
		return err
	}
	return s.controller.Flush()
}

// End says why the stream ends, in a comment: EventSource ignores it, people read it.
func (s *Stream) End(reason error) {
	if e, ok := errors.AsType[*domain.Error](reason); ok {
		_ = s.Write(": " + e.Message + "\n\n")
	}
}

// LastEventID is the cursor of a request; "" without one. The header is newer than the address: the
// browser sets it when it reconnects to an address that may carry an old one.
func LastEventID(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return r.URL.Query().Get("last_event_id")
}
