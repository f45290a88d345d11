package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"reflect"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// SignIns helps an agency's people to sign in to the console, and ends where they are signed in. The user is one whom the agency sees.
type SignIns interface {
	// MakeLink makes a one-time link for a user and records who made it. It replaces an earlier link of the
	// same user. Errors: conflict (links are disabled here, or a colleague has signed in before),
	// unprocessable (the user may not sign in), not_found (the user has left the account).
	MakeLink(ctx context.Context, c commands.Caller, user readmodels.User, validFor time.Duration) (SignInLink, error)
	// Sessions returns where a user is signed in, the newest first.
	Sessions(ctx context.Context, of readmodels.User) ([]SignInSession, error)
	// EndSession ends one of those; one that is not there has ended already.
	EndSession(ctx context.Context, of readmodels.User, id string) error
}

// SignInSession is a browser in which a user is signed in to the console.
type SignInSession struct {
	ID string `json:"id"` // names it here; it opens nothing
	// Way is how the user signed in: link, provider, token, or demo.
	Way        string    `json:"way"`
	SignedInAt time.Time `json:"signed_in_at"` // UTC
	SeenAt     time.Time `json:"seen_at"`      // of its last request, to the minute, UTC
	EndsAt     time.Time `json:"ends_at"`      // UTC, whatever happens in it
}

var paramSession = Param{
	Name: "session", Kind: KindText, Text: "The id of a session, as GET /api/users/{userId}/sessions answers it.", Example: "V2K7QZ3MXJ4T5B6N8P9RASDFGH",
}

// agencysSignIns serve what an agency's staff sees and does of its people's sign-ins.
type agencysSignIns struct {
	signIns    SignIns
	rows       *readmodels.Entities
	doorkeeper *doorkeeper
}

func (s *agencysSignIns) routes() []Operation {
	const user = "/api/users/{userId}"
	staff := []Role{RoleAgency}
	link := answering(parseUserID, s.postSignInLink).accepting(reflect.TypeFor[signInLinkBody]())
	link.BodyOptional = true
	return []Operation{
		{http.MethodPost, user + "/sign-in-link", "postUsersSignInLink", staff, link},
		{http.MethodGet, user + "/sessions", "getUsersSessions", staff, answering(parseUser, s.sessions)},
		{http.MethodPost, user + "/sessions/{session}/end", "postUsersSessionsEnd", staff, answering(parseSession, s.sessions)},
	}
}

// agencysUser is a user of the caller's agency or of one of its clients.
func (s *agencysSignIns) agencysUser(ctx context.Context, id string) (readmodels.User, error) {
	scope, err := s.doorkeeper.scope(ctx, readmodels.Narrowing{})
	if err != nil {
		return readmodels.User{}, err
	}
	return s.rows.User(ctx, scope, readmodels.UsersQuery{}, id)
}

type sessionOfUser struct{ user, session string }

func parseUser(p *Params) sessionOfUser { return sessionOfUser{user: parseUserID(p)} }

func parseSession(p *Params) sessionOfUser {
	return sessionOfUser{parseUserID(p), p.text(paramSession)}
}

// sessions answers where a user is signed in, after the named session, if one is named, has ended.
func (s *agencysSignIns) sessions(r *http.Request, named sessionOfUser) ([]SignInSession, error) {
	of, err := s.agencysUser(r.Context(), named.user)
	if err == nil && named.session != "" {
		err = s.signIns.EndSession(r.Context(), of, named.session)
	}
	if err != nil {
		return nil, err
	}
	list, err := s.signIns.Sessions(r.Context(), of)
	return append([]SignInSession{}, list...), err
}

// SignInLinkFor is how long a [SignInLink] works unless its maker chooses otherwise.
const SignInLinkFor = 24 * time.Hour

// SignInLinkDuration reads how long a [SignInLink] works, such as "15m"; "" means [SignInLinkFor].
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
	UserID string `json:"user_id"` // whom it signs in, 24 hex digits
	URL    string `json:"url"`     // shown once; anyone who has it can sign in as that person, so send it to that person only
	// WorksUntil is when the link expires. It ends earlier if it is used or replaced by a newer one.
	WorksUntil time.Time `json:"works_until"`
}

// signInLinkBody is what a link is asked for with.
type signInLinkBody struct {
	// ValidFor is how long the link works, from 15m to 168h (7 days); in minutes or hours; 24h by default.
	ValidFor string `json:"valid_for,omitempty"`
}

func (s *agencysSignIns) postSignInLink(r *http.Request, id string) (made SignInLink, err error) {
	user, err := s.agencysUser(r.Context(), id)
	if err != nil {
		return made, err
	}
	var body signInLinkBody
	if r.ContentLength != 0 {
		var bad domain.FieldErrors
		body, bad, err = readBody(r, signInLinkBody{}, unknownMember, connectMembers)
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
