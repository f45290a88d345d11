package collect

import (
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
)

// pendingRotation is renewed tokens that are not stored yet.
type pendingRotation struct {
	old    []byte // the secret that they replace
	tokens commands.StoredTokens
	taken  time.Time
}

// pendingRotations holds, by reference, what could not be stored. The platform takes no older tokens any more.
type pendingRotations struct {
	mu    sync.Mutex
	byRef map[string]pendingRotation
}

func (p *pendingRotations) of(ref string) (pendingRotation, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.byRef[ref]
	return found, ok
}

func (p *pendingRotations) keep(ref string, tokens pendingRotation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byRef == nil {
		p.byRef = map[string]pendingRotation{}
	}
	p.byRef[ref] = tokens
}

func (p *pendingRotations) drop(ref string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.byRef, ref)
}
