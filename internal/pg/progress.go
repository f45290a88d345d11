package pg

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// ProgressChannel is the NOTIFY channel on which a projection announces that its tables have
// changed, in the transaction that moves its checkpoint.
const ProgressChannel = "ledgerboard_progress"

const maxPayload = 4000 // PostgreSQL's limit is 8000 bytes

// ProgressPayload returns the projection's name and the keys whose rows have changed, separated by
// spaces. Without keys, or if there are too many, it returns only the name, which means that rows
// of any key may have changed.
func ProgressPayload(projection string, keys []string) string {
	payload := strings.Join(append([]string{projection}, keys...), " ")
	if len(payload) > maxPayload {
		return projection
	}
	return payload
}

// FiguresChannel is the NOTIFY channel on which a projection announces, in the transaction that
// changes figures, whose figures changed: a JSON list of [domain.FigureChange], or [AnyFigure].
const FiguresChannel = "ledgerboard_figures"

// AnyFigure means that any figures may have changed: a read model went live, an operator repaired
// it, or notifications may have been lost.
const AnyFigure = "*"

// Progress wakes goroutines that wait for a projection to move. A wake-up is only a hint: a waiter
// must read the tables when it wakes up, and occasionally without a wake-up.
type Progress struct {
	mu      sync.Mutex
	waiters map[waiter]chan struct{} // closed and removed when the projection moves
	figures func(payload string)
}

// waiter waits for a move of a projection that may affect a key.
type waiter struct{ projection, key string }

// NewProgress returns a Progress that is not connected until [Progress.Listen] is called.
func NewProgress() *Progress {
	return &Progress{waiters: map[waiter]chan struct{}{}, figures: func(string) {}}
}

// ListenFigures sets the function that gets the payloads of [FiguresChannel], in order, and
// [AnyFigure] whenever the listening connection has been opened. hear must not block. Call
// ListenFigures before [Progress.Listen].
func (p *Progress) ListenFigures(hear func(payload string)) { p.figures = hear }

// AnyKey is the key for [Progress.Changed] of a projection whose payloads contain no keys. A
// payload with keys does not wake its waiters.
const AnyKey = "any"

// Changed returns a channel that is closed when rows of the projection that belong to the key may
// have changed. Call it before reading the tables, so that no change between reading and waiting is
// missed.
func (p *Progress) Changed(projection, key string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	ch, ok := p.waiters[waiter{projection, key}]
	if !ok {
		ch = make(chan struct{})
		p.waiters[waiter{projection, key}] = ch
	}
	return ch
}

// Wake wakes the goroutines that wait for what a payload of [ProgressChannel] names. A projection of
// this process calls it after its commit, so that they need not wait for the notification.
func (p *Progress) Wake(payload string) {
	projection, rest, _ := strings.Cut(payload, " ")
	keys := strings.Fields(rest)
	p.wakeWhere(func(w waiter) bool {
		return w.projection == projection && (len(keys) == 0 || slices.Contains(keys, w.key))
	})
}

func (p *Progress) wakeWhere(concerned func(waiter) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.waiters, func(w waiter, ch chan struct{}) bool {
		if !concerned(w) {
			return false
		}
		close(ch)
		return true
	})
}

// Listen receives notifications from the database until ctx is done. After a lost connection it
// reconnects and wakes all waiters, because notifications may have been missed.
func (p *Progress) Listen(ctx context.Context, databaseURL string, logger *slog.Logger) {
	for ctx.Err() == nil {
		err := p.listenOnce(ctx, databaseURL)
		if ctx.Err() != nil {
			return
		}
		logger.Warn("cannot listen for projection progress; reconnecting", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (p *Progress) listenOnce(ctx context.Context, databaseURL string) error {
	conn, err := connect(ctx, databaseURL, nil)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	for _, channel := range []string{ProgressChannel, FiguresChannel} {
		if _, err := conn.Exec(ctx, "listen "+channel); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
	}
	p.wakeWhere(func(waiter) bool { return true })
	p.figures(AnyFigure)
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("wait for notification: %w", err)
		}
		if n.Channel == FiguresChannel {
			p.figures(n.Payload)
		} else {
			p.Wake(n.Payload)
		}
	}
}
