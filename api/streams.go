package api

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// streams serve notices and live updates.
type streams struct {
	hub        *stream.Hub
	socketIO   *stream.SocketIO
	doorkeeper *doorkeeper
	tickets    cipher.AEAD // seals tickets
	ready      func() error
	now        func() time.Time
}

func newStreams(d Deps, door *doorkeeper) (*streams, error) {
	tickets, err := newTicketSeal(d.TicketKey)
	if err != nil {
		return nil, err
	}
	s := &streams{hub: d.Streams, doorkeeper: door, tickets: tickets, ready: d.Ready, now: d.Now}
	s.socketIO, err = stream.NewSocketIO(d.Streams, s.socketListener)
	return s, err
}

func (s *streams) routes() []Operation {
	listeners := []Role{RoleAgency, RoleClient}
	return []Operation{
		{http.MethodGet, patternNotices, "getNotices", nil, operation{ // a ticket may stand for the token
			serve: s.getNotices, Takes: []Param{paramTicket, paramLastEventQuery, paramLastEvent},
		}},
		{http.MethodGet, patternSocketIO, "getSocketIo", nil, operation{serve: s.serveSocketIO}},
		{http.MethodPost, patternSocketIO, "postSocketIo", nil, operation{serve: s.serveSocketIO}},
		{http.MethodGet, patternLive, "getLive", nil, operation{ // likewise
			read: s.getLive, Takes: []Param{paramTicket, paramLastEventQuery, paramAccount, paramBoard, paramLastEvent},
		}},
		{http.MethodPost, patternTicket, "postNoticesTicket", listeners, answering(
			func(p *Params) string { return cmp.Or(p.word(paramTicketPath), patternNotices) }, s.postTicket)},
	}
}

// getNotices streams the caller's own notices as Server-Sent Events. The caller is proven by a token
// or by ?ticket=.
func (s *streams) getNotices(w http.ResponseWriter, r *http.Request) error {
	p, ticketID, err := s.streamPrincipal(w, r, patternNotices)
	if err != nil {
		return err
	}
	listener, err := s.noticeListener(r.Context(), p)
	if err != nil {
		return err
	}
	listener.Ticket = ticketID
	return s.hub.ServeNotices(w, r, listener)
}

// noticeListener is the listener that a caller may be: itself, at its agency.
func (s *streams) noticeListener(ctx context.Context, p Principal) (stream.Listener, error) {
	if !p.Roles.Has(RoleAgency, RoleClient) {
		return stream.Listener{}, errWrongRole
	}
	if err := s.hub.Ready(); err != nil {
		return stream.Listener{}, err
	}
	parent, err := s.doorkeeper.parentOf(ctx, p)
	if err != nil {
		return stream.Listener{}, err
	}
	return stream.Listener{
		ParentAccount: parent, UserID: p.UserID, AccountID: p.AccountID, ExpiresAt: s.believedUntil(p),
		Access: func(ctx context.Context) ([]string, error) { return nil, s.doorkeeper.admit(ctx, p) },
	}, nil
}

// socketListener proves the caller of a Socket.IO connection: by the token of its auth payload,
// else as any other request (Bearer header, or a middleware of the main application).
func (s *streams) socketListener(r *http.Request, token string) (stream.Listener, error) {
	if token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+token)
	}
	p, err := s.doorkeeper.principal(r)
	if err != nil {
		return stream.Listener{}, err
	}
	if err := s.doorkeeper.limits.take(http.Header{}, p); err != nil {
		return stream.Listener{}, err
	}
	return s.noticeListener(r.Context(), p)
}

// serveSocketIO serves a request of Socket.IO. Each poll and upgrade of a connection counts as a request of its user, as its
// opening does; before it is opened nobody knows whose it is, and it is cut when that takes too long.
func (s *streams) serveSocketIO(w http.ResponseWriter, r *http.Request) error {
	if who, known := s.socketIO.Listener(r); known {
		if err := s.doorkeeper.limits.take(w.Header(), Principal{UserID: who.UserID, AccountID: who.AccountID}); err != nil {
			return err
		}
	}
	s.socketIO.ServeHTTP(w, r)
	return nil
}

