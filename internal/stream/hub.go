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

const queryTimeout = 5 * time.Second // for each query

// Config configures a [Hub].
type Config struct {
	// Ready reports whether the read model has caught up with the log. Until then, no notices or
	// heads are read and no access is checked: a head in the middle of a rebuild would make old
	// notices look new, and no users would be found. If Ready is nil, the read model is always
	// ready.
	Ready   func() bool
	Recheck time.Duration // interval of access checks; default 8 s
	// AuthTimeout is how long a Socket.IO client may take to authenticate; default 10 s.
	AuthTimeout time.Duration
	Logger      *slog.Logger // default slog.Default()
}

// Hub sends notices and changes of figures to the listeners of this process.
type Hub struct {
	cfg     Config
	notices *notices
	figures *figures

	mu       sync.Mutex
	done     chan struct{}  // closed when the hub stops, with the lock
	hijacked sync.WaitGroup // streams without a handler

	unflushed sync.Once // for the log: responses cannot be flushed
}

// New returns a hub. It sends nothing until [Hub.Run] is called.
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

// Run feeds the streams until ctx is done. Then it closes every stream with [ErrClosed], waits for
// those that have no handler, which [net/http.Server.Shutdown] does not know, and saves the cursors. It
// returns nil.
func (h *Hub) Run(ctx context.Context) error {
	var running sync.WaitGroup
	running.Go(func() { h.notices.run(ctx) })
	running.Go(func() { h.figures.run(ctx) })
	running.Wait()
	h.mu.Lock()
	close(h.done)
	h.mu.Unlock()
	h.hijacked.Wait()
	h.notices.saveCursors(context.WithoutCancel(ctx))
	return nil
}

// Ready returns nil if notices can be streamed; otherwise an error with code unavailable.
func (h *Hub) Ready() error {
	if h.cfg.Ready() {
		return nil
	}
	return errNotReady
}

// NoticeListeners returns the number of notice streams, for a gauge.
func (h *Hub) NoticeListeners() int { return h.notices.listeners.size() }

// HasListeners reports whether the agency has listeners in this process.
func (h *Hub) HasListeners(parent string) bool {
	return h.notices.listeners.has(parent) || h.figures.listeners.has(parent)
}

// Wake says that the records of the agency's dashboards can be read up to a new head. Its listeners
// read their notices, and who may see which figures is checked again. A lost wake-up delays a notice
// until the next sweep. The notices continue the trace of ctx.
func (h *Hub) Wake(ctx context.Context, parent string, head int64) {
	h.notices.wake(ctx, parent, head)
	h.figures.accessChanged(parent)
}

func (h *Hub) warn(ctx context.Context, doing string, err error) {
	if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
		h.cfg.Logger.WarnContext(ctx, "streams: "+doing, "error", err.Error())
	}
}

// kick wakes the loop that reads from a channel of capacity 1.
func kick(loop chan<- struct{}) {
	select {
	case loop <- struct{}{}:
	default: // already requested
	}
}

var errNotReady = &domain.Error{
	Code: domain.CodeUnavailable, RetryAfter: 2,
	Message: "Notices are not ready yet: the read model is being built. Try again shortly.",
}
