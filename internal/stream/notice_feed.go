package stream

import (
	"context"
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// lookLimit is the number of notices that a stream which is behind reads from the store at a time.
const lookLimit = 100

// ErrCursor refuses a cursor that is malformed or of another agency.
var ErrCursor = domain.NewError(domain.CodeInvalid,
	"The last event id is not one of your stream. Leave it out to begin with what comes next.").
	WithField("Last-Event-ID", "must be an id that this stream has sent")

// ServeNotices streams the notices of a verified listener as Server-Sent Events until the client goes, its
// token expires, its access is lost or the hub ends. An error means that nothing was written; it is a
// [domain.Error] or a fault of the store.
//
// The stream begins after Last-Event-ID (header, else ?last_event_id=), and without one at the head;
// it then says where that is in an event [NoticeCursorEvent]. Its id gives an EventSource that is cut before
// its first notice a cursor to reconnect with. It is an event, not an id alone, because a page whose
// ticket is used up must begin a new EventSource, and sees only the ids of events.
func (h *Hub) ServeNotices(w http.ResponseWriter, r *http.Request, who Listener) error {
	after, resumed := int64(0), false
	if id := lastEventID(r); id != "" {
		var parent string
		if parent, after, resumed = ParseID(id); !resumed || parent != who.ParentAccount {
			return ErrCursor
		}
	}
	place, head, err := h.notices.listen(r.Context(), who)
	if err != nil {
		return err
	}
	defer h.notices.listeners.remove(place)
	out := openEventStream(w)
	if resumed {
		err = out.write(connectedBlock)
	} else {
		after = head
		err = out.send(r.Context(), cursorEvent(who.ParentAccount, head))
	}
	if err == nil {
		h.serve(r.Context(), place, &noticeFeed{source: h.notices, who: who, after: after}, out)
	}
	return nil
}

// noticeFeed brings one listener exactly what follows its cursor, in order, once.
type noticeFeed struct {
	source *notices
	who    Listener
	after  int64 // the version of the last notice that was sent, or after which the stream began
	lost   error // its access is lost: it is cut once it was told what it is owed
}

func (f *noticeFeed) tell(ctx context.Context, check bool, out output) error {
	if check {
		f.check(ctx)
	}
	for {
		list, upTo, err := f.next(ctx)
		if err != nil {
			return err
		}
		for _, n := range list {
			if err := out.send(ctx, n.event()); err != nil {
				return err
			}
		}
		f.after = max(f.after, upTo)
		if len(list) < lookLimit {
			return f.lost
		}
	}
}

// check looks whether the listener may still listen. In a read model that is being made nobody is found.
func (f *noticeFeed) check(ctx context.Context) {
	if f.source.hub.Ready() != nil {
		return
	}
	_, err := f.who.access(ctx)
	switch {
	case domain.AccessRefused(err):
		f.lost = err
	case err != nil: // the question could not be answered now
		f.source.hub.warn(ctx, "look at a listener's access", err)
	}
}

// next returns at most lookLimit notices, and the version up to which the listener knows all when it has them.
// Whoever is behind what is remembered reads the store. So does who has lost its access: the notice that tells
// it so is often the reason, and may not be found yet.
func (f *noticeFeed) next(ctx context.Context) (list []Notice, upTo int64, err error) {
	list, from, remembered := f.source.since(f.who.key(), f.after)
	if !remembered || f.lost != nil {
		if list, err = f.read(ctx); err != nil {
			return nil, 0, err
		}
	}
	if len(list) < lookLimit {
		upTo = from // the store was read after all up to there was in it
	}
	if len(list) > 0 {
		upTo = max(upTo, list[len(list)-1].Version)
	}
	return list, upTo, nil
}

func (f *noticeFeed) read(ctx context.Context) ([]Notice, error) {
	if err := f.source.hub.Ready(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	cursor := Cursor{ParentAccount: f.who.ParentAccount, UserID: f.who.UserID, Version: f.after}
	return f.source.store.Since(ctx, cursor, time.Now().Add(-retention), lookLimit)
}

// since returns at most lookLimit notices of a user after a version, if that far back is remembered, and from
// which version on all is.
func (n *notices) since(who key, after int64) (list []Notice, from int64, remembered bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := n.agencies[who.parent]
	for _, r := range a.found[who.user] {
		if r.Version > after && len(list) < lookLimit {
			list = append(list, r.Notice)
		}
	}
	return list, a.from, after >= a.from
}
