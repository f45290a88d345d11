package simulator

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Tokens are the generated tokens of an account.
type Tokens struct {
	Access  string
	Refresh string

	id string // within them: of the account, or of a consent too
}

// The kinds of generated tokens.
const (
	kindAccess  = "acc" // reads one account
	kindRefresh = "ref"
	kindPerson  = "usr" // a person's: Facebook and LinkedIn
)

// Generated tokens carry their account, generation and expiry, and a check value of the seed. So a
// server that was restarted with the same seed knows the tokens of its former life: a demo that
// stored a rotated refresh token goes on with it.

// Tokens are the first generated tokens of an account; the access token never expires.
func (s *Server) Tokens(p domain.Platform, id string) Tokens {
	return Tokens{Access: s.mint(kindAccess, p, id, 0, time.Time{}), Refresh: s.mint(kindRefresh, p, id, 0, time.Time{})}
}

// EndedToken is an access token of an account that was good until an instant.
func (s *Server) EndedToken(p domain.Platform, id string, until time.Time) string {
	return s.mint(kindAccess, p, id, 0, until)
}

func (s *Server) mint(kind string, p domain.Platform, id string, generation int, expires time.Time) string {
	unix := int64(0)
	if !expires.IsZero() {
		unix = expires.Unix()
	}
	body := fmt.Sprintf("Sim%s~%d~%s~%d~%d", kind, int(p), id, generation, unix)
	return fmt.Sprintf("%s~%016X", body, hash(s.cfg.Seed, "token", body))
}

// minted is a generated token taken apart.
type minted struct {
	kind       string
	platform   domain.Platform
	id         string
	generation int
	expires    time.Time
}

func (s *Server) parse(token string) (minted, bool) {
	parts := strings.Split(token, "~")
	if len(parts) != 6 || !strings.HasPrefix(parts[0], "Sim") {
		return minted{}, false
	}
	p, err1 := strconv.Atoi(parts[1])
	generation, err2 := strconv.Atoi(parts[3])
	unix, err3 := strconv.ParseInt(parts[4], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return minted{}, false
	}
	m := minted{kind: strings.TrimPrefix(parts[0], "Sim"), platform: domain.Platform(p), id: parts[2], generation: generation}
	if unix != 0 {
		m.expires = time.Unix(unix, 0).UTC()
	}
	return m, s.mint(m.kind, m.platform, m.id, m.generation, m.expires) == token
}

// tokenState is what a presented access token is worth.
type tokenState int

const (
	tokenUnknown tokenState = iota
	tokenExpired
	tokenRevoked // of a consent that no longer holds
	tokenGood
)

// authenticate finds the account of an access token.
func (s *Server) authenticate(p domain.Platform, token string, now time.Time) (*account, tokenState) {
	s.mu.RLock()
	key := s.tokens[token]
	a := s.accounts[key]
	s.mu.RUnlock()
	if a != nil && a.platform == p && a.AccessToken == token {
		if !a.AccessExpires.IsZero() && !now.Before(a.AccessExpires) {
			return a, tokenExpired
		}
		return a, tokenGood
	}
	m, ok := s.parse(token)
	if !ok || m.kind != kindAccess || m.platform != p {
		return nil, tokenUnknown
	}
	id, h, held := holderOf(m.id)
	a = s.account(p, id)
	switch {
	case a == nil:
		return nil, tokenUnknown
	case held && !s.holds(p, token, id, h):
		return a, tokenRevoked
	case !m.expires.IsZero() && !now.Before(m.expires):
		return a, tokenExpired
	default:
		return a, tokenGood
	}
}

// unrotate makes the refresh token before the newest the valid one again.
func (a *account) unrotate(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.generations[id]--
}

// rotate uses a refresh token up. With rotating tokens an old one is refused; without, the refresh
// token stays. The error word is OAuth's.
func (s *Server) rotate(p domain.Platform, refresh string, lifetime time.Duration, rotating bool, now time.Time) (*account, Tokens, bool) {
	s.mu.RLock()
	a := s.accounts[s.tokens[refresh]]
	s.mu.RUnlock()
	var m minted
	if a == nil || a.platform != p || a.RefreshToken != refresh {
		var ok bool
		if m, ok = s.parse(refresh); !ok || m.kind != kindRefresh || m.platform != p {
			return nil, Tokens{}, false
		}
		id, h, held := holderOf(m.id)
		if a = s.account(p, id); a == nil || (held && !s.holds(p, refresh, id, h)) {
			return nil, Tokens{}, false
		}
	} else {
		m.id = a.ID
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if rotating && m.generation < a.generations[m.id] {
		return nil, Tokens{}, false
	}
	next := m.generation
	if rotating {
		next++
		a.generations[m.id] = next
		refresh = s.mint(kindRefresh, p, m.id, next, time.Time{})
	}
	return a, Tokens{Access: s.mint(kindAccess, p, m.id, next, now.Add(lifetime)), Refresh: refresh, id: m.id}, true
}

// idWithin is the id within a token, so that its successor hangs on the same consent; a token that was not generated has
// its account's.
func (s *Server) idWithin(token string, a *account) string {
	if m, ok := s.parse(token); ok {
		return m.id
	}
	return a.ID
}
