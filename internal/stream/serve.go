package stream

import (
	"context"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

const keepAliveEvery = 15 * time.Second // comments that keep connections alive

// recheckEvery is how often access is looked at. Who has left must be cut within 10 s, and whoever judges may
// answer with what it knew a second ago.
const recheckEvery = 8 * time.Second

const lookAgain = time.Second // when a listener's look that failed is repeated

// event is what a listener hears, on every transport.
type event struct {
	name, id string
	data     any
	version  int64 // of a notice; else 0
}

// output is the way to one listener.
type output interface {
	// send and keepAlive return errGone when the listener is gone.
	send(ctx context.Context, e event) error
	keepAlive() error
	// end says why the stream ends.
	end(ctx context.Context, reason error)
}

// feed is what one listener is told.
type feed interface {
	// tell sends what is new. With check it is time to look whether the listener may still listen. Errors:
	// errGone; one of which [domain.AccessRefused] is true; any other is a passing fault.
	tell(ctx context.Context, check bool, out output) error
}

var errGone = errors.New("the listener is gone")

// Why a stream ends.
var (
	ErrExpired    = domain.NewError(domain.CodeUnauthenticated, "The token has expired. Sign in again and reconnect.")
	ErrAccessLost = domain.NewError(domain.CodeForbidden, "This listener has lost its access.")
	ErrReplaced   = domain.NewError(domain.CodeConflict, "A newer stream was opened with the same ticket. Use one ticket for each stream.")
	ErrClosed     = domain.NewError(domain.CodeUnavailable, "The server is stopping. Reconnect to go on.")
)

// serve brings a feed to a listener until it goes, its token expires, its access is lost, its ticket opens another stream
// or the hub ends.
func (h *Hub) serve(ctx context.Context, p *place, f feed, out output) {
	keepAlive, recheck := time.NewTicker(keepAliveEvery), time.NewTicker(h.cfg.Recheck)
	defer keepAlive.Stop()
	defer recheck.Stop()
	var expired, again <-chan time.Time
	if !p.who.ExpiresAt.IsZero() {
		expired = time.After(time.Until(p.who.ExpiresAt))
	}
	failed := false // the last look; a fault that lasts is told of once
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
		case <-again:
		}
		again = nil
		switch err := f.tell(ctx, check, out); {
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
			again = time.After(lookAgain)
		}
	}
}
