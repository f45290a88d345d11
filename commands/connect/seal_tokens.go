package connect

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// seal stores the person's tokens, and the tokens of the chosen pages and of all pages that already
// depend on the grant, in any agency. taken is the time that is stored with them.
func (c *Connect) seal(
	ctx context.Context, w waiting, p plan, chosen []domain.GrantedConnection, now time.Time,
) (taken time.Time, err error) {
	tokens := map[string]string{} // by owner and platform
	for _, o := range w.Offered {
		if o.AccessToken != "" {
			tokens[fmt.Sprintf("%d %s", o.Platform, o.tokenOf(w.Person))] = o.AccessToken
		}
	}
	taken = now
	pages := map[string]commands.StoredTokens{}
	for _, h := range slices.Concat(chosen, p.hanging) {
		place, err := c.Places.TokenPlace(ctx, h.ConnectionID)
		if err == nil && place.Taken(now).After(taken) { // the state was recorded by a faster clock
			taken = place.Taken(now)
		}
		if err != nil && domain.CodeOf(err) != domain.CodeNotFound {
			return taken, err
		}
		if token, ok := tokens[fmt.Sprintf("%d %s", h.Platform, h.TokenOf)]; ok && h.SecretRef != p.grant.SecretRef() {
			pages[h.SecretRef] = commands.StoredTokens{
				AccessToken: token, Granted: w.Tokens.Granted, DataAccessUntil: w.Tokens.DataAccessUntil,
			}
		}
	}
	pages[p.grant.SecretRef()] = w.Tokens
	for ref, stored := range pages {
		raw, err := commands.EncodeTokens(stored)
		if err != nil {
			return taken, err
		}
		err = c.Secrets.Put(ctx, ref, raw, stored.Times(taken))
		if err != nil && domain.CodeOf(err) != domain.CodeConflict { // those of a later sign-in are kept
			return taken, err
		}
	}
	return taken, nil
}

