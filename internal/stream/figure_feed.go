package stream

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The events of a stream of figures. The second tells a stream its place before anything has changed, so
// that one that is cut early has an id to come back with.
const (
	FiguresEvent       = "figures_changed"
	FiguresCursorEvent = "live_cursor"
	// SignInEvent tells that the platform refuses a connection until a person signs in again; its payload is [SignIn].
	// It is told once, when that was found, and of each connection by itself.
	SignInEvent = "connection_needs_sign_in"
)

// ServeFigures streams which figures of a verified listener have changed until the client goes, its token
// expires, its access is lost or the hub ends. An error means that nothing was written.
func (h *Hub) ServeFigures(w http.ResponseWriter, r *http.Request, who Listener) error {
	accounts, err := who.access(r.Context())
	if err != nil {
		return err
	}
	place, err := h.figures.listeners.add(who)
	if err != nil {
		return err
	}
	defer h.figures.listeners.remove(place)
	f := &figureFeed{source: h.figures, who: who, accounts: accounts, told: h.figures.newest()}
	out := openEventStream(w)
	resumed := f.resume(lastEventID(r))
	switch {
	case resumed:
		kick(place.wake)
		err = out.write(connectedBlock)
	case lastEventID(r) == "":
		err = out.send(r.Context(), f.event(FiguresCursorEvent, map[string]any{}))
	default:
		err = out.send(r.Context(), f.event(FiguresEvent, everything())) // what it has missed is not known
	}
	if err == nil {
		h.serve(r.Context(), place, f, out)
	}
	return nil
}

// figureFeed is one listener's place in the list of steps.
type figureFeed struct {
	source   *figures
	who      Listener
	accounts []string // that it may see, as far as known
	told     int64    // number of the last step that it was told
}

// resume goes back to the place of an id; false: it is not one that this process remembers.
func (f *figureFeed) resume(id string) bool {
	process, number, _ := strings.Cut(id, ".")
	told, err := strconv.ParseInt(number, 10, 64)
	if err != nil || process != f.source.process || told < 0 || told > f.told {
		return false
	}
	f.told = told
	return true
}

// tell sends what is new, if anything, about the accounts that the listener may see now. A passing fault
// leaves the stream where it is.
func (f *figureFeed) tell(ctx context.Context, _ bool, out output) error {
	n := f.source.since(f.who.ParentAccount, f.told)
	accounts, err := f.who.access(ctx)
	if err != nil {
		return err
	}
	others := !slices.Equal(accounts, f.accounts)
	signIns, changes, some := n.events(accounts)
	if others {
		changes, some = everything(), true
	}
	events := make([]event, 0, len(signIns)+1)
	for _, s := range signIns {
		events = append(events, f.event(SignInEvent, s)) // with the id before: whoever is cut among them hears all again
	}
	if some {
		events = append(events, f.event(FiguresEvent, changes))
	}
	f.accounts, f.told = accounts, n.upTo
	for i, e := range events {
		if i == len(events)-1 {
			e.id = f.id()
		}
		if err := out.send(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (f *figureFeed) event(name string, data any) event {
	return event{name: name, id: f.id(), data: data}
}

func (f *figureFeed) id() string { return f.source.process + "." + strconv.FormatInt(f.told, 10) }
