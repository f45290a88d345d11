package signin

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// Agency lets an agency manage the sign-ins of its people. It implements [api.SignIns].
type Agency struct {
	// Make creates a link that is valid for the given time, and records who created it for whom. It
	// returns the path of the link's URL and when the link expires.
	Make func(
		ctx context.Context, c commands.Caller, forPerson identity.Person, validFor time.Duration, reason domain.Reason,
	) (path string, until time.Time, err error)

	Kept      *vault.Sessions
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

// MakeLink implements [api.SignIns].
func (a Agency) MakeLink(
	ctx context.Context, c commands.Caller, user directory.User, validFor time.Duration,
) (link api.SignInLink, err error) {
	if err := MayMakeLinks(a.PublicURL, a.Provider); err != nil {
		return link, err
	}
	p, active, err := ActiveUser(ctx, a.People.UserStatus, user.ID)
	switch {
	case err != nil:
		return link, err
	case !active:
		return link, errMayNotSignIn
	case p.AccountID != user.AccountID:
		return link, directory.ErrNoUser
	case p.Role == string(api.RoleAgency):
		if err := a.firstInvitation(ctx, user.ID); err != nil {
			return link, err
		}
	}
	path, until, err := a.Make(ctx, c, p, validFor, domain.Reason{Code: domain.ReasonCustomerRequest})
	if err != nil {
		return link, err
	}
	return api.SignInLink{UserID: p.UserID, URL: a.PublicURL + path, WorksUntil: until.UTC().Truncate(time.Second)}, nil
}

// firstInvitation returns an error if a colleague has signed in before. It also checks the
// sessions, because the directory may not show the latest sign-in yet.
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

// Sessions implements [api.SignIns]. It omits sessions of auditors and operators with the same ID.
func (a Agency) Sessions(ctx context.Context, user directory.User) (list []api.SignInSession, err error) {
	kept, err := a.Kept.Of(ctx, user.ID, time.Now())
	for _, s := range kept {
		if s.IsUser() && s.AccountID == user.AccountID {
			list = append(list, api.SignInSession{
				ID: s.ID, Way: s.Way, SignedInAt: s.BegunAt, SeenAt: s.SeenAt, EndsAt: s.ExpiresAt,
			})
		}
	}
	return list, err
}

// EndSession implements [api.SignIns].
func (a Agency) EndSession(ctx context.Context, user directory.User, id string) error {
	list, err := a.Sessions(ctx, user)
	if err != nil || !slices.ContainsFunc(list, func(s api.SignInSession) bool { return s.ID == id }) {
		return err
	}
	return a.Kept.End(ctx, user.ID, id)
}

// FirstAgency lets a person create the first agency and its first user in the console. The person
// needs the code that the service logs while its directory is empty. FirstAgency is safe for
// concurrent use.
type FirstAgency struct {
	Code      string // from [FirstAgencyCode]
	Directory commands.LocalDirectory
	Known     func() error // returns an error unless the directory's tables show the whole log

	creating sync.Mutex // a form that is sent twice creates one agency
}

// FirstAgencyCode returns the code for creating the first agency: 16 letters and digits, the same
// in all processes with the same secret. The code can be used only once, because the directory is
// not empty afterward.
func FirstAgencyCode(secret []byte) string {
	sum := hmac.New(sha256.New, secret)
	sum.Write([]byte("ledgerboard first agency"))
	return base32.StdEncoding.EncodeToString(sum.Sum(nil))[:16]
}

// Wanted reports whether the directory is empty. It returns false while this is unknown.
func (f *FirstAgency) Wanted(ctx context.Context) (bool, error) {
	if known := f.Known() == nil; !known {
		return false, nil
	}
	return f.Directory.Tables.Empty(ctx)
}

// Create creates the agency and returns its first user. Errors: invalid (the field code),
// unavailable (the tables do not show the whole log yet), and those of
// [commands.LocalDirectory.CreateFirst].
func (f *FirstAgency) Create(
	ctx context.Context, code, agency string, first commands.NewPerson,
) (identity.Person, error) {
	f.creating.Lock()
	defer f.creating.Unlock()
	if subtle.ConstantTimeCompare([]byte(strings.TrimSpace(code)), []byte(f.Code)) != 1 {
		return identity.Person{}, domain.InvalidField("code", "is not the code in the log of this service")
	}
	if err := f.Known(); err != nil {
		return identity.Person{}, err
	}
	user, err := f.Directory.CreateFirst(ctx, agency, first)
	if err != nil {
		return identity.Person{}, err
	}
	return identity.Person{UserID: user.ID, AccountID: user.AccountID, Role: string(api.RoleAgency)}, nil
}
