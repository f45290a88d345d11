package stream

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	minInterval = time.Second // minimum interval between two events of a stream
	// maxBatches is how many batches a stream that reads slowly keeps. With more, anything may have
	// changed.
	maxBatches = 30
)

// figures is the source of changed figures. It sends what changed in a second to the streams
// concerned, as one batch for each agency.
type figures struct {
	hub       *Hub
	store     Store
	listeners *registry
	kick      chan struct{} // capacity 1: something is pending

	mu          sync.Mutex
	pending     domain.FigureChanges
	all         bool            // pending: anything may have changed
	access      map[string]bool // pending: agencies whose access may have changed
	refused     bool            // pending: a platform has refused a connection
	eventsUntil time.Time       // connection events were read up to this time
	// announced contains the refusals announced and their times, as far back as queries reach.
	announced map[connectionKey]time.Time
}

// batch is what changed for an agency in a second.
type batch struct {
	all         bool // anything may have changed
	changes     []domain.FigureChange
	connections []ConnectionNews
}

func newFigures(h *Hub, store Store) *figures {
	return &figures{
		hub: h, store: store, listeners: newRegistry(h, errTooManyFigures), kick: make(chan struct{}, 1),
		access: map[string]bool{}, eventsUntil: time.Now(), announced: map[connectionKey]time.Time{},
	}
}

// Notify takes the payload of a projection's notification: a JSON list of [domain.FigureChange].
// Any other payload means that anything may have changed. Notify does not block.
func (h *Hub) Notify(payload string) {
	var changes []domain.FigureChange
	unknown := json.Unmarshal([]byte(payload), &changes) != nil
	f := h.figures
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = f.all || unknown
	for _, c := range changes {
		if c.Connection != 0 {
			f.refused = true
			continue
		}
		f.pending.Add(c)
	}
	kick(f.kick)
}

func (f *figures) accessChanged(parent string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.access[parent] = true
	kick(f.kick)
}

func (f *figures) run(ctx context.Context) {
	look := time.NewTicker(connectionsEvery)
	defer look.Stop()
	for {
		due := false
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			due = true
		case <-f.kick:
		}
		batches := f.takePending()
		for _, c := range f.readConnectionEvents(ctx, due) {
			b := batches[c.ParentAccount]
			b.connections = append(b.connections, c)
			batches[c.ParentAccount] = b
		}
		for parent, b := range batches {
			f.listeners.wake(parent, func(p *place) { p.add(b) })
		}
		if len(batches) == 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(minInterval):
		}
	}
}

// takePending returns the pending changes by agency with listeners. An empty batch means that
// access may have changed.
func (f *figures) takePending() map[string]batch {
	parents := f.listeners.parents()
	f.mu.Lock()
	defer f.mu.Unlock()
	batches := map[string]batch{}
	for _, parent := range parents {
		if f.all || f.access[parent] {
			batches[parent] = batch{all: f.all}
		}
	}
	for _, c := range f.pending.List() {
		if _, listens := slices.BinarySearch(parents, c.ParentAccount); listens {
			b := batches[c.ParentAccount]
			b.changes = append(b.changes, c)
			batches[c.ParentAccount] = b
		}
	}
	f.pending, f.all, f.access = domain.FigureChanges{}, false, map[string]bool{}
	return batches
}

// add adds a batch to the stream's pending ones. The caller must hold the registry's lock.
func (p *place) add(b batch) {
	if len(p.batches) == maxBatches {
		p.batches[0].all, p.batches[0].changes = true, nil
		p.batches[0].connections = append(slices.Clone(p.batches[0].connections), b.connections...)
		return
	}
	p.batches = append(p.batches, b)
}

// figuresID is the id of all events of figures. It is no position: it only makes a client send a
// Last-Event-ID when it reconnects.
const figuresID = "live"

// ServeFigures streams which figures of a verified listener have changed, until the client
// disconnects, its token expires, its access is lost or the hub stops. It returns before that if the
// stream takes over its connection, see [Listener.Hijacked]. If it returns an error, nothing was
// written. A client that reconnects must first read everything.
func (h *Hub) ServeFigures(w http.ResponseWriter, r *http.Request, listener Listener) error {
	accounts, err := listener.access(r.Context())
	if err != nil {
		return err
	}
	place, err := h.figures.listeners.add(listener)
	if err != nil {
		return err
	}
	first := event{name: FiguresCursorEvent, id: figuresID, data: map[string]any{}}
	if lastEventID(r) != "" {
		first = event{name: FiguresEvent, id: figuresID, data: everything()}
	}
	h.serveEvents(w, r, h.figures.listeners, place, &figureFeed{source: h.figures, place: place, accounts: accounts}, first)
	return nil
}

type figureFeed struct {
	source   *figures
	place    *place
	accounts []string // those that the listener may see, at the last check
}

// tell sends the changes of the accounts that the listener may see now. If access cannot be
// checked, the changes stay pending.
func (f *figureFeed) tell(ctx context.Context, _ bool, out output) error {
	accounts, err := f.place.listener.access(ctx)
	if err != nil {
		return err
	}
	events := f.events(f.source.listeners.take(f.place), accounts)
	f.accounts = accounts
	for _, e := range events {
		if err := out.send(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// events returns the connection events, then one event of all changed figures of the given
// accounts; nil means all.
func (f *figureFeed) events(batches []batch, accounts []string) []event {
	changed := Event{All: !slices.Equal(accounts, f.accounts), Changes: []Change{}}
	var visible domain.FigureChanges
	var connections []ConnectionNews
	for _, b := range batches {
		changed.All = changed.All || b.all
		connections = append(connections, b.connections...)
		for _, c := range b.changes {
			if accounts == nil || slices.Contains(accounts, c.AccountID) {
				visible.Add(c)
			}
		}
	}
	events := newestEvents(connections, accounts)
	if changed.All {
		return append(events, event{name: FiguresEvent, id: figuresID, data: everything()})
	}
	for _, c := range visible.Named() {
		changed.Changes = append(changed.Changes, Change{
			AccountID: c.AccountID, MemberID: known(c.MemberID), SocialAccountID: known(c.SocialAccount),
			Platform: known(c.Platform), Figures: c.Figures,
		})
	}
	if len(changed.Changes) > 0 {
		events = append(events, event{name: FiguresEvent, id: figuresID, data: changed})
	}
	return events
}

// The events of a stream of figures. [FiguresCursorEvent] starts a stream, so that a client that is
// disconnected before its first change has an id to reconnect with.
const (
	FiguresEvent       = "figures_changed"
	FiguresCursorEvent = "live_cursor"
)

// Event says which figures changed.
type Event struct {
	All     bool     `json:"all"`     // whether anything may have changed: then read everything again
	Changes []Change `json:"changes"` // accounts whose figures changed; empty with `all`
}

// Change says that new figures of an account can be read.
type Change struct {
	AccountID string `json:"account_id"` // sub-account, 24 hex digits
	// MemberID is the owner of the social account; null if several changed at once.
	MemberID *int64 `json:"member_id"`
	// SocialAccountID is the social account; null if several changed at once.
	SocialAccountID *int64 `json:"social_account_id"`
	// Platform is the platform of the social account: {platforms}; null if several changed at once.
	Platform *domain.Platform `json:"p_id"`
	Figures  domain.Figures   `json:"figures"`
}

func everything() Event { return Event{All: true, Changes: []Change{}} }

func known[T ~int | ~int64](id T) *T {
	if id == 0 {
		return nil
	}
	return &id
}
