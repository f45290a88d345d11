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

// writeTimeout limits one write to a stream. A client that reads nothing for so long that all
// buffers are full counts as disconnected.
const writeTimeout = 10 * time.Second

// connectedBlock starts a resumed stream.
const connectedBlock = ": connected\n\n"

// eventStream is the [output] of Server-Sent Events.
type eventStream struct {
	w          http.ResponseWriter
	controller *http.ResponseController
}

// reconnectDelay is the minimum delay after which a client reconnects. A random delay of up to the
// same length is added, so that clients do not reconnect all at once after a restart.
const reconnectDelay = time.Second

// RetryLater responds to a listener that cannot be served now so that its EventSource tries again
// automatically, after at least wait. An EventSource retries only after a stream that ends; after
// any other status it gives up.
func RetryLater(w http.ResponseWriter, wait time.Duration, reason string) {
	// the client may be disconnected
	_ = startStream(w, max(wait, reconnectDelay)).write(": " + strings.ReplaceAll(reason, "\n", " ") + "\n\n")
}

func openEventStream(w http.ResponseWriter) *eventStream { return startStream(w, reconnectDelay) }

// startStream starts a response with the delay after which the client reconnects.
func startStream(w http.ResponseWriter, wait time.Duration) *eventStream {
	s := &eventStream{w: w, controller: http.NewResponseController(w)}
	SetEventHeader(w.Header())
	w.WriteHeader(http.StatusOK)
	// the next write reports a disconnected client
	_ = s.write(fmt.Sprintf("retry: %d\n\n", (wait + rand.N(reconnectDelay)).Milliseconds()))
	// The read timeout of the server is for request bodies, which net/http reads before the
	// response; streams must have none.
	_ = s.controller.SetReadDeadline(time.Time{})
	return s
}

// SetEventHeader marks a response as an event stream that proxies must neither cache nor buffer.
func SetEventHeader(header http.Header) {
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no") // disables buffering in nginx
}

// write writes one block, including its empty line, with a new deadline.
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

// keepAlive sends a comment, which EventSource ignores and which keeps the connection open.
func (s *eventStream) keepAlive() error { return s.write(": keep-alive\n\n") }

// end sends the reason as a comment for people; EventSource ignores it.
func (s *eventStream) end(_ context.Context, reason error) {
	if e, ok := errors.AsType[*domain.Error](reason); ok {
		_ = s.write(": " + e.Message + "\n\n")
	}
}

// lastEventID returns the cursor of a request, or "". The header overrides the query parameter,
// because a browser that reconnects sets the header but keeps the old URL.
func lastEventID(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return r.URL.Query().Get("last_event_id")
}
