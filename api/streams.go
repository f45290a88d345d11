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

type streams struct{ *Server }

// openStreams prepares tickets and Socket.IO.
func openStreams(s *Server) error {
	block, err := aes.NewCipher(s.deps.TicketKey)
	if err != nil {
		return fmt.Errorf("use ticket key: %w", err)
	}
	if s.tickets, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return err
	}
	s.socketIO, err = stream.NewSocketIO(s.deps.Streams, streams{s}.socketListener)
	return err
}

var streamGroup = newGroup(tagStreams, func(d Deps) bool { return d.Streams != nil })

var (
	// Streams the caller's notices as Server-Sent Events. The events are client_access_removed and
	// board_closed; see the AsyncAPI document. The stream continues after Last-Event-ID. Without
	// Last-Event-ID, it starts at the newest notice. If the log was restored to a state before
	// Last-Event-ID, the event notice_cursor has "all": true: read everything again.
	_ = streamGroup.add(Operation{http.MethodGet, patternNotices, "getNotices", nil, streaming(streams.getNotices)}) // a ticket can replace the token
	// Serves Socket.IO v4 (Engine.IO protocol 4). Use the standard client, with the token in
	// auth.token or in a Bearer header. The events are client_access_removed and board_closed.
	_ = streamGroup.add(Operation{http.MethodGet, patternSocketIO, "getSocketIo", nil, operation{serve: serveSocketIO, Answer: Answer{Media: []string{mediaText}}}})
	// Serves Socket.IO v4 (Engine.IO protocol 4). Use the standard client, with the token in
	// auth.token or in a Bearer header. The events are client_access_removed and board_closed.
	_ = streamGroup.add(Operation{http.MethodPost, patternSocketIO, "postSocketIo", nil, operation{serve: serveSocketIO, Answer: Answer{Media: []string{mediaText}}}})
	// Streams which figures of the caller's accounts changed, as Server-Sent Events. The service sends
	// the event figures_changed at most once a second, when the new figures can be read; see the
	// AsyncAPI document. The event covers readings and newly discovered posts. It does not cover
	// changes by the main application, such as names, members, categories of posts, prices and
	// connections: request those again when the user opens a page that shows them. With Last-Event-ID,
	// the stream first reports that anything may have changed: read everything once. The events
	// connection_needs_sign_in and connection_ends_soon mean that a person must sign in at the
	// platform.
	_ = streamGroup.add(Operation{http.MethodGet, patternLive, "getLive", nil, streaming(streams.getLive)}) // a ticket can replace the token
	// Creates a ticket for an EventSource, which cannot send headers. The ticket opens one stream for
	// the page that requested it. The page can reconnect with it until the login expires, for at most
	// 12 hours. A second stream with the same ticket ends the first. The stream is refused if the
	// header Origin of both requests differs or, without Origin, if Sec-Fetch-Site names another site.
	// A request without these headers is accepted.
	_ = byClients(streamGroup, http.MethodPost, patternTicket, "postNoticesTicket", does(streams.makeTicket))
)

// Resume is where a stream starts, and a ticket for it.
type Resume struct {
	Ticket Opaque `param:"ticket"` // A ticket for this stream instead of the Authorization header.
	// Same as the Last-Event-ID header, which takes precedence. lastEventId, which polyfills of
	// EventSource send, is the same parameter, both in any case. Of several values, the last counts.
	LastEventQuery Opaque `param:"last_event_id"`
	LastEvent      Opaque `header:"Last-Event-ID"` // The id of the last event that the caller received.
}

// getNotices streams the caller's notices as Server-Sent Events. The caller authenticates with a
// token or with ?ticket=.
func (s streams) getNotices(w http.ResponseWriter, r *http.Request, _ Caller, _ Resume) error {
	p, ticketID, err := s.streamPrincipal(w, r, patternNotices)
	if err != nil {
		return err
	}
	listener, err := s.noticeListener(r.Context(), p)
	if err != nil {
		return err
	}
	listener.Ticket, listener.Hijacked = ticketID, s.hijacked(r)
	return s.deps.Streams.ServeNotices(w, r, listener)
}

func (s streams) noticeListener(ctx context.Context, p Principal) (stream.Listener, error) {
	if !p.Roles.Has(RoleAgency, RoleClient) {
		return stream.Listener{}, errWrongRole
	}
	if err := s.deps.Streams.Ready(); err != nil {
		return stream.Listener{}, err
	}
	until, err := s.expiryOf(ctx, p)
	if err != nil {
		return stream.Listener{}, err
	}
	parent, err := s.authorizer.parentOf(ctx, p)
	if err != nil {
		return stream.Listener{}, err
	}
	return stream.Listener{
		ParentAccount: parent, UserID: p.UserID, AccountID: p.AccountID, ExpiresAt: until,
		Access: func(ctx context.Context) ([]string, error) { return nil, s.authorizer.admit(ctx, p) },
	}, nil
}

