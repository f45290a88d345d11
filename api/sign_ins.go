package api

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
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

// signInRoutes are the rows by which an agency looks after the sign-ins of its people.
func (s *Server) signInRoutes() []Operation {
	if s.deps.SignIns == nil {
		return nil
	}
	const user = "/api/users/{userId}"
	staff := []Role{RoleAgency}
	link := answering(parseUserID, s.postSignInLink).accepting(reflect.TypeFor[signInLinkBody]())
	link.BodyOptional = true
	return []Operation{
		{http.MethodPost, user + "/sign-in-link", "postUsersSignInLink", staff, link},
		{http.MethodGet, user + "/sessions", "getUsersSessions", staff, answering(parseUserID, s.getSessions)},
		{http.MethodPost, user + "/sessions/{session}/end", "postUsersSessionsEnd", staff, answering(parseSession, s.endSession)},
	}
}

// agencysUser is a user of the caller's agency or of one of its clients.
func (s *Server) agencysUser(ctx context.Context, id string) (readmodels.User, error) {
	scope, err := s.scope(ctx, readmodels.Narrowing{})
	if err != nil {
		return readmodels.User{}, err
	}
	return s.deps.Entities.User(ctx, scope, readmodels.UsersQuery{}, id)
}

func (s *Server) getSessions(r *http.Request, user string) ([]SignInSession, error) {
	of, err := s.agencysUser(r.Context(), user)
	if err != nil {
		return nil, err
	}
	return s.sessions(r.Context(), of)
}

// sessionOfUser names a session of a user.
type sessionOfUser struct{ user, session string }

func parseSession(p *Params) sessionOfUser {
	return sessionOfUser{parseUserID(p), p.text(paramSession)}
}

// endSession answers the sessions that are left.
func (s *Server) endSession(r *http.Request, ended sessionOfUser) ([]SignInSession, error) {
	of, err := s.agencysUser(r.Context(), ended.user)
	if err == nil {
		err = s.deps.SignIns.EndSession(r.Context(), of, ended.session)
	}
	if err != nil {
		return nil, err
	}
	return s.sessions(r.Context(), of)
}

func (s *Server) sessions(ctx context.Context, of readmodels.User) ([]SignInSession, error) {
	sessions, err := s.deps.SignIns.Sessions(ctx, of)
	return append([]SignInSession{}, sessions...), err
}
