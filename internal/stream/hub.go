package stream

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// queryTimeout is the longest that one look at the tables may take.
const queryTimeout = 5 * time.Second

// Config configures a [Hub].
type Config struct {
	// Ready says whether the read model has caught up with the log. Until it has, no notice is looked for, no
	// head is taken and nobody's access is looked at: a head in the middle of a rebuild would make old notices
	// look new, and nobody would be found. Nil: always.
	Ready   func() bool
	Recheck time.Duration // how often a listener's access is looked at; zero: 8 s
	// AuthTimeout is how long who opens a Socket.IO session may take to say who it is; zero: 10 s.
	AuthTimeout time.Duration
	Logger      *slog.Logger // nil: slog.Default()
}

// Hub brings notices and changes of figures to the listeners of this process.
type Hub struct {
	cfg     Config
	done    chan struct{} // closed when the hub ends
	notices *notices
	figures *figures
}

// New returns a hub; [Hub.Run] makes it work.
func New(store Store, cfg Config) *Hub {
	if cfg.Ready == nil {
		cfg.Ready = func() bool { return true }
	}
	cfg.Recheck = cmp.Or(cfg.Recheck, recheckEvery)
	cfg.AuthTimeout = cmp.Or(cfg.AuthTimeout, authTimeout)
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	h := &Hub{cfg: cfg, done: make(chan struct{})}
	h.notices, h.figures = newNotices(h, store), newFigures(h, store)
	return h
}

// Run feeds the streams until ctx ends; then every stream is cut with
// [ErrClosed] and the cursors are saved. It returns nil.
func (h *Hub) Run(ctx context.Context) error {
	var running sync.WaitGroup
	running.Go(func() { h.notices.run(ctx) })
	running.Go(func() { h.figures.run(ctx) })
	running.Wait()
	close(h.done)
	h.notices.saveCursors(context.WithoutCancel(ctx))
	return nil
}

// Ready returns nil when notices can be listened to; an error with the code unavailable before.
func (h *Hub) Ready() error {
	if h.cfg.Ready() {
		return nil
	}
	return errNotReady
}

// NoticeListeners is the number of those who listen for notices, for a gauge.
func (h *Hub) NoticeListeners() int { return h.notices.listeners.size() }

// Listens tells whether anybody of the agency listens here.
func (h *Hub) Listens(parent string) bool {
	return h.notices.listeners.has(parent) || h.figures.listeners.has(parent)
}

// Wake says that a new record of the agency's dashboards can be read: there may be notices, and who may see
// which figures is found out anew. Losing a wake-up delays a notice until the next sweep and never loses it.
func (h *Hub) Wake(parent string) {
	h.notices.wake(parent)
	h.figures.accessMoved(parent)
}

// warn logs a fault that the next look may not find any more.
func (h *Hub) warn(ctx context.Context, doing string, err error) {
	if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
		h.cfg.Logger.WarnContext(ctx, "streams: "+doing, "error", err.Error())
	}
}

// kick asks a loop that takes from the channel, of capacity 1, to look.
func kick(loop chan<- struct{}) {
	select {
	case loop <- struct{}{}:
	default: // it is asked already
	}
}

var errNotReady = &domain.Error{
	Code: domain.CodeUnavailable, RetryAfter: 2,
	Message: "Notices are not ready yet: the read model is being built. Try again shortly.",
}
