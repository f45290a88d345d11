package connect

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// dropTokens removes the tokens of pages that nobody chose, now or earlier: those that are neither
// picked, nor read with the grant, nor among its stored tokens, which the tables may not show yet.
func (c *Connect) dropTokens(ctx context.Context, tokens *commands.StoredTokens, p plan, picked []offered) error {
	if len(tokens.Pages) == 0 {
		return nil
	}
	stored, _, _, err := commands.PresentTokens(ctx, c.Secrets, p.grant.SecretRef())
	if err != nil {
		return fmt.Errorf("read stored tokens: %w", err)
	}
	chosen := slices.Collect(maps.Keys(stored.Pages))
	for _, o := range picked {
		chosen = append(chosen, o.ExternalID)
	}
	for _, page := range p.read {
		chosen = append(chosen, page.ExternalID)
	}
	tokens.Pages = maps.Clone(tokens.Pages)
	maps.DeleteFunc(tokens.Pages, func(page, _ string) bool { return !slices.Contains(chosen, page) })
	if len(tokens.Pages) == 0 { // only the token of the person is used
		tokens.Pages, tokens.ExpiresAt, tokens.PersonUntil = nil, tokens.PersonUntil, time.Time{}
	}
	return nil
}

// seal stores the tokens of the person and of pages. taken is the time that is stored with them.
func (c *Connect) seal(ctx context.Context, w waiting, p plan, connection int64, now time.Time) (taken time.Time, err error) {
	taken = now
	for _, id := range append([]int64{connection}, p.connections...) {
		place, err := c.Places.TokenPlace(ctx, id)
		if err == nil && place.Taken(now).After(taken) { // the state was recorded by a faster clock
			taken = place.Taken(now)
		}
		if err != nil && domain.CodeOf(err) != domain.CodeNotFound {
			return taken, err
		}
	}
	raw, err := commands.EncodeTokens(w.Tokens)
	if err != nil {
		return taken, err
	}
	err = c.Secrets.Put(ctx, p.grant.SecretRef(), raw, w.Tokens.Times(taken))
	if domain.CodeOf(err) == domain.CodeConflict { // those of a later sign-in are kept
		err = nil
	}
	return taken, err
}

// keepChosen stores the grant again, and its tokens if they are missing, if the tables show that
// pages are read with it, because a concurrent disconnection may have deleted them. If the grant has
// begun to wait for a sign-in since the tokens were sealed, it stays in that state, because the person
// has withdrawn the consent.
func (c *Connect) keepChosen(ctx context.Context, w waiting, p plan, connection int64, now, sealed time.Time) error {
	pages, err := c.Directory.PagesOf(ctx, []int64{connection})
	if err != nil || len(pages) == 0 {
		return err
	}
	place, err := c.Places.TokenPlace(ctx, connection)
	if err != nil || place.AwaitsSignIn() && place.StateAt.After(sealed) {
		return err
	}
	if err := c.Store.KeepGrant(ctx, w.grant(p.grant, now), connection); err != nil {
		return err
	}
	_, err = c.Secrets.Get(ctx, p.grant.SecretRef())
	if domain.CodeOf(err) == domain.CodeNotFound {
		_, err = c.seal(ctx, w, p, connection, now)
	}
	return err
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

func waitingOf(c platforms.Consent, signIn domain.Platform) waiting {
	w := waiting{
		Person: c.PersonID, Name: domain.PlainName(c.Name), Declined: c.Declined,
		Tokens: commands.StoredTokens{
			AccessToken: c.Tokens.AccessToken, RefreshToken: c.Tokens.RefreshToken, ExpiresAt: c.Tokens.ExpiresAt,
			RefreshExpiresAt: c.Tokens.RefreshExpiresAt, OwnLogin: signIn.Facts().LoginBy != 0,
			Granted: c.Granted, DataAccessUntil: c.DataAccessUntil,
		},
	}
	pages := map[string]string{}
	for _, o := range c.Offered {
		o.Username = domain.PlainName(o.Username)
		o.Name = cmp.Or(domain.PlainName(o.Name), o.Username)
		if o.AccessToken != "" && o.MayRead {
			pages[o.ExternalID] = o.AccessToken
		}
		o.AccessToken = ""
		w.Offered = append(w.Offered, offered(o))
	}
	if len(pages) > 0 { // these do not expire with the token of the person
		w.Tokens.Pages, w.Tokens.PersonUntil, w.Tokens.ExpiresAt = pages, w.Tokens.ExpiresAt, time.Time{}
	}
	for _, n := range c.NotOffered {
		w.NotOffered = append(w.NotOffered, platforms.NotOffered{Name: domain.PlainName(n.Name), Reason: n.Reason})
	}
	return w
}
