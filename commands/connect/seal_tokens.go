package connect

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// seal stores the person's tokens and those of pages: of what was chosen, and of all that hangs on the grant already, in whatever agency. Taken is
// the time that it stores with them.
func (c *Connect) seal(ctx context.Context, w waiting, p plan, chosen map[int64]domain.GrantedConnection, now time.Time) (taken time.Time, err error) {
	tokens := map[string]string{} // by whose they are and what they read
	for _, o := range w.Offered {
		if o.AccessToken != "" {
			tokens[fmt.Sprintf("%d %s", o.Platform, o.tokenOf(w.Person))] = o.AccessToken
		}
	}
	taken = now
	pages := map[string]commands.StoredTokens{}
	for _, h := range append(values(chosen), p.hanging...) {
		place, err := c.Places.TokenPlace(ctx, h.ConnectionID)
		if err == nil && place.Taken(now).After(taken) { // by the clock of whoever recorded that it waits
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
		if err := c.Secrets.Put(ctx, ref, raw, stored.Times(taken)); err != nil {
			return taken, err
		}
	}
	return taken, nil
}

// hold hangs and seals again what is shown to be read: whoever disconnected one of the pages meanwhile may have taken away what was sealed for it.
// What has begun to wait for a sign-in since it was sealed stays so: its person has taken the consent back.
func (c *Connect) hold(
	ctx context.Context, w waiting, p plan, hang map[int64]domain.GrantedConnection, now, sealed time.Time,
) error {
	pages, err := c.Directory.PagesOf(ctx, slices.Collect(maps.Keys(hang)))
	if err != nil || len(pages) == 0 {
		return err
	}
	read := map[int64]domain.GrantedConnection{}
	for _, page := range pages {
		waits, err := c.waitsSince(ctx, page.ConnectionID, sealed)
		if err != nil {
			return err
		}
		if !waits {
			read[page.ConnectionID] = hang[page.ConnectionID]
		}
	}
	if len(read) == 0 {
		return nil
	}
	if err := c.Store.KeepGrant(ctx, w.grant(p.grant, now), values(read)); err != nil {
		return err
	}
	for _, ref := range append(refsOf(read), p.grant.SecretRef()) {
		switch _, err := c.Secrets.Get(ctx, ref); {
		case domain.CodeOf(err) == domain.CodeNotFound:
			return c.sealAgain(ctx, w, p, read, now, sealed)
		case err != nil:
			return err
		}
	}
	return nil
}

// sealAgain seals for what is read, and for all else that hangs on the grant by now and has not begun to wait since.
func (c *Connect) sealAgain(
	ctx context.Context, w waiting, p plan, read map[int64]domain.GrantedConnection, now, sealed time.Time,
) error {
	hanging, err := c.Store.HangingOn(ctx, p.grant)
	if err != nil {
		return err
	}
	p.hanging = nil
	for _, h := range hanging {
		waits, err := c.waitsSince(ctx, h.ConnectionID, sealed)
		if err != nil {
			return err
		}
		if !waits {
			p.hanging = append(p.hanging, h)
		}
	}
	_, err = c.seal(ctx, w, p, read, now)
	return err
}

// waitsSince tells whether it was recorded since an instant that a connection waits for a sign-in.
func (c *Connect) waitsSince(ctx context.Context, connection int64, since time.Time) (bool, error) {
	place, err := c.Places.TokenPlace(ctx, connection)
	if domain.CodeOf(err) == domain.CodeNotFound {
		return false, nil
	}
	return err == nil && place.AwaitsSignIn() && place.StateAt.After(since), err
}

func refsOf(hang map[int64]domain.GrantedConnection) (refs []string) {
	for _, h := range hang {
		refs = append(refs, h.SecretRef)
	}
	return refs
}

func values(hang map[int64]domain.GrantedConnection) (all []domain.GrantedConnection) {
	for _, h := range hang {
		all = append(all, h)
	}
	slices.SortFunc(all, func(x, y domain.GrantedConnection) int { return cmp.Compare(x.ConnectionID, y.ConnectionID) })
	return all
}

// hanging is the connection by which an offer is read.
func hanging(agency string, g domain.GrantKey, o offered) domain.GrantedConnection {
	h := domain.GrantedConnection{ParentAccount: agency, Platform: o.Platform, TokenOf: o.tokenOf(g.Person), SecretRef: g.SecretRef()}
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