// getLive streams which figures of the caller's accounts changed. The caller is proven by a token or by
// ?ticket=; ?account= and ?dashboard= narrow as they do elsewhere.
func (s *streams) getLive(w http.ResponseWriter, r *http.Request, params *Params) error {
	p, ticketID, err := s.streamPrincipal(w, r, patternLive)
	if err != nil {
		return err
	}
	if !p.Roles.Has(RoleAgency, RoleClient) {
		return errWrongRole
	}
	narrow := narrowingOf(params)
	if err := params.Err(); err != nil {
		return err
	}
	parent, err := s.doorkeeper.parentOf(r.Context(), p)
	if err != nil {
		return err
	}
	return s.hub.ServeFigures(w, r, stream.Listener{
		ParentAccount: parent, UserID: p.UserID, ExpiresAt: s.believedUntil(p), Ticket: ticketID,
		Access: func(ctx context.Context) ([]string, error) { return s.liveAccounts(ctx, p, narrow) },
	})
}

// liveAccounts are the accounts that a listener may see now; nil: all of its agency.
func (s *streams) liveAccounts(ctx context.Context, p Principal, narrow readmodels.Narrowing) ([]string, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	if err := s.doorkeeper.admit(ctx, p); err != nil {
		return nil, err
	}
	scope, err := s.doorkeeper.scope(WithPrincipal(ctx, p), narrow)
	return scope.Accounts, err
}

// streamPrincipal proves the caller of the stream of a route, whose opening counts as a request, and names the ticket
// that it came with; "": it came with a token.
func (s *streams) streamPrincipal(w http.ResponseWriter, r *http.Request, pattern string) (p Principal, ticketID string, err error) {
	if text := r.URL.Query().Get(paramTicket.Name); text != "" {
		var t ticket
		if t, err = openTicket(s.tickets, text, pattern, r, s.now()); err != nil {
			return Principal{}, "", err
		}
		ticketID = t.ID
		p, err = s.doorkeeper.admitted(r.Context(), t.principal())
	} else {
		p, err = s.doorkeeper.principal(r)
	}
	recordUser(r.Context(), p.UserID) // also of one who is refused
	if err != nil {
		return Principal{}, "", err
	}
	return p, ticketID, s.doorkeeper.limits.take(w.Header(), p)
}

const (
	// ticketLife is the longest life of a ticket; the login that it was taken with may end it sooner.
	ticketLife = 12 * time.Hour
	// beliefLife is how long streams and tickets trust a login without a known end, such as a main application's
	// session that may be over any time. Then its client opens the stream again, and the login is judged again.
	beliefLife = 5 * time.Minute
)

// believedUntil is when the streams of a caller end.
func (s *streams) believedUntil(p Principal) time.Time {
	if p.ExpiresAt.IsZero() {
		return s.now().Add(beliefLife)
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
func (s *streams) postTicket(r *http.Request, path string) (ticketBody, error) {
	p, _ := PrincipalFrom(r.Context())
	now := s.now()
	t := ticket{
		ID: rand.Text(), UserID: p.UserID, AccountID: p.AccountID, Roles: p.Roles,
		Path: path, Origin: r.Header.Get("Origin"), Until: now.Add(ticketLife),
	}
	if ends := s.believedUntil(p); ends.Before(t.Until) {
		t.Until = ends
	}
	sealed, err := t.seal(s.tickets)
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

// newTicketSeal takes a key of 32 bytes; nil: one that only this process has.
func newTicketSeal(key []byte) (cipher.AEAD, error) {
	if key == nil {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("key of tickets: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// ticketUse keeps a ticket from being taken for anything else that the key may seal some day.
const ticketUse = "ledgerboard stream ticket 1"

func (t ticket) seal(by cipher.AEAD) (string, error) {
	raw, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("encode ticket: %w", err)
	}
	sealed := by.Seal(nil, nil, raw, []byte(ticketUse)) //nolint:gosec // it makes its nonce itself, a random one
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// openTicket returns what a ticket holds, if it opens this stream now.
func openTicket(sealedBy cipher.AEAD, text, path string, r *http.Request, now time.Time) (ticket, error) {
	again := "Get a new one from POST /api/notices/ticket?path=" + path + "."
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	var raw []byte
	if err == nil {
		raw, err = sealedBy.Open(nil, nil, sealed, []byte(ticketUse))
	}
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
