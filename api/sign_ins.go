package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// SignInSession is a browser in which a user is signed in to the console.
type SignInSession struct {
	ID string `json:"id"` // Id for ending the session. It grants no access.
	// Way is how the user signed in: link, provider, token, or demo.
	Way        string    `json:"way"`
	SignedInAt time.Time `json:"signed_in_at"` // Time of the sign-in, UTC.
	SeenAt     time.Time `json:"seen_at"`      // Time of the last page that the user opened, to the minute, UTC. An open tab alone does not count.
	EndsAt     time.Time `json:"ends_at"`      // When the session expires, regardless of activity, UTC.
}

// NewSignInSession returns what people see of a session.
func NewSignInSession(s signin.Session) SignInSession {
	return SignInSession{ID: s.ID, Way: s.Way, SignedInAt: s.BegunAt, SeenAt: s.SeenAt, EndsAt: s.ExpiresAt}
}

type signIns struct{ *Server }

var signInGroup = newGroup(tagEntities, func(d Deps) bool { return d.SignIns != nil })

// Operations of sign-ins.
var (
	// PostSignInLink creates a link that signs a user of the agency or of one of its clients in to the
	// console once. Links are for client users, and for colleagues who have never signed in. The body
	// is optional: valid_for sets how long the link works. A new link replaces the user's earlier
	// link. The service records who created the link and for whom. The response is 409 if people sign
	// in through an identity provider, if a colleague has signed in before, or if
	// LEDGERBOARD_PUBLIC_URL is not set. This operation is only available where the console is served.
	PostSignInLink = route(signInGroup, http.MethodPost, "/api/users/{userId}/sign-in-link", "postUsersSignInLink",
		[]Role{RoleAgency}, does(signIns.makeLink).refusing(domain.CodeConflict, domain.CodeUnprocessable))
	// GetSessions lists the console sessions of a user, newest first. Each session belongs to one
	// browser. This operation is only available where the console is served.
	GetSessions = route(signInGroup, http.MethodGet, "/api/users/{userId}/sessions", "getUsersSessions", []Role{RoleAgency}, does(signIns.sessions))
	// PostSessionEnd ends a console session of a user and returns the remaining sessions. This
	// operation is idempotent. To keep a user out, set the user inactive in the directory.
	PostSessionEnd = route(signInGroup, http.MethodPost, "/api/users/{userId}/sessions/{session}/end", "postUsersSessionsEnd",
		[]Role{RoleAgency}, does(signIns.endSession))
)

func (s signIns) userOfAgency(ctx context.Context, c Caller, id HexID) (directory.User, error) {
	scope, err := s.authorizer.scope(ctx, c.Principal, readmodels.Narrowing{})
	if err != nil {
		return directory.User{}, err
	}
	return s.deps.Entities.User(ctx, scope, directory.UsersQuery{}, string(id))
}

// sessions returns the sessions of a user.
func (s signIns) sessions(ctx context.Context, c Caller, in UserID) ([]SignInSession, error) {
	user, err := s.userOfAgency(ctx, c, in.User)
	if err != nil {
		return nil, err
	}
	return s.sessionsOf(ctx, user)
}

func (s signIns) sessionsOf(ctx context.Context, user directory.User) (list []SignInSession, err error) {
	sessions, err := s.deps.SignIns.Sessions(ctx, user.ID, user.AccountID)
	for _, session := range sessions {
		list = append(list, NewSignInSession(session))
	}
	return list, err
}

type endSessionInput struct {
	UserID

	Session string `param:"session" example:"V2K7QZ3MXJ4T5B6N8P9RASDFGH"` // The id of a session, from GET /api/users/{userId}/sessions.
}

// endSession ends a session and returns the others.
func (s signIns) endSession(ctx context.Context, c Caller, in endSessionInput) ([]SignInSession, error) {
	user, err := s.userOfAgency(ctx, c, in.User)
	if err == nil {
		err = s.deps.SignIns.EndSession(ctx, user.ID, user.AccountID, in.Session)
	}
	if err != nil {
		return nil, err
	}
	return s.sessionsOf(ctx, user)
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
	ValidFor string `json:"valid_for,omitempty" format:"duration" example:"24h"`
}

// SignInLinkInput is the input of a new sign-in link.
type SignInLinkInput struct {
	UserID

	Body signInLinkBody `body:"optional"`
}

func (s signIns) makeLink(ctx context.Context, c Caller, in SignInLinkInput) (made SignInLink, err error) {
	user, err := s.userOfAgency(ctx, c, in.User)
	if err != nil {
		return made, err
	}
	validFor, err := SignInLinkDuration(in.Body.ValidFor)
	if err != nil {
		return made, domain.InvalidField("valid_for", err.Error())
	}
	if err := s.deps.SignIns.MayInvite(ctx, user.ID, user.AccountID); err != nil {
		return made, err
	}
	return s.deps.Operators.SignInLink(ctx, c.in(RoleAgency), user.ID, user.AccountID, validFor,
		domain.Reason{Code: domain.ReasonCustomerRequest})
}
