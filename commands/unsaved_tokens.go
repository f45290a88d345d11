package commands

import (
	"sync"
	"time"
)

// unsaved are renewed tokens that are not stored yet.
type unsaved struct {
	old    []byte // the secret that they replace
	tokens StoredTokens
	taken  time.Time
}

// unsavedTokens holds, by reference, what could not be stored. The platform takes no older tokens any more.
type unsavedTokens struct {
	mu    sync.Mutex
	byRef map[string]unsaved
}

func (u *unsavedTokens) of(ref string) (unsaved, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	found, ok := u.byRef[ref]
	return found, ok
}

func (u *unsavedTokens) keep(ref string, tokens unsaved) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.byRef == nil {
		u.byRef = map[string]unsaved{}
	}
	u.byRef[ref] = tokens
}

func (u *unsavedTokens) drop(ref string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.byRef, ref)
}