// socketListener authenticates the caller of a Socket.IO connection: by the token in its auth
// payload, or else like any other request (Bearer header, or a middleware of the main application).
func (s streams) socketListener(r *http.Request, token string) (stream.Listener, error) {
	if token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+token)
	}
	p, err := s.authorizer.principal(r)
	if err != nil {
		return stream.Listener{}, err
	}
	if err := s.authorizer.limits.take(http.Header{}, p); err != nil {
		return stream.Listener{}, err
	}
	return s.noticeListener(r.Context(), p)
}

// serveSocketIO serves a request of Socket.IO. The opening, each poll and each upgrade of a
// connection count as requests of its user. A connection that does not authenticate in time is
// closed.
func serveSocketIO(s *Server, w http.ResponseWriter, r *http.Request) error {
	if listener, known := s.socketIO.Listener(r); known {
		user := Principal{UserID: listener.UserID, AccountID: listener.AccountID}
		if err := s.authorizer.limits.take(w.Header(), user); err != nil {
			return err
		}
	}
	s.socketIO.ServeHTTP(w, r)
	return nil
}

type liveInput struct {
	Resume
	Narrowing
}

// getLive streams which figures of the caller's accounts changed. The caller authenticates with a
// token or with ?ticket=. ?account= and ?dashboard= limit the scope.
func (s streams) getLive(w http.ResponseWriter, r *http.Request, _ Caller, in liveInput) error {
	p, ticketID, err := s.streamPrincipal(w, r, patternLive)
	if err != nil {
		return err
	}
	if !p.Roles.Has(RoleAgency, RoleClient) {
		return errWrongRole
	}
	until, err := s.expiryOf(r.Context(), p)
	if err != nil {
		return err
	}
	parent, err := s.authorizer.parentOf(r.Context(), p)
	if err != nil {
		return err
	}
	return s.deps.Streams.ServeFigures(w, r, stream.Listener{
		ParentAccount: parent, UserID: p.UserID, ExpiresAt: until, Ticket: ticketID, Hijacked: s.hijacked(r),
		Access: func(ctx context.Context) ([]string, error) { return s.liveAccounts(ctx, p, in.narrowing()) },
	})
}

// hijacked returns what a stream calls that takes over its connection; nil: it may not. It may not if
// another handler of this process has made the request: the console's ends a stream with the session,
// and acts once the stream has ended.
func (s streams) hijacked(r *http.Request) func(*stream.Hijacked) {
	if _, made := PrincipalFrom(r.Context()); made || !s.deps.HijackStreams {
		return nil
	}
	info := infoOf(r.Context())
	return func(conn *stream.Hijacked) { info.hijacked = conn }
}

// liveAccounts returns the accounts that a listener may see now; nil means all accounts of its
// agency.
func (s streams) liveAccounts(ctx context.Context, p Principal, narrow readmodels.Narrowing) ([]string, error) {
	if err := s.deps.Ready(); err != nil {
		return nil, err
	}
	if err := s.authorizer.admit(ctx, p); err != nil {
		return nil, err
	}
	scope, err := s.authorizer.scope(ctx, p, narrow)
	return scope.Accounts, err
}

// streamPrincipal authenticates the caller of a stream and counts the request. It returns the id of
// the ticket, or "" if the caller used a token.
func (s streams) streamPrincipal(
	w http.ResponseWriter, r *http.Request, pattern string,
) (p Principal, ticketID string, err error) {
	if text := r.URL.Query().Get("ticket"); text != "" {
		var t ticket
		if t, err = openTicket(s.tickets, text, pattern, r, s.deps.Now()); err != nil {
			s.authorizer.refusals.failed(r.Context(), err)
			return Principal{}, "", err
		}
		ticketID = t.ID
		p = Principal{UserID: t.UserID, AccountID: t.AccountID, Roles: t.Roles, ExpiresAt: t.Until, KnownAs: t.KnownAs}
		p, err = s.authorizer.admitted(r.Context(), p)
	} else {
		p, err = s.authorizer.principal(r)
	}
	infoOf(r.Context()).user = p.UserID // even if the caller is refused
	if err != nil {
		return Principal{}, "", err
	}
	return p, ticketID, s.authorizer.limits.take(w.Header(), p)
}

const (
	// ticketLife is the maximum lifetime of a ticket. It is shorter if the caller's login expires
	// earlier.
	ticketLife = 12 * time.Hour
	// unknownExpiryLife is the lifetime of streams and tickets of a login whose expiry is unknown,
	// such as a main application's session, which can end at any time. The client then opens the
	// stream again, and the login is checked again.
	unknownExpiryLife = 5 * time.Minute
)

