package commands

import "context"

// KeyedLock is the queue of an agency's commands, for its own test.
type KeyedLock struct{ inner *keyedLock }

// NewKeyedLock makes one that nobody holds.
func NewKeyedLock() KeyedLock { return KeyedLock{newKeyedLock()} }

// Lock waits for the key.
func (l KeyedLock) Lock(ctx context.Context, key string) (func(), error) {
	return l.inner.lock(ctx, key)
}

// Held is the number of keys that take memory.
func (l KeyedLock) Held() int {
	l.inner.mu.Lock()
	defer l.inner.mu.Unlock()
	return len(l.inner.holds)
}
