package simulator

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// consent is what a person gives our app at a platform now.
type consent struct {
	number            int            // of the latest consent; later ones have higher numbers, also after a restart
	oldest            int            // tokens of earlier consents are dead
	granted, declined []string       // scopes
	pages             map[string]int // Facebook: chosen page → number of the consent since which it has been
	at                time.Time
	redirect          string // where the person was sent back to
}

// holder is the person and consent of a token.
type holder struct {
	person  string
	consent int
}

// held is the id within a token that a dialog made: of an account, or of none, and its holder.
func (h holder) held(account string) string {
	return account + "@" + h.person + "." + strconv.Itoa(h.consent)
}

// holderOf takes the id within a token apart; ok is false when no dialog made the token.
func holderOf(id string) (account string, h holder, ok bool) {
	account, rest, ok := strings.Cut(id, "@")
	if !ok {
		return id, holder{}, false
	}
	person, number, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(number)
	return account, holder{person: person, consent: n}, err == nil
}

// consented notes a consent, and says whose the tokens of it are. A page that is left out dies; at LinkedIn, all tokens
// die that were made with other scopes.
func (s *Server) consented(p domain.Platform, person string, c consent, pages []string) holder {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.consents[accountKey(p, person)]
	c.number, c.oldest, c.pages = max(before.number+1, int(c.at.Unix())), before.oldest, map[string]int{}
	slices.Sort(c.granted)
	slices.Sort(c.declined)
	for _, page := range pages {
		if since, chosen := before.pages[page]; chosen {
			c.pages[page] = since
		} else {
			c.pages[page] = c.number
		}
	}
	if p == domain.LinkedIn && !slices.Equal(before.granted, c.granted) {
		c.oldest = c.number
	}
	s.consents[accountKey(p, person)] = c
	return holder{person: person, consent: c.number}
}

// RemoveApp takes the whole app from a person, as their settings at the platform do: every token of every consent is
// dead.
func (s *Server) RemoveApp(p domain.Platform, person string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.consents[accountKey(p, person)]
	last := max(c.number, int(s.cfg.Clock().Unix()))
	s.consents[accountKey(p, person)] = consent{number: last, oldest: last + 1}
}

// consent is what a person gives now; ok is false where this server heard of none (see [holds]).
func (s *Server) consent(p domain.Platform, person string) (c consent, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c, ok = s.consents[accountKey(p, person)]
	return c, ok
}

// holds tells whether a token that a dialog made still holds. One of a former life of the server, which this one heard no
// consent about, does.
func (s *Server) holds(p domain.Platform, token, account string, h holder) bool {
	s.mu.RLock()
	dead := s.dead[token]
	s.mu.RUnlock()
	c, heard := s.consent(p, h.person)
	switch {
	case dead:
		return false
	case !heard:
		return true
	case h.consent < c.oldest:
		return false
	case p == domain.Facebook && account != "":
		since, chosen := c.pages[account]
		return chosen && h.consent >= since
	default:
		return true
	}
}

// lacks tells whether the consent behind a token was heard of and has not this scope.
func (s *Server) lacks(p domain.Platform, token, scope string) bool {
	if !strings.Contains(token, "@") { // no dialog made it
		return false
	}
	m, _ := s.parse(token)
	_, h, ok := holderOf(m.id)
	c, heard := s.consent(p, h.person)
	return ok && heard && !slices.Contains(c.granted, scope)
}

// personal is whose a token is that belongs to a person, not to an account.
func (s *Server) personal(p domain.Platform, token string, now time.Time) (Person, minted, tokenState) {
	m, ok := s.parse(token)
	if !ok || m.kind != kindPerson || m.platform != p {
		return Person{}, minted{}, tokenUnknown
	}
	_, h, _ := holderOf(m.id)
	person, known := s.person(p, h.person)
	switch {
	case !known:
		return Person{}, minted{}, tokenUnknown
	case !s.holds(p, token, "", h):
		return person, m, tokenRevoked
	case !m.expires.IsZero() && !now.Before(m.expires):
		return person, m, tokenExpired
	default:
		return person, m, tokenGood
	}
}

// issued is what a code is good for.
type issued struct {
	platform domain.Platform
	holder   holder
	redirect string
	expires  time.Time
	used     bool
}

// issue makes a code, and forgets those that are over.
func (s *Server) issue(d dialect, h holder, redirect string, now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.codes, func(_ string, c issued) bool { return now.Sub(c.expires) > 24*time.Hour })
	s.coded++
	code := fmt.Sprintf("Simcode%016X%s", hash(s.cfg.Seed, "code", h.held(""), strconv.Itoa(s.coded)), d.codeTail)
	s.codes[code] = issued{platform: d.platform, holder: h, redirect: redirect, expires: now.Add(d.codeLife)}
	return code
}

// codeFault is what is wrong with a code.
type codeFault int

const (
	codeGood codeFault = iota
	codeUnknown
	codeUsed
	codeExpired
	codeElsewhere // another redirect address
)

// spend uses a code up, once.
func (s *Server) spend(p domain.Platform, code, redirect string, now time.Time) (holder, codeFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, known := s.codes[code]
	switch {
	case !known || c.platform != p:
		return holder{}, codeUnknown
	case c.used:
		return holder{}, codeUsed
	case !now.Before(c.expires):
		return holder{}, codeExpired
	case c.redirect != redirect:
		return holder{}, codeElsewhere
	}
	c.used = true
	s.codes[code] = c
	return c.holder, codeGood
}
