package signin

import (
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Agency decides what an agency may do about the sign-ins of its people.
type Agency struct {
	Kept      *Sessions
	People    People
	PublicURL string // where browsers reach the service; "": unknown
	Provider  bool   // people sign in through an identity provider
}

var (
	// ErrProviderSignsIn (conflict): people sign in with the identity provider.
	ErrProviderSignsIn = domain.NewError(domain.CodeConflict,
		"People sign in with their organization's identity provider, so a sign-in link would not work. "+
			"Send them the console's URL.")
	// ErrNoPublicURL (conflict): the service does not know its public URL.
	ErrNoPublicURL = domain.NewError(domain.CodeConflict,
		"This service does not know its public URL, so it cannot create a link. "+
			"Ask its operator to set LEDGERBOARD_PUBLIC_URL.")
	errMayNotSignIn = domain.NewError(domain.CodeUnprocessable,
		"This person or their client is not active, so a sign-in link would not work.")
	// ErrOtherAccount (not_found): the user is not one of the account.
	ErrOtherAccount = domain.NewError(domain.CodeNotFound,
		"This user has moved to another account. Open the list of users again.")
	errColleagueSignedIn = domain.NewError(domain.CodeConflict,
		"This colleague has signed in before. An agency can create a link for a colleague only before the first "+
			"sign-in. The operator can create one ('ledgerboard sign-in-link').")
)

// MayMakeLinks returns an error if sign-in links would sign nobody in: because people sign in with an
// identity provider, or because the public URL of the service is unknown.
func MayMakeLinks(publicURL string, provider bool) error {
	switch {
	case provider:
		return ErrProviderSignsIn
	case publicURL == "":
		return ErrNoPublicURL
	default:
		return nil
	}
}

// MayInvite returns nil if a sign-in link for a user of an account would work. Errors: conflict (links are
// disabled here, or a colleague has signed in before), unprocessable (the user may not sign in), not_found
// (the user has left the account).
func (a Agency) MayInvite(ctx context.Context, user, account string) error {
	if err := MayMakeLinks(a.PublicURL, a.Provider); err != nil {
		return err
	}
	p, active, err := ActiveUser(ctx, a.People.UserStatus, user)
	switch {
	case err != nil:
	case !active:
		err = errMayNotSignIn
	case p.AccountID != account:
		err = ErrOtherAccount
	case p.Role == RoleAgency:
		err = a.firstInvitation(ctx, user)
	}
	return err
}

// firstInvitation returns an error if a colleague has signed in before. It also checks the
// sessions, because the directory may not show the latest sign-in yet.
func (a Agency) firstInvitation(ctx context.Context, user string) error {
	signedIn, err := a.People.HasSignedIn(ctx, user)
	if err == nil && !signedIn {
		var sessions []Session
		sessions, err = a.Kept.Of(ctx, user, time.Now())
		signedIn = len(sessions) > 0
	}
	if err == nil && signedIn {
		err = errColleagueSignedIn
	}
	return err
}

// Sessions returns the sessions of a user of an account, newest first. It omits sessions of auditors
// and operators with the same ID.
func (a Agency) Sessions(ctx context.Context, user, account string) ([]Session, error) {
	list, err := a.Kept.Of(ctx, user, time.Now())
	return slices.DeleteFunc(list, func(s Session) bool { return !s.IsUser() || s.AccountID != account }), err
}

// EndSession ends a session of a user of an account. It is not an error if the session does not exist.
func (a Agency) EndSession(ctx context.Context, user, account, id string) error {
	list, err := a.Sessions(ctx, user, account)
	if err != nil || !slices.ContainsFunc(list, func(s Session) bool { return s.ID == id }) {
		return err
	}
	return a.Kept.End(ctx, user, id)
}