// keepChosen attaches the connections of the chosen pages to the grant again and seals missing
// tokens again, as far as the tables show that the pages are read, because a concurrent
// disconnection may have detached them and deleted their tokens. A connection that has begun to
// wait for a sign-in since the first seal stays in that state, because its person has withdrawn the
// consent.
func (c *Connect) keepChosen(
	ctx context.Context, w waiting, p plan, hang []domain.GrantedConnection, now, sealed time.Time,
) error {
	pages, err := c.Directory.PagesOf(ctx, connectionsOf(hang))
	if err != nil {
		return err
	}
	read := slices.DeleteFunc(slices.Clone(hang), func(h domain.GrantedConnection) bool {
		return !slices.ContainsFunc(pages, func(page domain.ConnectedPage) bool {
			return page.ConnectionID == h.ConnectionID
		})
	})
	if read, err = c.notWaiting(ctx, read, sealed); err != nil || len(read) == 0 {
		return err
	}
	if err := c.Store.KeepGrant(ctx, w.grant(p.grant, now), read); err != nil {
		return err
	}
	refs := []string{p.grant.SecretRef()}
	for _, h := range read {
		refs = append(refs, h.SecretRef)
	}
	for _, ref := range refs {
		_, err := c.Secrets.Get(ctx, ref)
		if domain.CodeOf(err) == domain.CodeNotFound { // seal again, for all connections of the grant
			if p.hanging, err = c.Store.ConnectionsOf(ctx, p.grant); err != nil {
				return err
			}
			if p.hanging, err = c.notWaiting(ctx, p.hanging, sealed); err == nil {
				_, err = c.seal(ctx, w, p, read, now)
			}
			return err
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// notWaiting removes the connections that began to wait for a sign-in after a time.
func (c *Connect) notWaiting(
	ctx context.Context, all []domain.GrantedConnection, since time.Time,
) (rest []domain.GrantedConnection, err error) {
	for _, h := range all {
		place, err := c.Places.TokenPlace(ctx, h.ConnectionID)
		if err != nil && domain.CodeOf(err) != domain.CodeNotFound {
			return nil, err
		}
		if err != nil || !place.AwaitsSignIn() || !place.StateAt.After(since) {
			rest = append(rest, h)
		}
	}
	return rest, nil
}

func connectionsOf(hang []domain.GrantedConnection) []int64 {
	ids := make([]int64, len(hang))
	for i, h := range hang {
		ids[i] = h.ConnectionID
	}
	return ids
}

// hanging returns the connection that reads an offered page.
func hanging(agency string, g domain.GrantKey, o offered) domain.GrantedConnection {
	h := domain.GrantedConnection{
		ParentAccount: agency, Platform: o.Platform, TokenOf: o.tokenOf(g.Person), SecretRef: g.SecretRef(),
	}
	h.ConnectionID = domain.ComputedConnection(agency, o.Platform, g.App, h.TokenOf)
	if o.AccessToken != "" {
		h.SecretRef = fmt.Sprintf("connection/%d", h.ConnectionID)
	}
	return h
}

func (w waiting) grant(key domain.GrantKey, now time.Time) domain.Grant {
	g := domain.Grant{GrantKey: key, Granted: w.Tokens.Granted, Declined: w.Declined, ConsentedAt: now}
	if !w.Tokens.DataAccessUntil.IsZero() {
		g.DataAccessUntil = &w.Tokens.DataAccessUntil
	}
	return g
}

// NewSecret returns a random string of at least 128 bits, for cookies and addresses.
func NewSecret() string { return rand.Text() }

func digest(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// stateOf returns the state parameter of a sign-in. It cannot be computed without the cookie and
// the start address.
func stateOf(cookie, start string) string {
	mac := hmac.New(sha256.New, []byte(cookie))
	mac.Write([]byte("connect state\x00" + start))
	return hex.EncodeToString(mac.Sum(nil))
}

// waiting is the sealed form of a consent that waits for the choice.
type waiting struct {
	Code        []byte    `json:"code"` // digest of the code that was redeemed
	ConsentedAt time.Time `json:"consented_at"`

	Person   string                `json:"person"`
	Name     string                `json:"name"`
	Tokens   commands.StoredTokens `json:"tokens"`
	Declined []string              `json:"declined"`
	Offered  []offered             `json:"offered"`

	NotOffered []platforms.NotOffered `json:"not_offered,omitempty"`
}

// offered is [platforms.Offered] without the methods that hide its token.
type offered platforms.Offered

func (o offered) ref() domain.PageRef {
	return domain.PageRef{Platform: o.Platform, AccountType: o.AccountType, ExternalID: o.ExternalID}
}

func (o offered) tokenOf(person string) string {
	if o.AccessToken == "" {
		return person
	}
	return cmp.Or(o.BehindPage, o.ExternalID)
}

func waitingOf(c platforms.Consent, signIn domain.Platform) waiting {
	w := waiting{
		Person: c.PersonID, Name: domain.PlainName(c.Name), Declined: c.Declined,
		Tokens: commands.StoredTokens{
			AccessToken: c.Tokens.AccessToken, RefreshToken: c.Tokens.RefreshToken, ExpiresAt: c.Tokens.ExpiresAt,
			RefreshExpiresAt: c.Tokens.RefreshExpiresAt, OwnLogin: signIn.Facts().LoginBy != 0,
			Granted: c.Granted, DataAccessUntil: c.DataAccessUntil,
		},
	}
	for _, o := range c.Offered {
		o.Username = domain.PlainName(o.Username)
		o.Name = cmp.Or(domain.PlainName(o.Name), o.Username)
		w.Offered = append(w.Offered, offered(o))
	}
	for _, n := range c.NotOffered {
		w.NotOffered = append(w.NotOffered, platforms.NotOffered{Name: domain.PlainName(n.Name), Reason: n.Reason})
	}
	return w
}
