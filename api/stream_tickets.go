package api

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	// ticketLife is the longest life of a ticket; the login that it was taken with may end it sooner.
	ticketLife = 12 * time.Hour
	// beliefLife is how long streams and tickets trust a login without a known end, such as a main application's
	// session that may be over any time. Then its client opens the stream again, and the login is judged again.
	beliefLife = 5 * time.Minute
)

// believedUntil is when the streams of a caller end.
func (s *Server) believedUntil(p Principal) time.Time {
	if p.ExpiresAt.IsZero() {
		return s.deps.Now().Add(beliefLife)
	}
	return p.ExpiresAt
}

// ticketBody is a ticket that stands for the caller's token in the address of a stream.
type ticketBody struct {
	Ticket    string `json:"ticket"`
	Path      string `json:"path"`               // of the stream that it opens
	ExpiresIn int    `json:"expires_in_seconds"` // until it opens no stream any more
}

// postTicket gives a ticket that stands for the caller's token in the address of one EventSource, which cannot send
// headers; a token there would end up in logs.
func (s *Server) postTicket(r *http.Request, path string) (ticketBody, error) {
	p, _ := PrincipalFrom(r.Context())
	now := s.deps.Now()
	t := ticket{
		ID: rand.Text(), UserID: p.UserID, AccountID: p.AccountID, Roles: p.Roles,
		Path: path, Origin: r.Header.Get("Origin"), Until: now.Add(ticketLife),
	}
	if ends := s.believedUntil(p); ends.Before(t.Until) {
		t.Until = ends
	}
	sealed, err := s.tickets.seal(t)
	return ticketBody{Ticket: sealed, Path: path, ExpiresIn: int(t.Until.Sub(now) / time.Second)}, err
}

// ticket is what a ticket holds. It is sealed, not stored: any process that has the key opens it.
type ticket struct {
	ID        string    `json:"i"` // its newest stream ends the one before
	UserID    string    `json:"u"`
	AccountID string    `json:"a"`
	Roles     Roles     `json:"r"`
	Path      string    `json:"p"` // the route that it opens
	Origin    string    `json:"o"` // of the page that asked for it; "": none was named
	Until     time.Time `json:"e"`
}

// ticketSeal seals tickets and opens them.
type ticketSeal struct{ aead cipher.AEAD }

// newTicketSeal takes a key of 32 bytes; nil: one that only this process has.
func newTicketSeal(key []byte) (*ticketSeal, error) {
	if key == nil {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("key of tickets: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("key of tickets: %w", err)
	}
	return &ticketSeal{aead}, nil
}

// ticketUse keeps a ticket from being taken for anything else that the key may seal some day.
const ticketUse = "ledgerboard stream ticket 1"

func (t *ticketSeal) seal(content ticket) (string, error) {
	raw, err := json.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("encode ticket: %w", err)
	}
	sealed := t.aead.Seal(nil, nil, raw, []byte(ticketUse)) //nolint:gosec // it makes its nonce itself, a random one
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// open returns what a ticket holds, if it opens this stream now.
func (t *ticketSeal) open(text, path string, r *http.Request, now time.Time) (ticket, error) {
	again := "Get a new one from POST /api/notices/ticket?path=" + path + "."
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return ticket{}, unauthenticated("The ticket is not one of this service. %s", again)
	}
	raw, err := t.aead.Open(nil, nil, sealed, []byte(ticketUse))
	if err != nil {
		return ticket{}, unauthenticated("The ticket is not one of this service. %s", again)
	}
	var content ticket
	if err := json.Unmarshal(raw, &content); err != nil {
		return ticket{}, fmt.Errorf("decode ticket: %w", err)
	}
	switch {
	case !now.Before(content.Until):
		return ticket{}, unauthenticated("The ticket has ended. %s", again)
	case content.Path != path:
		return ticket{}, unauthenticated("The ticket opens %s and no other stream. %s", content.Path, again)
	case !content.fits(r):
		return ticket{}, unauthenticated("The ticket belongs to a page of another origin. %s", again)
	}
	return content, nil
}

// fits tells whether the page that asks is the one that the ticket was given to. Browsers name the origin where it is
// another than ours; where they name none, they must say that it is ours.
func (t ticket) fits(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		return strings.EqualFold(origin, t.Origin)
	}
	return r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

func (t ticket) principal() Principal {
	return Principal{UserID: t.UserID, AccountID: t.AccountID, Roles: t.Roles, ExpiresAt: t.Until}
}
