package stream

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// lookLimit is the number of notices that a stream reads from the store at a time.
const lookLimit = 100

// errCursor refuses a cursor that is malformed or of another agency.
var errCursor = domain.NewError(domain.CodeInvalid,
	"The last event id is not one of your stream. Leave it out to begin with what comes next.").
	WithField("Last-Event-ID", "must be an id that this stream has sent")

// ServeNotices streams the notices of a verified listener as Server-Sent Events until the client goes, its
// token expires, its access is lost or the hub ends. An error means that nothing was written; it is a
// [domain.Error] or a fault of the store.
//
// The access is judged at the opening, and then as often as [Config] says.
//
// The stream begins after Last-Event-ID (header, else ?last_event_id=), and without one at the head;
// of the agency. It then says where that is in an event [NoticeCursorEvent]. Its id gives an EventSource that is cut before
// its first notice a cursor to reconnect with. It is an event, not an id alone, because a page whose
// ticket has ended must begin a new EventSource, and sees only the ids of events.
func (h *Hub) ServeNotices(w http.ResponseWriter, r *http.Request, who Listener) error {
	after, resumed := int64(0), false
	if id := lastEventID(r); id != "" {
		var parent string
		if parent, after, resumed = ParseID(id); !resumed || parent != who.ParentAccount {
			return errCursor
		}
	}
	f := &noticeFeed{source: h.notices, who: who, after: after}
	if err := f.mayOpen(r.Context(), resumed); err != nil {
		return err
	}
	place, head, err := h.notices.listen(r.Context(), who)
	if err != nil {
		return err
	}
	defer h.notices.listeners.remove(place)
	out := openEventStream(w)
	if resumed {
		f.after = min(after, head) // beyond the head it is of a log that was restored since
		kick(place.wake)
		err = out.write(connectedBlock)
	} else {
		f.after = head
		err = out.send(r.Context(), placeEvent(who.ParentAccount, head))
	}
	if err == nil {
		h.serve(r.Context(), place, f, out)
	}
	return nil
}

// noticeFeed brings one listener exactly what follows its cursor, in order, once.
type noticeFeed struct {
	source *notices
	who    Listener
	after  int64 // the version of the last notice that was sent, or after which the stream began
	behind bool  // there may be later ones
	lost   error // its access is lost: it is cut once it was told what it is owed
}

// tell sends what the listener was woken for. It also looks when the access is lost: the notice that tells the
// listener so is often the reason, and may not be found yet.
func (f *noticeFeed) tell(ctx context.Context, check bool, out output) error {
	if f.behind = f.behind || !check; check {
		f.check(ctx)
	}
	for f.behind || f.lost != nil {
		list, err := f.read(ctx)
		if err != nil {
			return err
		}
		for _, n := range list {
			if err := out.send(ctx, n.event()); err != nil {
				return err
			}
			f.after = n.Version
		}
		if f.behind = len(list) == lookLimit; !f.behind {
			return f.lost
		}
	}
	return nil
}

// mayOpen judges the listener at the opening of its stream. Whoever has lost its access is refused, but for one that
// comes back with a cursor and is still owed notices: it is told them, and cut then.
func (f *noticeFeed) mayOpen(ctx context.Context, resumed bool) error {
	if err := f.source.hub.Ready(); err != nil {
		return err
	}
	_, err := f.who.access(ctx)
	if !domain.AccessRefused(err) || !resumed {
		return err
	}
	owed, fault := f.read(ctx)
	if len(owed) == 0 {
		return cmp.Or(fault, err)
	}
	f.lost = err
	return nil
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

func (f *noticeFeed) read(ctx context.Context) ([]Notice, error) {
	if err := f.source.hub.Ready(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	cursor := Cursor{ParentAccount: f.who.ParentAccount, UserID: f.who.UserID, Version: f.after}
	return f.source.store.Since(ctx, cursor, time.Now().Add(-retention), lookLimit)
}
