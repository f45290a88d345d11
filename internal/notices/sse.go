package notices

import (
	"fmt"
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/sse"
)

// ServeSSE streams the notices of a verified subscriber until the client goes, its token expires, its
// access is lost or the hub ends. An error means that nothing was written; it is a [domain.Error] or a
// fault of the store.
//
// The stream begins after Last-Event-ID (header, else ?last_event_id=), and without one at the head;
// it then says where that is in an event [CursorEvent]. Its id gives an EventSource that is cut before
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
	stream := sse.Open(w)
	first := ": connected\n\n"
	if !resumed {
		first = fmt.Sprintf("event: %s\nid: %s\ndata: {}\n\n", CursorEvent, FormatID(who.ParentAccount, after))
	}
	if stream.Write(first) != nil {
		return nil
	}
	h.stream(r, stream, subscription)
	return nil
}

func (h *Hub) stream(r *http.Request, stream *sse.Stream, subscription *Subscription) {
	keepAlive := time.NewTicker(h.cfg.KeepAlive)
	defer keepAlive.Stop()
	for {
		var err error
		select {
		case <-r.Context().Done():
			return
		case <-keepAlive.C:
			err = stream.Write(sse.KeepAlive)
		case n, open := <-subscription.Notices():
			if !open {
				stream.End(subscription.Reason())
				return
			}
			err = stream.Write(fmt.Sprintf("event: %s\nid: %s\ndata: {\"user_id\":%q}\n\n", EventName, n.ID(), n.UserID))
		}
		if err != nil {
			return
		}
	}
}

// lastEventID returns the cursor of a request.
func lastEventID(r *http.Request, who Subscriber) (version int64, given bool, err error) {
	id := sse.LastEventID(r)
	if id == "" {
		return 0, false, nil
	}
	parent, version, ok := ParseID(id)
	if !ok || parent != who.ParentAccount {
		return 0, false, ErrCursor
	}
	return version, true, nil
}
