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

const keepAliveEvery = 15 * time.Second // interval of comments that keep connections open

// recheckEvery is the interval of access checks. Listeners that lose access must be disconnected
// within 10 s, and a check may use a result that is up to 1 s old.
const recheckEvery = 8 * time.Second

const retryDelay = time.Second // delay before a failed attempt is repeated

type event struct {
	name, id string
	data     any
	version  int64 // version of a notice; otherwise 0
}

type output interface {
	// send and keepAlive return errGone if the listener is disconnected.
	send(ctx context.Context, e event) error
	keepAlive() error
	// end closes the stream for a reason.
	end(ctx context.Context, reason error)
}

type feed interface {
	// tell sends new events. If check is set, it also checks access. Errors: errGone; an error for
	// which [domain.AccessRefused] is true; all others are temporary.
	tell(ctx context.Context, check bool, out output) error
}

var errGone = errors.New("the listener is disconnected")

// Reasons for closing a stream.
var (
	ErrExpired    = domain.NewError(domain.CodeUnauthenticated, "The token has expired. Sign in again and reconnect.")
	ErrAccessLost = domain.NewError(domain.CodeForbidden, "This listener has lost its access.")
	ErrReplaced   = domain.NewError(domain.CodeConflict,
		"A newer stream was opened with the same ticket. Use one ticket for each stream.")
	ErrClosed = domain.NewError(domain.CodeUnavailable, "The server is stopping. Reconnect to continue.")
)

// serve runs a feed until the listener disconnects, its token expires, its access is lost, another
// stream replaces it, or the hub stops.
func (h *Hub) serve(ctx context.Context, p *place, f feed, out output) {
	keepAlive, recheck := time.NewTicker(keepAliveEvery), time.NewTicker(h.cfg.Recheck)
	defer keepAlive.Stop()
	defer recheck.Stop()
	var expired, retry <-chan time.Time
	if !p.listener.ExpiresAt.IsZero() {
		expired = time.After(time.Until(p.listener.ExpiresAt))
	}
	failed := false // whether the last attempt failed; repeated failures are logged once
	for {
		check := false
		select {
		case <-ctx.Done():
			return
		case <-h.done:
			out.end(ctx, ErrClosed)
			return
		case <-p.replaced:
			out.end(ctx, ErrReplaced)
			return
		case <-expired:
			out.end(ctx, ErrExpired)
			return
		case <-keepAlive.C:
			if out.keepAlive() != nil {
				return
			}
			continue
		case <-recheck.C:
			check = true
		case <-p.wake:
		case <-retry:
		}
		retry = nil
		switch err := f.tell(p.traced(ctx), check, out); {
		case err == nil:
			failed = false
		case errors.Is(err, errGone):
			return
		case domain.AccessRefused(err):
			out.end(ctx, ErrAccessLost)
			return
		default:
			if !failed && !errors.Is(err, errNotReady) {
				h.warn(ctx, "send to a listener", err)
			}
			failed = true
			retry = time.After(retryDelay)
		}
	}
}

// writeTimeout limits one write to a stream. A client that does not read until all buffers are full
// and the write times out counts as disconnected.
const writeTimeout = 10 * time.Second

const connectedBlock = ": connected\n\n" // starts a resumed stream

// eventStream is the [output] of Server-Sent Events.
type eventStream struct {
	w          http.ResponseWriter
	controller *http.ResponseController
}

// reconnectDelay is the minimum delay after which a client reconnects. A random delay of up to the
// same length is added, so that clients do not reconnect all at once after a restart.
const reconnectDelay = time.Second

// RetryLater responds to a listener that cannot be served now. The response is a stream that ends
// at once, so that an EventSource reconnects automatically, after at least wait; after an error
// status it would give up.
func RetryLater(w http.ResponseWriter, wait time.Duration, reason string) {
	// the client may be disconnected
	_ = startStream(w, max(wait, reconnectDelay)).write(": " + strings.ReplaceAll(reason, "\n", " ") + "\n\n")
}

// startStream starts a response with the delay after which the client reconnects.
func startStream(w http.ResponseWriter, wait time.Duration) *eventStream {
	s := &eventStream{w: w, controller: http.NewResponseController(w)}
	SetEventHeader(w.Header())
	w.WriteHeader(http.StatusOK)
	// the next write reports a disconnected client
	_ = s.write(fmt.Sprintf("retry: %d\n\n", (wait + rand.N(reconnectDelay)).Milliseconds()))
	// The server's read timeout is meant for request bodies; it must not end a stream.
	_ = s.controller.SetReadDeadline(time.Time{})
	return s
}

// SetEventHeader marks a response as an event stream that proxies must neither cache nor buffer.
func SetEventHeader(header http.Header) {
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no") // disables buffering in nginx
}

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

func (s *eventStream) keepAlive() error { return s.write(": keep-alive\n\n") }

// end sends the reason as a comment for people; EventSource ignores it.
func (s *eventStream) end(_ context.Context, reason error) {
	if e, ok := errors.AsType[*domain.Error](reason); ok {
		_ = s.write(": " + e.Message + "\n\n")
	}
}

// lastEventID returns the cursor of a request; "" if it has none. The header overrides the query
// parameter, because a reconnecting browser sets the header but keeps the old URL.
func lastEventID(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return r.URL.Query().Get("last_event_id")
}
