package stream

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/tracing"
)

const readLimit = 100 // notices that a stream reads from the store at once

var errCursor = domain.NewError(domain.CodeInvalid,
	"The last event id does not belong to your stream. Omit it to start with the next event.").
	WithField("Last-Event-ID", "must be an id sent by this stream")

// ServeNotices streams the notices of a verified listener as Server-Sent Events until the client
// disconnects, its token expires, its access is lost or the hub stops. If it returns an error,
// nothing was written.
//
// The stream starts after Last-Event-ID (header, otherwise [IsCursor]) or, without an id, at the
// head of the agency. It first sends [NoticeCursorEvent] with the position, so that an EventSource
// disconnected before its first notice has a cursor to reconnect with. The position is an event and
// not only an id, because a page whose ticket has expired must create a new EventSource, and pages
// can read only the ids of events.
func (h *Hub) ServeNotices(w http.ResponseWriter, r *http.Request, listener Listener) error {
	after, resumed := int64(0), false
	if id := lastEventID(r); id != "" {
		var parent string
		if parent, after, resumed = ParseID(id); !resumed || parent != listener.ParentAccount {
			return errCursor
		}
	}
	f := &noticeFeed{source: h.notices, listener: listener, after: after}
	if err := f.mayOpen(r.Context(), resumed); err != nil {
		return err
	}
	place, head, err := h.notices.listen(r.Context(), listener)
	if err != nil {
		return err
	}
	defer h.notices.listeners.remove(place)
	f.after = head
	if resumed {
		// a cursor beyond the head belongs to a log that was replaced by a restore
		f.after = min(after, head)
		kick(place.wake)
	}
	out := h.open(w, r)
	if out != nil && out.send(r.Context(), placeEvent(listener.ParentAccount, f.after)) == nil {
		h.serve(r.Context(), place, f, out)
	}
	return nil
}

// noticeFeed sends one listener exactly what follows its cursor, in order and once.
type noticeFeed struct {
	source    *notices
	listener  Listener
	after     int64 // version of the last notice sent, or the start of the stream
	more      bool  // there may be later notices
	accessErr error // access is lost: the stream is closed after the remaining notices
}

// tell sends new notices. It also reads them if access is lost: the reason is often a notice for
// this listener that was not found yet.
func (f *noticeFeed) tell(ctx context.Context, check bool, out output) error {
	if f.more = f.more || !check; check {
		f.check(ctx)
	}
	for f.more || f.accessErr != nil {
		list, err := f.read(ctx)
		if err != nil {
			return err
		}
		for _, n := range list {
			sending, span := tracing.StartInTrace(ctx, "send notice", trace.WithSpanKind(trace.SpanKindProducer))
			err := out.send(sending, n.event())
			tracing.End(span, err)
			if err != nil {
				return err
			}
			f.after = n.Version
		}
		if f.more = len(list) == readLimit; !f.more {
			return f.accessErr
		}
	}
	return nil
}

// mayOpen checks access at the start of a stream. A listener without access is refused, unless it
// resumes from a cursor with notices after it: it gets these before the stream is closed.
func (f *noticeFeed) mayOpen(ctx context.Context, resumed bool) error {
	if err := f.source.hub.Ready(); err != nil {
		return err
	}
	_, err := f.listener.access(ctx)
	if !domain.AccessRefused(err) || !resumed {
		return err
	}
	remaining, fault := f.read(ctx)
	if len(remaining) == 0 {
		return cmp.Or(fault, err)
	}
	f.accessErr = err
	return nil
}

func (f *noticeFeed) check(ctx context.Context) {
	if f.source.hub.Ready() != nil { // no users would be found
		return
	}
	_, err := f.listener.access(ctx)
	switch {
	case domain.AccessRefused(err):
		f.accessErr = err
	case err != nil: // the check failed temporarily
		f.source.hub.warn(ctx, "check access of a listener", err)
	}
}

func (f *noticeFeed) read(ctx context.Context) ([]Notice, error) {
	if err := f.source.hub.Ready(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	cursor := Cursor{ParentAccount: f.listener.ParentAccount, UserID: f.listener.UserID, Version: f.after}
	return f.source.store.Since(ctx, cursor, time.Now().Add(-retention), readLimit)
}
