package platforms

import (
	"context"
	"fmt"
	"net/url"

	"github.com/ledgerboard/ledgerboard/domain"
)

// holder asks what a token gives that somebody else's dialog brought.
type holder interface {
	holds(ctx context.Context, t Target) (Consent, error)
}

// Holds asks whose a token is and what it reads, without the tokens that it was asked with: for a main application that signs people in
// itself. Of Facebook, and of Instagram without [Target.InstagramLogin], it is the token of a person or of a page, of which only that page
// and the Instagram account behind it are offered. Granted is nil where the platform did not say. An Error of ClassReconnect says that the
// token is dead.
func (s *Set) Holds(ctx context.Context, p domain.Platform, t Target) (Consent, error) {
	if p == domain.Instagram && !t.InstagramLogin {
		p = domain.Facebook
	}
	dialog, ok := s.dialogs[p]
	if !ok {
		return Consent{}, fmt.Errorf("%w: %s", ErrNoHandler, p)
	}
	return dialog.holder.holds(ctx, t)
}

func (f facebookSignIn) holds(ctx context.Context, t Target) (c Consent, err error) {
	if err := f.needToken(opWho, t.AccessToken); err != nil {
		return c, err
	}
	if err := f.who(ctx, t, &c); err != nil {
		return c, err
	}
	err = f.permissions(ctx, t, &c)
	if e := asError(err); e != nil && e.Code == codeWrongRequest { // pages have no such edge
		return c, f.page(ctx, t, &c)
	}
	if err != nil {
		return c, err
	}
	return c, f.pages(ctx, t, &c)
}

// page offers the page whose own token it is. Which Instagram account is behind it is not told to every app.
func (f facebookSignIn) page(ctx context.Context, t Target, c *Consent) error {
	page := managedPage{ID: text(c.PersonID), Name: text(c.Name)}
	var told managedPage
	fields := url.Values{"fields": {"id,instagram_business_account{id,username,name}"}}
	err := f.get(ctx, opOffered, t, "me", fields, &told)
	if e := asError(err); e != nil && e.Class != ClassInvalid && e.Class != ClassPermission {
		return err
	}
	page.Instagram, page.AccessToken = told.Instagram, text(t.AccessToken)
	c.Offered = page.offered(nil)
	return nil
}

func (i instagramSignIn) holds(ctx context.Context, t Target) (c Consent, err error) {
	if err := i.needToken(opWho, t.AccessToken); err != nil {
		return c, err
	}
	c.Tokens.AccessToken = t.AccessToken
	err = i.who(ctx, "", &c)
	c.Tokens = Tokens{}
	return c, err
}

// holds goes without what was granted where our app's id and secret are not known.
func (l linkedInSignIn) holds(ctx context.Context, t Target) (c Consent, err error) {
	if err := l.needToken(opWho, t.AccessToken); err != nil {
		return c, err
	}
	told := l.Inspects(t)
	if told {
		err = l.introspect(ctx, t, &c)
	} else {
		c.Granted = []string{scopePages, scopeProfile}
	}
	if err == nil {
		err = l.member(ctx, t, &c)
	}
	if err == nil {
		err = l.pages(ctx, t, &c)
	}
	if e := asError(err); !told && e != nil && e.Class == ClassPermission { // it is of an app without pages
		err = nil
	}
	c.Tokens = Tokens{}
	if !told {
		c.Granted = nil
	}
	return c, err
}

func (k tikTokSignIn) holds(ctx context.Context, t Target) (Consent, error) {
	user, err := k.user(ctx, t, "open_id,display_name")
	c := Consent{PersonID: string(user.OpenID), Name: string(user.Name)}
	if err == nil {
		err = k.known(c.PersonID)
	}
	c.Offered = []Offered{{Platform: k.platform, ExternalID: c.PersonID, Name: c.Name, MayRead: true}}
	return c, err
}
