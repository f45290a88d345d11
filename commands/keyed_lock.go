package commands

import (
	"context"
	"sync"
)

// KeyedLock queues callers by key, so that the commands of one agency run one after the other in a
// process and races come only from other processes. A key that no one holds takes no memory.
type KeyedLock struct {
	mu    sync.Mutex
	holds map[string]*hold
}

type hold struct {
	token chan struct{} // holds one token while the key is free
	users int           // holder and waiters
}

// NewKeyedLock returns one of which nobody holds a key.
func NewKeyedLock() *KeyedLock { return &KeyedLock{holds: map[string]*hold{}} }

// Lock waits for the key until ctx is done; the returned function gives the key back.
func (l *KeyedLock) Lock(ctx context.Context, key string) (unlock func(), err error) {
	l.mu.Lock()
	h, ok := l.holds[key]
	if !ok {
		h = &hold{token: make(chan struct{}, 1)}
		h.token <- struct{}{}
		l.holds[key] = h
	}
	h.users++
	l.mu.Unlock()
	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if h.users--; h.users == 0 {
			delete(l.holds, key)
		}
	}
	select {
	case <-h.token:
		return func() {
			h.token <- struct{}{}
			leave()
		}, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
