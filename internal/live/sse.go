package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/sse"
)

// The events of a stream. The second tells a stream its place before anything has changed, so that one
// that is cut early has an id to come back with.
const (
	EventName   = "figures_changed"
	CursorEvent = "live_cursor"
)

// ServeSSE streams the changes of a verified listener until the client goes, its token expires, its access
// is lost or the hub ends. An error means that nothing was written.
func (h *Hub) ServeSSE(w http.ResponseWriter, r *http.Request, who Listener) error {
	accounts, err := h.accounts(r.Context(), who)
	if err != nil {
		return err
	}
	place, err := h.subscribe(who)
	if err != nil {
		return err
	}
	defer h.unsubscribe(place)
	s := &stream{hub: h, place: place, accounts: accounts, out: sse.Open(w)}
	if s.begin(sse.LastEventID(r)) != nil {
		return nil
	}
	s.out.End(s.run(r.Context()))
	return nil
}

// stream is one listener being served.
type stream struct {
	hub      *Hub
	place    *subscription
	accounts []string // that it may see, as far as known
	out      *sse.Stream
}

// begin says where the stream stands. A known id resumes there; any other stands for "we do not know what
// you have missed".
func (s *stream) begin(lastID string) error {
	if lastID == "" {
		return s.send(CursorEvent, struct{}{})
	}
	process, number, _ := strings.Cut(lastID, ".")
	told, err := strconv.ParseInt(number, 10, 64)
	if err != nil || process != s.hub.process || told < 0 || told > s.place.told {
		return s.send(EventName, everything())
	}
	s.place.told = told
	s.place.wakeUp()
	return s.out.Write(": connected\n\n")
}

// run serves the stream to its end and says why it ended; nil: the client went.
func (s *stream) run(ctx context.Context) error {
	keepAlive, recheck := time.NewTicker(s.hub.cfg.KeepAlive), time.NewTicker(s.hub.cfg.Recheck)
	defer keepAlive.Stop()
	defer recheck.Stop()
	var expired <-chan time.Time
	if expires := s.place.who.ExpiresAt; !expires.IsZero() {
		timer := time.NewTimer(expires.Sub(s.hub.cfg.Now()))
		defer timer.Stop()
		expired = timer.C
	}
	var again <-chan time.Time // a look that failed is repeated
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-expired:
			return ErrExpired
		case <-keepAlive.C:
			err = s.out.Write(sse.KeepAlive)
		case <-s.hub.done:
			return ErrClosed
		case <-s.place.wake:
			again, err = s.tell(ctx)
		case <-recheck.C:
			again, err = s.tell(ctx)
		case <-again:
			again, err = s.tell(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// tell sends what is new, if anything, about the accounts that the listener may see now. A passing fault
// leaves the stream where it is and asks to be called again.
func (s *stream) tell(ctx context.Context) (again <-chan time.Time, err error) {
	n := s.hub.since(s.place.who.ParentAccount, s.place.told)
	accounts, err := s.hub.accounts(ctx, s.place.who)
	if err != nil {
		return s.refused(ctx, err)
	}
	others := !slices.Equal(accounts, s.accounts)
	s.accounts, s.place.told = accounts, n.upTo
	event, some := n.event(accounts)
	if others {
		event, some = everything(), true
	}
	if !some {
		return nil, nil
	}
	return nil, s.send(EventName, event)
}

func (s *stream) refused(ctx context.Context, err error) (again <-chan time.Time, cut error) {
	if domain.AccessRefused(err) {
		return nil, ErrAccessLost
	}
	if !errors.Is(err, context.Canceled) {
		s.hub.cfg.Logger.WarnContext(ctx, "look at a live listener", "error", err)
	}
	return time.After(s.hub.cfg.Every), nil
}

func (s *stream) send(name string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	return s.out.Write(fmt.Sprintf("event: %s\nid: %s.%d\ndata: %s\n\n", name, s.hub.process, s.place.told, raw))
}

func (h *Hub) accounts(ctx context.Context, who Listener) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Query)
	defer cancel()
	return who.Accounts(ctx)
}
