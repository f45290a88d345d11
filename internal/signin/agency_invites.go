package signin

import (
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Agency is how an agency looks after the sign-ins of its people. It implements [api.SignIns].
type Agency struct {
	// Make makes a link that works for a time, and records who made it for whom: the path of its address, and until when it works.
	Make      func(context.Context, commands.Caller, identity.Person, time.Duration, domain.Reason) (path string, until time.Time, err error)
	Kept      *vault.Sessions
	People    People
	PublicURL string // where browsers find the service; "": it is not known
	Provider  bool   // people sign in at an identity provider
}

var (
	errProviderSignsIn = domain.NewError(domain.CodeConflict,
		"People sign in here at their organisation's identity provider, so a link would sign nobody in. Send them to the console's address.")
	errNoPublicURL = domain.NewError(domain.CodeConflict,
		"This service does not know its own address, so it can make no link. Whoever runs it sets LEDGERBOARD_PUBLIC_URL.")
	errMayNotSignIn = domain.NewError(domain.CodeUnprocessable,
		"This person is not active, or their client is not, so a link would sign nobody in.")
	errColleagueSignedIn = domain.NewError(domain.CodeConflict,
		"This colleague has signed in before. Agencies make links for a colleague only before the first sign-in. Whoever runs the service can "+
			"make one ('ledgerboard sign-in-link').")
)

// MakeLink implements [api.SignIns].
func (a Agency) MakeLink(ctx context.Context, c commands.Caller, of readmodels.User, validFor time.Duration) (made api.SignInLink, err error) {
	switch {
	case a.Provider:
		return made, errProviderSignsIn
	case a.PublicURL == "":
		return made, errNoPublicURL
	}
	p, active, err := ActiveUser(ctx, a.People.Standing, of.ID)
	switch {
	case err != nil:
		return made, err
	case !active:
		return made, errMayNotSignIn
	case p.AccountID != of.AccountID:
		return made, readmodels.ErrNoUser
	case p.Role == string(api.RoleAgency):
		if err := a.firstInvitation(ctx, of.ID); err != nil {
			return made, err
		}
	}
	path, until, err := a.Make(ctx, c, p, validFor, domain.Reason{Code: domain.ReasonCustomerRequest})
	if err != nil {
		return made, err
	}
	return api.SignInLink{UserID: p.UserID, URL: a.PublicURL + path, WorksUntil: until.UTC().Truncate(time.Second)}, nil
}

// firstInvitation refuses a colleague who has signed in before: by the directory, or by a session that it does not show yet.
func (a Agency) firstInvitation(ctx context.Context, user string) error {
	signedIn, err := a.People.HasSignedIn(ctx, user)
	if err == nil && !signedIn {
		var sessions []identity.Session
		sessions, err = a.Kept.Of(ctx, user, time.Now())
		signedIn = len(sessions) > 0
	}
	if err == nil && signedIn {
		err = errColleagueSignedIn
	}
	return err
}

// Sessions implements [api.SignIns]. Whoever is auditor or operator by the same id is so for somebody else.
func (a Agency) Sessions(ctx context.Context, of readmodels.User) (list []api.SignInSession, err error) {
	kept, err := a.Kept.Of(ctx, of.ID, time.Now())
	for _, s := range kept {
		if s.IsUser() && s.AccountID == of.AccountID {
			list = append(list, api.SignInSession{ID: s.ID, Way: s.Way, SignedInAt: s.BegunAt, SeenAt: s.SeenAt, EndsAt: s.ExpiresAt})
		}
	}
	return list, err
}

// EndSession implements [api.SignIns].
func (a Agency) EndSession(ctx context.Context, of readmodels.User, id string) error {
	list, err := a.Sessions(ctx, of)
	if err != nil || !slices.ContainsFunc(list, func(s api.SignInSession) bool { return s.ID == id }) {
		return err
	}
	return a.Kept.End(ctx, of.ID, id)
}
