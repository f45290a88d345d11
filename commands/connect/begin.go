package connect

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Request requests a connection.
type Request struct {
	domain.ConnectRequester
	Platform      domain.Platform // where the person signs in
	ReturnTo      string          // a path of this service, or an address with a configured origin; "" for none
	SocialAccount int64           // the account to reconnect; 0 to let the person choose
}

// StartedSignIn is a sign-in that can be opened.
type StartedSignIn struct {
	ID string `json:"id"` // id with which the status of the sign-in can be read
	// StartURL is the address to open in the browser of the person who signs in. It is valid for
	// ten minutes and works once.
	StartURL string `json:"start_url"`
}

var errNoSubscription = domain.NewError(domain.CodeConflict,
	"This account has no active subscription, and accounts without a subscription are not read. "+
		"The agency can add one in its main application or, without one, ask the operator of this service.")

// Begin creates a sign-in. Errors: invalid (return_to, or the account to reconnect is on another
// platform), forbidden, not_found (the account), conflict (no subscription, or the platform is not
// configured).
func (c *Connect) Begin(ctx context.Context, r Request, still AccessCheck) (StartedSignIn, error) {
	names, err := c.rights(ctx, r.ConnectRequester, still)
	if err != nil {
		return StartedSignIn{}, err
	}
	if !names.Subscribed {
		return StartedSignIn{}, errNoSubscription
	}
	if err := c.checkReturn(r.ReturnTo); err != nil {
		return StartedSignIn{}, err
	}
	if err := c.checkSignIn(r.Platform); err != nil {
		return StartedSignIn{}, err
	}
	if r.SocialAccount != 0 {
		if err := c.checkReconnect(ctx, r); err != nil {
			return StartedSignIn{}, err
		}
	}
	now, start := c.Now(), NewSecret()
	a := domain.ConnectAttempt{
		ID: uuid.NewString(), ConnectRequester: r.ConnectRequester, Platform: r.Platform,
		RedirectURI: fmt.Sprintf("%s/connect/%d", c.PublicURL, r.Platform),
		ReturnTo:    r.ReturnTo, SocialAccount: r.SocialAccount,
		Step: domain.ConnectBegun, CreatedAt: now, ExpiresAt: now.Add(signInWithin),
	}
	if err := c.Store.Begin(ctx, a, digest(start)); err != nil {
		return StartedSignIn{}, err
	}
	return StartedSignIn{ID: a.ID, StartURL: c.PublicURL + "/connect/start/" + start}, nil
}

// BeginAgain creates a sign-in like one that has connected nothing, for the browser that owns that
// one. Errors are those of [Connect.View] and [Connect.Begin].
func (c *Connect) BeginAgain(ctx context.Context, id, cookie string, still AccessCheck) (StartedSignIn, error) {
	a, err := c.ownAttempt(ctx, id, cookie)
	if err == nil && a.Outcome != nil && a.Outcome.Refused == "" {
		err = errChosen
	}
	if err != nil {
		return StartedSignIn{}, err
	}
	return c.Begin(ctx, Request{a.ConnectRequester, a.Platform, a.ReturnTo, a.SocialAccount}, still)
}

func (c *Connect) checkReconnect(ctx context.Context, r Request) error {
	page, err := c.Directory.Page(ctx, r.ParentAccount, r.SocialAccount)
	switch {
	case err != nil:
		return err
	case page.AccountID != r.AccountID:
		return errNotYourAccount
	case r.Platform != page.Platform && r.Platform != page.Platform.Facts().LoginBy:
		return domain.NewError(domain.CodeInvalid,
			"social_account: %d is on %s. Sign in to that platform.", page.ID, page.Platform)
	default:
		return nil
	}
}

// checkReturn accepts only paths of this service and addresses with a configured origin.
func (c *Connect) checkReturn(to string) error {
	wrong := domain.NewError(domain.CodeInvalid,
		"return_to must be a path of this service, such as /console/clients, or an address with a configured origin.").
		WithField("return_to", "is neither a path of this service nor an address with a configured origin")
	if to == "" {
		return nil
	}
	u, err := url.Parse(to)
	const most = 2000
	if err != nil || len(to) > most || u.User != nil || strings.ContainsAny(to, "\\\r\n\t") {
		return wrong
	}
	if u.Scheme == "" && u.Host == "" {
		if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") {
			return wrong
		}
		return nil
	}
	origin := u.Scheme + "://" + u.Host
	if strings.HasPrefix(c.PublicURL+"/", origin+"/") || slices.Contains(c.ReturnOrigins, origin) {
		return nil
	}
	return wrong
}

// OpenedSignIn is the content of the first page of a sign-in.
type OpenedSignIn struct {
	domain.ConnectAttempt
	domain.ConnectNames
	Again   string // name of the page to reconnect; "" for none
	Address string // address of the platform's sign-in dialog
}

// Open binds a sign-in to a browser and returns the content of its page. Errors are those of the
// store and of the check of the requester's rights.
func (c *Connect) Open(ctx context.Context, start, cookie string, still AccessCheck) (o OpenedSignIn, err error) {
	state := stateOf(cookie, start)
	o.ConnectAttempt, err = c.Store.OpenAttempt(ctx, digest(start), digest(cookie), digest(state), c.Now())
	if err != nil {
		return o, err
	}
	if o.ConnectNames, err = c.rights(ctx, o.ConnectRequester, still); err != nil {
		return o, err
	}
	if o.SocialAccount != 0 {
		page, err := c.Directory.Page(ctx, o.ParentAccount, o.SocialAccount)
		if err != nil {
			return o, err
		}
		o.Again = page.Name
	}
	signIn, err := c.SignIn(o.Platform)
	if err != nil {
		return o, err
	}
	o.Address = signIn.Address(state, o.RedirectURI)
	return o, nil
}

// Public returns the public address of a path of this service.
func (c *Connect) Public(path string) string { return c.PublicURL + path }