// expiryOf returns when a caller's streams and tickets end. It refuses a login that has expired,
// even if the authenticator still accepts it: its streams would end as soon as they are opened.
func (s streams) expiryOf(ctx context.Context, p Principal) (time.Time, error) {
	switch now := s.deps.Now(); {
	case p.ExpiresAt.IsZero():
		return now.Add(unknownExpiryLife), nil
	case !now.Before(p.ExpiresAt):
		err := Refuse("session end", "a later time", p.ExpiresAt, "%s", stream.ErrExpired.Message)
		s.authorizer.refusals.failed(ctx, err)
		return time.Time{}, err
	}
	return p.ExpiresAt, nil
}

// ticketBody is a ticket that replaces the caller's token in the URL of a stream.
type ticketBody struct {
	Ticket    string `json:"ticket"`             // the ticket, for the parameter ticket of the stream
	Path      string `json:"path"`               // The path of the stream that the ticket opens.
	ExpiresIn int    `json:"expires_in_seconds"` // Seconds until the ticket expires.
}

type ticketInput struct {
	// The stream that the ticket opens.
	Path StreamPath `param:"path" default:"/api/notices" wrong:"is not a stream that accepts tickets: use %s" example:"/api/live"`

	origin string // of the page that sends the request; empty if unknown
}

func (t *ticketInput) check(d *decoder) { t.origin = d.r.Header.Get("Origin") }

// makeTicket creates a ticket that replaces the caller's token in the URL of an EventSource, which
// cannot send headers. A token in a URL would be logged.
func (s streams) makeTicket(ctx context.Context, p Caller, in ticketInput) (ticketBody, error) {
	path, now := cmp.Or(string(in.Path), patternNotices), s.deps.Now()
	t := ticket{
		ID: rand.Text(), UserID: p.UserID, AccountID: p.AccountID, Roles: p.Roles, KnownAs: p.KnownAs,
		Path: path, Origin: in.origin, Until: now.Add(ticketLife),
	}
	expiry, err := s.expiryOf(ctx, p.Principal)
	if err != nil {
		return ticketBody{}, err
	}
	if expiry.Before(t.Until) {
		t.Until = expiry
	}
	raw, _ := json.Marshal(t)                                  //nolint:errchkjson // texts and a time always marshal
	sealed := s.tickets.Seal(nil, nil, raw, []byte(ticketUse)) //nolint:gosec // it generates a random nonce
	return ticketBody{
		Ticket: base64.RawURLEncoding.EncodeToString(sealed), Path: path,
		ExpiresIn: int(t.Until.Sub(now) / time.Second),
	}, nil
}

// ticket is the content of a ticket. It is encrypted and not stored: every process with the key can
// open it.
type ticket struct {
	ID        string    `json:"i"` // a new stream with the same id ends the previous one
	UserID    string    `json:"u"`
	AccountID string    `json:"a"`
	Roles     Roles     `json:"r"`
	KnownAs   []string  `json:"k,omitempty"`
	Path      string    `json:"p"` // the route of the stream
	Origin    string    `json:"o"` // of the page that requested it; empty if unknown
	Until     time.Time `json:"e"`
}

// ticketUse is the additional data of tickets. It distinguishes them from other data encrypted with
// the same key.
const ticketUse = "ledgerboard stream ticket 1"

func openTicket(aead cipher.AEAD, text, path string, r *http.Request, now time.Time) (ticket, error) {
	advice := "Get a new one from POST /api/notices/ticket?path=" + path + "."
	var content ticket
	var raw []byte
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		raw, err = aead.Open(nil, nil, sealed, []byte(ticketUse))
	}
	if err == nil {
		err = json.Unmarshal(raw, &content)
	}
	if err != nil {
		return ticket{}, Refuse("ticket", "a ticket of this service", err, "The ticket was not issued by this service. %s", advice)
	}
	switch {
	case !now.Before(content.Until):
		return ticket{}, Refuse("ticket end", "a later time", content.Until, "The ticket has expired. %s", advice)
	case content.Path != path:
		return ticket{}, Refuse("ticket path", path, content.Path, "The ticket is valid for %s only. %s", content.Path, advice)
	case content.isForeign(r):
		return ticket{}, Refuse("ticket origin", content.Origin, cmp.Or(r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")),
			"The ticket was issued to a page of another origin. %s", advice)
	}
	return content, nil
}

// isForeign reports whether a page of another origin than the ticket's sent the request. Only a
// header that says so is a reason: browsers send Origin for cross-origin requests, but neither
// Origin nor, over plain HTTP, Sec-Fetch-Site for others, and programs send neither.
func (t ticket) isForeign(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" && t.Origin != "" {
		return !strings.EqualFold(origin, t.Origin)
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return r.Header.Get("Origin") == "" && (site == "cross-site" || site == "same-site")
}
