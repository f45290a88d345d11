package assembly

import (
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// agencySignIns is how an agency looks after the sign-ins of its people. It implements [api.SignIns].
type agencySignIns struct {
	desk      *Desk
	kept      *vault.Sessions
	people    people
	publicURL string
	provider  bool // people sign in at an identity provider
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
func (a agencySignIns) MakeLink(ctx context.Context, c commands.Caller, of readmodels.User) (made api.SignInLink, err error) {
	switch {
	case a.provider:
		return made, errProviderSignsIn
	case a.publicURL == "":
		return made, errNoPublicURL
	}
	p, active, err := personOf(ctx, a.people.Standing, of.ID)
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
	link, err := a.desk.MakeSignInLink(ctx, c, SignInLink{UserID: p.UserID, AccountID: p.AccountID, Role: p.Role},
		domain.Reason{Code: domain.ReasonCustomerRequest})
	if err != nil {
		return made, err
	}
	return api.SignInLink{UserID: link.UserID, URL: a.publicURL + link.Path, WorksUntil: link.ExpiresAt.UTC().Truncate(time.Second)}, nil
}

// firstInvitation refuses a colleague who has signed in before: by the directory, or by a session that it does not show yet.
func (a agencySignIns) firstInvitation(ctx context.Context, user string) error {
	signedIn, err := a.people.HasSignedIn(ctx, user)
	if err == nil && !signedIn {
		var sessions []vault.Session
		sessions, err = a.kept.Of(ctx, user, time.Now())
		signedIn = len(sessions) > 0
	}
	if err == nil && signedIn {
		err = errColleagueSignedIn
	}
	return err
}

// Sessions implements [api.SignIns]. Whoever is auditor or operator by the same id is so for somebody else.
func (a agencySignIns) Sessions(ctx context.Context, of readmodels.User) (list []api.SignInSession, err error) {
	kept, err := a.kept.Of(ctx, of.ID, time.Now())
	for _, k := range kept {
		if s := sessionOf(k); s.IsUser() && s.AccountID == of.AccountID {
			list = append(list, api.SignInSession{ID: s.ID, Way: s.Way, SignedInAt: s.BegunAt, SeenAt: s.SeenAt, EndsAt: s.ExpiresAt})
		}
	}
	return list, err
}

// EndSession implements [api.SignIns].
func (a agencySignIns) EndSession(ctx context.Context, of readmodels.User, id string) error {
	list, err := a.Sessions(ctx, of)
	if err != nil || !slices.ContainsFunc(list, func(s api.SignInSession) bool { return s.ID == id }) {
		return err
	}
	return a.kept.End(ctx, of.ID, id)
}
