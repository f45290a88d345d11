package stream

import (
	"context"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

const keepAliveEvery = 15 * time.Second // interval of comments that keep connections open

// recheckEvery is the interval of access checks. Listeners that lost their access must be
// disconnected within 10 s, and the check may use a result that is 1 s old.
const recheckEvery = 8 * time.Second

const retryDelay = time.Second // delay until a failed attempt is repeated

// event is one event, on every transport.
type event struct {
	name, id string
	data     any
	version  int64 // version of a notice; otherwise 0
}

// output writes to one listener.
type output interface {
	// send and keepAlive return errGone if the listener is disconnected.
	send(ctx context.Context, e event) error
	keepAlive() error
	// end states why the stream ends.
	end(ctx context.Context, reason error)
}

// feed produces what one listener gets.
type feed interface {
	// tell sends what is new. If check is set, it also checks access. Errors: errGone; an error for
	// which [domain.AccessRefused] is true; all others are temporary.
	tell(ctx context.Context, check bool, out output) error
}

var errGone = errors.New("the listener is disconnected")

// Reasons for the end of a stream.
var (
	ErrExpired    = domain.NewError(domain.CodeUnauthenticated, "The token has expired. Sign in again and reconnect.")
	ErrAccessLost = domain.NewError(domain.CodeForbidden, "This listener has lost its access.")
	ErrReplaced   = domain.NewError(domain.CodeConflict, "A newer stream was opened with the same ticket. Use one ticket for each stream.")
	ErrClosed     = domain.NewError(domain.CodeUnavailable, "The server is stopping. Reconnect to continue.")
)

// serve runs a feed until the listener disconnects, its token expires, its access is lost, another
// stream replaces it, or the hub ends.
func (h *Hub) serve(ctx context.Context, p *place, f feed, out output) {
	keepAlive, recheck := time.NewTicker(keepAliveEvery), time.NewTicker(h.cfg.Recheck)
	defer keepAlive.Stop()
	defer recheck.Stop()
	var expired, retry <-chan time.Time
	if !p.listener.ExpiresAt.IsZero() {
		expired = time.After(time.Until(p.listener.ExpiresAt))
	}
	failed := false // whether the last attempt failed; a lasting fault is logged once
	for {
		check := false
		select {
		case <-ctx.Done():
			return
		case <-h.done:
			out.end(ctx, ErrClosed)
			return
		case <-p.replaced:
			out.end(ctx, ErrReplaced)
			return
		case <-expired:
			out.end(ctx, ErrExpired)
			return
		case <-keepAlive.C:
			if out.keepAlive() != nil {
				return
			}
			continue
		case <-recheck.C:
			check = true
		case <-p.wake:
		case <-retry:
		}
		retry = nil
		switch err := f.tell(p.traced(ctx), check, out); {
		case err == nil:
			failed = false
		case errors.Is(err, errGone):
			return
		case domain.AccessRefused(err):
			out.end(ctx, ErrAccessLost)
			return
		default:
			if !failed && !errors.Is(err, errNotReady) {
				h.warn(ctx, "look at a listener", err)
			}
			failed = true
			retry = time.After(retryDelay)
		}
	}
}
