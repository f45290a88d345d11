package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
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

// serveEvents sends the first event of a stream and then serves it, either until its end or, if its
// connection was taken over, in a goroutine.
func (h *Hub) serveEvents(w http.ResponseWriter, r *http.Request, streams *registry, p *place, f feed, first event) {
	hijacked := false
	defer func() {
		if !hijacked {
			streams.remove(p)
		}
	}()
	if p.listener.Hijacked != nil && r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // no other request follows on it
	}
	out := h.open(w, r)
	if out == nil || out.send(r.Context(), first) != nil {
		return
	}
	if p.listener.Hijacked != nil {
		var conn *Hijacked
		conn, hijacked = h.hijack(r, out, func(ctx context.Context) {
			defer streams.remove(p)
			h.serve(ctx, p, f, out)
		})
		if hijacked {
			p.listener.Hijacked(conn)
			return
		}
	}
	h.serve(r.Context(), p, f, out)
}

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

// eventStream is the [output] of Server-Sent Events.
type eventStream struct {
	w          http.ResponseWriter
	controller *http.ResponseController
	retry      string // line that starts the first block
}

const (
	// reconnectDelay is the minimum delay after which a client reconnects. A random delay of up to
	// the same length is added, so that clients do not reconnect all at once after a restart.
	reconnectDelay = time.Second
	// unflushedDelay is the delay if events cannot be sent at all.
	unflushedDelay = time.Minute
)

// RetryLaterEvent is the only event of a stream that cannot be served now. It contains nothing.
const RetryLaterEvent = "retry_later"

// RetryLater responds to a listener that cannot be served now. The response is a stream that ends
// at once, so that an EventSource reconnects automatically, after at least wait; after an error
// status it would give up.
//
// The delay is part of an event, and the event repeats the listener's cursor: reqwest-eventsource
// ignores a delay without data, and an event without an id makes it forget its cursor.
func RetryLater(w http.ResponseWriter, r *http.Request, wait time.Duration, reason string) {
	out, _ := startStream(w) // its end flushes it
	out.retryLater(r, max(wait, reconnectDelay), reason)
}

func (e *eventStream) retryLater(r *http.Request, wait time.Duration, reason string) {
	e.retryAfter(wait)
	block := ": " + oneLine.Replace(reason) + "\nevent: " + RetryLaterEvent + "\n"
	if last := lastEventID(r); last != "" {
		block += "id: " + last + "\n"
	}
	_ = e.write(block + "data: {}\n\n") // the client may be disconnected
}

// oneLine keeps texts of callers within a line of a stream.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ")

// startStream starts a response. Its first block says after which delay the client reconnects. The
// error is [errors.ErrUnsupported] if the response cannot be flushed.
func startStream(w http.ResponseWriter) (*eventStream, error) {
	s := &eventStream{}
	s.writeTo(w)
	s.retryAfter(reconnectDelay)
	SetEventHeader(w.Header())
	w.WriteHeader(http.StatusOK)
	// The server's read timeout is meant for request bodies; it must not end a stream.
	_ = s.controller.SetReadDeadline(time.Time{})
	_ = s.controller.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err := s.controller.Flush(); errors.Is(err, errors.ErrUnsupported) {
		return s, err
	}
	return s, nil // the next write reports a disconnected client
}

func (e *eventStream) writeTo(w http.ResponseWriter) {
	e.w, e.controller = w, http.NewResponseController(w)
}

// retryAfter adds the delay after which the client reconnects to the next block.
func (e *eventStream) retryAfter(wait time.Duration) {
	e.retry = fmt.Sprintf("retry: %d\n", (wait + rand.N(reconnectDelay)).Milliseconds())
}

// open starts the stream of a listener. If the response cannot be flushed, its events would not
// arrive before its end: then it ends the stream and returns nil.
func (h *Hub) open(w http.ResponseWriter, r *http.Request) *eventStream {
	out, err := startStream(w)
	if err == nil {
		return out
	}
	h.unflushed.Do(func() {
		h.cfg.Logger.ErrorContext(r.Context(), "streams: no event can be sent, because a middleware or the server in front of "+
			"this handler does not support flushing; its http.ResponseWriter needs the method Flush or Unwrap", "error", err.Error())
	})
	out.retryLater(r, unflushedDelay, "Events cannot be sent: the server in front of this service does not support flushing.")
	return nil
}

// SetEventHeader marks a response as an event stream that proxies must neither cache nor buffer.
func SetEventHeader(header http.Header) {
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no") // disables buffering in nginx
}

func (e *eventStream) write(block string) error {
	_ = e.controller.SetWriteDeadline(time.Now().Add(writeTimeout))
	block, e.retry = e.retry+block, ""
	if _, err := e.w.Write([]byte(block)); err != nil { //nolint:gosec // an event stream, never HTML; see oneLine
		return errGone
	}
	if e.controller.Flush() != nil {
		return errGone
	}
	return nil
}

func (e *eventStream) send(_ context.Context, ev event) error {
	raw, err := json.Marshal(ev.data)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	return e.write(fmt.Sprintf("event: %s\nid: %s\ndata: %s\n\n", ev.name, ev.id, raw))
}

func (e *eventStream) keepAlive() error { return e.write(": keep-alive\n\n") }

// end sends the reason as a comment for people; EventSource ignores it.
func (e *eventStream) end(_ context.Context, reason error) {
	failure, ok := errors.AsType[*domain.Error](reason)
	if ok && e.write(": "+failure.Message+"\n\n") != nil {
		return
	}
	if hijacked, ok := e.w.(*Hijacked); ok {
		hijacked.finish()
	}
}

// lastEventID returns the cursor of a request; "" if it has none. The header overrides the query,
// because a reconnecting browser sets the header but keeps the old URL. Of several values in the
// query, the last counts, because polyfills append theirs to the page's URL.
func lastEventID(r *http.Request) (id string) {
	if id = r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err == nil && err2 == nil && IsCursor(name) && value != "" {
			id = oneLine.Replace(value)
		}
	}
	return id
}

// IsCursor reports whether a query parameter contains the cursor of a stream: last_event_id, or
// lastEventId as polyfills of EventSource send it, in any case.
func IsCursor(name string) bool {
	return strings.EqualFold(name, "last_event_id") || strings.EqualFold(name, "lastEventId")
}
