package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// writeTimeout is how long one write to a stream may take; a client that reads nothing for so long,
// with all buffers on the way full, is gone.
const writeTimeout = 10 * time.Second

// connectedBlock begins a stream that goes on after the id that its client came back with.
const connectedBlock = ": connected\n\n"

// eventStream is the [output] of Server-Sent Events.
type eventStream struct {
	w          http.ResponseWriter
	controller *http.ResponseController
}

// A client that lost its stream comes back after comeBack, and up to as much later: after a restart not all
// at once.
const comeBack = time.Second

// Later answers a listener that cannot be served now so that its EventSource tries again by itself: it does so after
// a stream that ends, and gives up for good after any other status. Wait is the shortest time until then.
func Later(w http.ResponseWriter, wait time.Duration, reason string) {
	_ = begin(w, max(wait, comeBack)).write(": " + strings.ReplaceAll(reason, "\n", " ") + "\n\n") // nobody may be there any more
}

func openEventStream(w http.ResponseWriter) *eventStream { return begin(w, comeBack) }

// begin begins an answer with the time after which the client comes back when it ends.
func begin(w http.ResponseWriter, wait time.Duration) *eventStream {
	s := &eventStream{w: w, controller: http.NewResponseController(w)}
	SetEventHeader(w.Header())
	w.WriteHeader(http.StatusOK)
	_ = s.write(fmt.Sprintf("retry: %d\n\n", (wait + rand.N(comeBack)).Milliseconds())) // the next write tells who is gone
	// The server's timeouts are for requests, not for streams. Until here they are for a body, which net/http reads before it answers.
	_ = s.controller.SetReadDeadline(time.Time{})
	return s
}

// SetEventHeader says that an answer is a stream of events, which nothing on its way may keep or hold back.
func SetEventHeader(header http.Header) {
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no") // nginx would hold events back
}

// write sends a whole block, its empty line included, with a deadline of its own.
func (s *eventStream) write(block string) error {
	_ = s.controller.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := s.w.Write([]byte(block)); err != nil {
		return errGone
	}
	if s.controller.Flush() != nil {
		return errGone
	}
	return nil
}

func (s *eventStream) send(_ context.Context, e event) error {
	raw, err := json.Marshal(e.data)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	return s.write(fmt.Sprintf("event: %s\nid: %s\ndata: %s\n\n", e.name, e.id, raw))
}

// keepAlive sends a comment: EventSource ignores it, and connections live by it.
func (s *eventStream) keepAlive() error { return s.write(": keep-alive\n\n") }

// end says the reason in a comment: EventSource ignores it, people read it.
func (s *eventStream) end(_ context.Context, reason error) {
	if e, ok := errors.AsType[*domain.Error](reason); ok {
		_ = s.write(": " + e.Message + "\n\n")
	}
}

// lastEventID is the cursor of a request; "" without one. The header is newer than the address: the
// browser sets it when it reconnects to an address that may carry an old one.
func lastEventID(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return r.URL.Query().Get("last_event_id")
}
