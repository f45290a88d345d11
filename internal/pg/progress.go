package pg

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// ProgressChannel is the NOTIFY channel on which a projection tells, in the transaction that moves
// its checkpoint, that its tables have moved. The payload is the projection's name.
const ProgressChannel = "ledgerboard_progress"

// reconnectAfter is the pause before the listening connection is made again.
const reconnectAfter = 500 * time.Millisecond

// Progress wakes whoever waits for a projection to move. It is a hint: a waiter looks at the tables
// again when woken, and also now and then when not.
type Progress struct {
	mu      sync.Mutex
	waiters map[string]chan struct{} // by projection; closed and replaced at each move
}

// NewProgress returns a Progress that no one feeds yet; see Listen.
func NewProgress() *Progress {
	return &Progress{waiters: map[string]chan struct{}{}}
}

// Moved returns a channel that is closed at the next move of the projection. Take it before looking
// at the tables: a move between the look and the wait is then not missed.
func (p *Progress) Moved(projection string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	ch, ok := p.waiters[projection]
	if !ok {
		ch = make(chan struct{})
		p.waiters[projection] = ch
	}
	return ch
}

func (p *Progress) wake(projection string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ch, ok := p.waiters[projection]; ok {
		close(ch)
		delete(p.waiters, projection)
	}
}

func (p *Progress) wakeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, ch := range p.waiters {
		close(ch)
		delete(p.waiters, name)
	}
}

// Listen feeds p from the database until ctx is done. A lost connection is made again, and everyone
// is woken then, because moves may have been missed.
func (p *Progress) Listen(ctx context.Context, databaseURL string, logger *slog.Logger) {
	for ctx.Err() == nil {
		err := p.listenOnce(ctx, databaseURL)
		if ctx.Err() != nil {
			return
		}
		logger.Warn("listen for projection progress", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(reconnectAfter):
		}
	}
}

func (p *Progress) listenOnce(ctx context.Context, databaseURL string) error {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return fmt.Errorf("parse database URL: %w", err)
	}
	noticeGone(config)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "listen "+ProgressChannel); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	p.wakeAll()
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("wait for notification: %w", err)
		}
		p.wake(n.Payload)
	}
}
