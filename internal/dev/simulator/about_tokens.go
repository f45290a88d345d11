package simulator

import (
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// toldToken is what a platform tells our app about a token.
type toldToken struct {
	state     tokenState
	person    string    // who consented; empty for a token that no dialog made
	account   string    // that it reads; empty for a person's
	expires   time.Time // zero: never
	consented time.Time // zero where this server heard of no consent
	scopes    []string
	traps     Traps // of the account
}

// about tells about a person's or an account's token of one of the platforms; known is false for any other text.
func (s *Server) about(token string, now time.Time, of ...domain.Platform) (told toldToken, known bool) {
	m, _ := s.parse(token)
	told.expires = m.expires
	for _, p := range of {
		if told.state, told.account, known = s.worth(p, token, now); known {
			if _, h, held := holderOf(m.id); held {
				told.person = h.person
			}
			told.scopes = s.granted(of[0], token)
			if a := s.account(p, told.account); a != nil {
				told.tell(a, token, now)
			}
			break
		}
	}
	if given, heard := s.consent(of[0], told.person); known && heard {
		told.consented = given.at
	}
	return told, known
}

// worth is what a token is worth at a platform, and the account that it reads.
func (s *Server) worth(p domain.Platform, token string, now time.Time) (state tokenState, account string, known bool) {
	if _, _, state = s.personal(p, token, now); state != tokenUnknown {
		return state, "", true
	}
	a, state := s.authenticate(p, token, now)
	if a == nil {
		return tokenUnknown, "", false
	}
	return state, a.ID, true
}

// tell takes into account what is switched for the account alone.
func (t *toldToken) tell(a *account, token string, at time.Time) {
	if a.AccessToken == token {
		t.expires = a.AccessExpires
	}
	t.traps = a.trapped()
	traps := t.traps
	if traps.TokenError != 0 && t.state == tokenGood {
		t.state = tokenRevoked
	}
	t.scopes = slices.DeleteFunc(t.scopes, func(scope string) bool {
		_, refused := traps.fault(Refused, at, scope)
		return refused
	})
}

// granted are the scopes of a token: of the consent behind it, else all that our app has.
func (s *Server) granted(p domain.Platform, token string) []string {
	scopes := []string{}
	for _, d := range dialects() {
		if d.platform == p {
			scopes = append(scopes, d.scopes...)
		}
	}
	return slices.DeleteFunc(scopes, func(scope string) bool { return s.lacks(p, token, scope) })
}

func unixOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
