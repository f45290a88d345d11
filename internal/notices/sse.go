package notices

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// writeTimeout is how long one write to a stream may take; a client that reads nothing for so long,
// with all buffers on the way full, is gone.
const writeTimeout = 10 * time.Second

// ServeSSE streams the notices of a verified subscriber until the client goes, its token expires, its
// access is lost or the hub ends. An error means that nothing was written; it is a [domain.Error] or a
// fault of the store.
//
// The stream begins after Last-Event-ID (header, else ?last_event_id=), and without one at the head;
// it then says where that is in an event [cursorEvent]. Its id gives an EventSource that is cut before
// its first notice a cursor to reconnect with. It is an event, not an id alone, because a page whose
// ticket is used up must begin a new EventSource, and sees only the ids of events.
func (h *Hub) ServeSSE(w http.ResponseWriter, r *http.Request, who Subscriber) error {
	after, resumed, err := lastEventID(r, who)
	if err != nil {
		return err
	}
	if !resumed {
		if after, err = h.Head(r.Context(), who.ParentAccount); err != nil {
			return err
		}
	}
	subscription, err := h.Subscribe(r.Context(), who, after)
	if err != nil {
		return err
	}
	defer subscription.Close()
	stream := newStream(w)
	stream.open()
	first := ": connected\n\n"
	if !resumed {
		first = fmt.Sprintf("event: %s\nid: %s\ndata: {}\n\n", cursorEvent, FormatID(who.ParentAccount, after))
	}
	if stream.write(first) != nil {
		return nil
	}
	h.stream(r, stream, subscription)
	return nil
}

func (h *Hub) stream(r *http.Request, stream *eventStream, subscription *Subscription) {
	keepAlive := time.NewTicker(h.cfg.KeepAlive)
	defer keepAlive.Stop()
	for {
		var err error
		select {
		case <-r.Context().Done():
			return
		case <-keepAlive.C:
			err = stream.write(": keep-alive\n\n")
		case n, open := <-subscription.Notices():
			if !open {
				stream.end(subscription.Reason())
				return
			}
			err = stream.write(fmt.Sprintf("event: %s\nid: %s\ndata: {\"user_id\":%q}\n\n", EventName, n.ID(), n.UserID))
		}
		if err != nil {
			return
		}
	}
}

// lastEventID returns the cursor of a request. The header is newer than the address: the browser sets
// it when it reconnects to an address that may carry an old one.
func lastEventID(r *http.Request, who Subscriber) (version int64, given bool, err error) {
	id := r.Header.Get("Last-Event-ID")
	if id == "" {
		id = r.URL.Query().Get("last_event_id")
	}
	if id == "" {
		return 0, false, nil
	}
	parent, version, ok := ParseID(id)
	if !ok || parent != who.ParentAccount {
		return 0, false, ErrCursor
	}
	return version, true, nil
}

// eventStream writes blocks of an event stream, each with a deadline of its own and flushed.
type eventStream struct {
	w          http.ResponseWriter
	controller *http.ResponseController
}

func newStream(w http.ResponseWriter) *eventStream {
	return &eventStream{w: w, controller: http.NewResponseController(w)}
}

func (s *eventStream) open() {
	_ = s.controller.SetReadDeadline(time.Time{}) // the server's timeouts are for requests, not for streams
	header := s.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no") // nginx would hold events back
	s.w.WriteHeader(http.StatusOK)
}

func (s *eventStream) write(block string) error {
	_ = s.controller.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := s.w.Write([]byte(block)); err != nil { //nolint:gosec // an event stream, of ids that were parsed
		return err
	}
	return s.controller.Flush()
}

// end says why the stream ends, in a comment: EventSource ignores it, people read it.
func (s *eventStream) end(reason error) {
	if e, ok := errors.AsType[*domain.Error](reason); ok {
		_ = s.write(": " + e.Message + "\n\n")
	}
}
