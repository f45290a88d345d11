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
	// ReturnPath is the path to which the identity provider sends browsers back.
	ReturnPath = root + "/signin/callback"
	// flowCookie is the name of the cookie that holds the state of a sign-in in progress at the
	// provider. See [api.ConsoleCookie] for the prefix.
	flowCookie = "__Host-lb_sign_in"
	flowFor    = 10 * time.Minute
	// maxWanted is the longest return address, in bytes.
	maxWanted = 1000
)

// Identities maps identities of the provider to people.
type Identities interface {
	// Person returns the person with an identity: an entry of the list of auditors and operators,
	// or the user that the identity is linked to, or the only user that it can be linked to now. If
	// no such person exists, the error is a [*RefusalError] without Way.
	Person(ctx context.Context, i identity.Identity) (identity.Person, error)
	// Listed reports whether the list still gives a person these roles.
	Listed(p identity.Person) bool
}

// stillListed reports whether a person who signed in as an entry of the list of auditors and
// operators is still on that list.
func (c *Console) stillListed(s identity.Session) bool {
	return s.Way != wayProvider || s.IsUser() || c.deps.Identities != nil && c.deps.Identities.Listed(s.Person)
}

// goToProvider starts a sign-in. A cookie holds the secret that binds the sign-in to this browser.
func goToProvider(v *visit) (view, error) {
	if v.deps.Provider == nil {
		return nil, errNoPage
	}
	secret := rand.Text()
	address, err := v.deps.Provider.Address(v.r.Context(), identity.FlowOf(secret))
	if err != nil {
		return nil, err
	}
	to := v.r.URL.Query().Get("to")
	if len(to) > maxWanted {
		to = ""
	}
	cookie := secret + "." + base64.RawURLEncoding.EncodeToString([]byte(to))
	setCookie(v.w, flowCookie, cookie, int(flowFor.Seconds()))
	return redirect(address), nil
}

// comeFromProvider completes a sign-in that this browser started. It always deletes the cookie.
func comeFromProvider(v *visit) (view, error) {
	if v.deps.Provider == nil {
		return nil, errNoPage
	}
	secret, to, _ := strings.Cut(takeCookie(v, flowCookie), ".")
	params, flow := v.r.URL.Query(), identity.FlowOf(secret)
	var err error
	switch {
	case secret == "" || subtle.ConstantTimeCompare([]byte(params.Get("state")), []byte(flow.State)) != 1:
		err = &RefusalError{Why: refusalNotBegun}
	case params.Get("code") == "":
		err = &RefusalError{Why: refusalDenied}
	default:
		err = signInAs(v, flow, params.Get("code"), params.Get("iss"))
	}
	if refused, ok := errors.AsType[*RefusalError](err); ok {
		err = refuseSignIn(v, wayProvider, refused.Why, refused.User)
	}
	wantedTo, _ := base64.RawURLEncoding.DecodeString(to) // an unreadable value leads to the start page
	return returnAddress(string(wantedTo)), err
}

func signInAs(v *visit, flow identity.Flow, code, issuer string) error {
	who, err := v.deps.Provider.Identity(v.r.Context(), flow, code, issuer)
	switch {
	case errors.Is(err, identity.ErrCode):
		return &RefusalError{Why: refusalCode}
	case errors.Is(err, identity.ErrToken):
		v.log(slog.LevelWarn, "console: identity provider returned an invalid token", err)
		return &RefusalError{Why: refusalClaims}
	case err != nil:
		return err
	}
	p, err := v.deps.Identities.Person(v.r.Context(), who)
	if err != nil {
		return err
	}
	roles := who.Narrowed(strings.Split(p.Role, ","))
	if len(roles) == 0 {
		return &RefusalError{Why: refusalNarrowed, User: p.UserID}
	}
	p.Role = strings.Join(roles, ",")
	return signIn(v, p, wayProvider, nil, time.Time{})
}
