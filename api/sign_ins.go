package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// SignIns creates sign-in links for the console and ends console sessions. Users are those of the
// caller's agency and its clients.
type SignIns interface {
	// MakeLink creates a one-time link for a user and records who created it. It replaces an
	// earlier link of the same user. Errors: conflict (links are disabled here, or a colleague has
	// signed in before), unprocessable (the user may not sign in), not_found (the user has left the
	// account).
	MakeLink(ctx context.Context, c commands.Caller, user directory.User, validFor time.Duration) (SignInLink, error)
	// Sessions returns the sessions of a user, newest first.
	Sessions(ctx context.Context, user directory.User) ([]SignInSession, error)
	// EndSession ends a session of a user. It is not an error if the session does not exist.
	EndSession(ctx context.Context, user directory.User, id string) error
}

// SignInSession is a browser in which a user is signed in to the console.
type SignInSession struct {
	ID string `json:"id"` // Id for ending the session. It grants no access.
	// Way is how the user signed in: link, provider, token, or demo.
	Way        string    `json:"way"`
	SignedInAt time.Time `json:"signed_in_at"` // Time of the sign-in, UTC.
	SeenAt     time.Time `json:"seen_at"`      // Time of the last page that the user opened, to the minute, UTC. An open tab alone does not count.
	EndsAt     time.Time `json:"ends_at"`      // When the session expires, regardless of activity, UTC.
}

var paramSession = Param{
	Name: "session", Kind: KindText, Text: "The id of a session, from GET /api/users/{userId}/sessions.",
	Example: "V2K7QZ3MXJ4T5B6N8P9RASDFGH",
}

type signInRoutes struct {
	signIns    SignIns
	rows       *directory.Entities
	authorizer *authorizer
}

func (s *signInRoutes) routes() []Operation {
	const user = "/api/users/{userId}"
	staff := []Role{RoleAgency}
	link := accepting[signInLinkBody](answering(parseUserID, s.postSignInLink))
	link.BodyOptional = true
	return []Operation{
		{http.MethodPost, user + "/sign-in-link", "postUsersSignInLink", staff, link},
		{http.MethodGet, user + "/sessions", "getUsersSessions", staff, answering(parseUser, s.sessions)},
		{
			http.MethodPost, user + "/sessions/{session}/end", "postUsersSessionsEnd", staff,
			answering(parseSession, s.sessions),
		},
	}
}

func (s *signInRoutes) userOfAgency(r *http.Request, id string) (directory.User, error) {
	scope, err := s.authorizer.scope(r.Context(), principalOf(r), readmodels.Narrowing{})
	if err != nil {
		return directory.User{}, err
	}
	return s.rows.User(r.Context(), scope, directory.UsersQuery{}, id)
}

type sessionOfUser struct{ user, session string }

func parseUser(p *Params) sessionOfUser { return sessionOfUser{user: parseUserID(p)} }

func parseSession(p *Params) sessionOfUser {
	return sessionOfUser{parseUserID(p), p.text(paramSession)}
}

// sessions returns the sessions of a user. If q contains a session, it ends that session first.
func (s *signInRoutes) sessions(r *http.Request, q sessionOfUser) ([]SignInSession, error) {
	user, err := s.userOfAgency(r, q.user)
	if err == nil && q.session != "" {
		err = s.signIns.EndSession(r.Context(), user, q.session)
	}
	if err != nil {
		return nil, err
	}
	list, err := s.signIns.Sessions(r.Context(), user)
	return append([]SignInSession{}, list...), err
}

// SignInLinkFor is the default lifetime of a [SignInLink].
const SignInLinkFor = 24 * time.Hour

// SignInLinkDuration parses the lifetime of a [SignInLink], such as "15m". An empty text means
// [SignInLinkFor].
func SignInLinkDuration(text string) (time.Duration, error) {
	if text == "" {
		return SignInLinkFor, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 15*time.Minute || d > 7*24*time.Hour {
		return 0, errors.New("must be a duration from 15m to 168h (7 days)")
	}
	return d, nil
}

// SignInLink is a link that signs a user in to the console once.
type SignInLink struct {
	UserID string `json:"user_id"` // The user whom the link signs in, 24 hex digits.
	// URL is returned only once. Anyone who has it can sign in as the user, so send it to that
	// person only.
	URL string `json:"url"`
	// WorksUntil is when the link expires. It becomes invalid earlier if it is used or replaced by
	// a newer one.
	WorksUntil time.Time `json:"works_until"`
}

// signInLinkBody is the body of a request to create a sign-in link.
type signInLinkBody struct {
	// ValidFor is the lifetime of the link in minutes or hours, from 15m to 168h (7 days). The
	// default is 24h.
	ValidFor string `json:"valid_for,omitempty"`
}

func (s *signInRoutes) postSignInLink(r *http.Request, id string) (made SignInLink, err error) {
	user, err := s.userOfAgency(r, id)
	if err != nil {
		return made, err
	}
	var body signInLinkBody
	if r.ContentLength != 0 {
		var bad domain.FieldErrors
		body, bad, err = readBody(r, signInLinkBody{})
		if err = cmp.Or(err, bad.Err()); err != nil {
			return made, err
		}
	}
	validFor, err := SignInLinkDuration(body.ValidFor)
	if err != nil {
		return made, domain.InvalidField("valid_for", err.Error())
	}
	return s.signIns.MakeLink(r.Context(), caller(r, RoleAgency), user, validFor)
}
