package console

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/identity"
)

const (
	startPath = root + "/signin/start"
	// ReturnPath is where the identity provider sends browsers back.
	ReturnPath = root + "/signin/callback"
	// flowCookie is of a sign-in at the provider that is under way; as [cookieName].
	flowCookie = "__Host-lb_sign_in"
	// flowFor is how long a sign-in at the provider may take.
	flowFor = 10 * time.Minute
	// maxWanted is how long an address may be to which the visitor is led afterwards.
	maxWanted = 1000
)

// Identities finds the people of identities.
type Identities interface {
	// Person returns who an identity is: of the list, else the user that it is linked to, else the one user whom it can be linked to now. Errors:
	// [*RefusalError], its Way left open.
	Person(ctx context.Context, i identity.Identity) (identity.Person, error)
	// Listed tells whether the list still gives a person these roles.
	Listed(p identity.Person) bool
}

// stillListed tells whether who was let in by the list of auditors and operators still stands on it.
func (c *Console) stillListed(s identity.Session) bool {
	return s.Way != wayProvider || s.IsUser() || c.deps.Identities != nil && c.deps.Identities.Listed(s.Person)
}

// goToProvider begins a sign-in: the browser keeps the word that it is bound to.
func goToProvider(v *visit) (view, error) {
	if v.console.deps.Provider == nil {
		return nil, errNoPage
	}
	word := rand.Text()
	address, err := v.console.deps.Provider.Address(v.r.Context(), identity.FlowOf(word))
	if err != nil {
		return nil, err
	}
	to := v.r.URL.Query().Get("to")
	if len(to) > maxWanted {
		to = ""
	}
	setCookie(v.w, flowCookie, word+"."+base64.RawURLEncoding.EncodeToString([]byte(to)), int(flowFor.Seconds()))
	return redirect(address), nil
}

// comeFromProvider ends a sign-in that this browser began, whatever comes of it.
func comeFromProvider(v *visit) (view, error) {
	if v.console.deps.Provider == nil {
		return nil, errNoPage
	}
	word, to, _ := strings.Cut(taken(v, flowCookie), ".")
	came, flow := v.r.URL.Query(), identity.FlowOf(word)
	var err error
	switch {
	case word == "" || subtle.ConstantTimeCompare([]byte(came.Get("state")), []byte(flow.State)) != 1:
		err = &RefusalError{Why: whyNotBegun}
	case came.Get("code") == "":
		err = &RefusalError{Why: whyDenied}
	default:
		err = signInAs(v, flow, came.Get("code"), came.Get("iss"))
	}
	if refused, ok := errors.AsType[*RefusalError](err); ok {
		err = refuseSignIn(v, wayProvider, refused.Why, refused.User)
	}
	wantedTo, _ := base64.RawURLEncoding.DecodeString(to) // of the browser's own; what cannot be read leads to the first page
	return wanted(string(wantedTo)), err
}

// signInAs signs in who the provider says that it is. Errors: [*RefusalError], those of the API and of the provider.
func signInAs(v *visit, flow identity.Flow, code, issuer string) error {
	who, err := v.console.deps.Provider.Identity(v.r.Context(), flow, code, issuer)
	switch {
	case errors.Is(err, identity.ErrCode):
		return &RefusalError{Why: whyCode}
	case errors.Is(err, identity.ErrToken):
		v.log(slog.LevelWarn, "console: the identity provider's token does not count", err)
		return &RefusalError{Why: whyClaims}
	case err != nil:
		return err
	}
	p, err := v.console.deps.Identities.Person(v.r.Context(), who)
	if err != nil {
		return err
	}
	roles := who.Narrowed(strings.Split(p.Role, ","))
	if len(roles) == 0 {
		return &RefusalError{Why: whyNarrowed, User: p.UserID}
	}
	p.Role = strings.Join(roles, ",")
	return signIn(v, p, wayProvider, nil, time.Time{})
}
