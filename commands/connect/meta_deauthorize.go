package connect

import (
	"context"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// MetaCalls are what Meta tells about people who signed in.
type MetaCalls struct{ *Connect }

// Configured tells whether Meta may call: the secret of one of its apps is configured.
func (c MetaCalls) Configured() bool { return c.Meta != nil }

// Deauthorized takes Meta's word that a person removed our app: the tokens of the consent are deleted, and its connections of all agencies wait
// for a sign-in. What was issued before the person's last consent changes nothing, and whoever is not known is answered alike. Repeating it is
// harmless. Errors: invalid ([platforms.ErrNotSigned]); any other means that it is to be repeated.
func (c MetaCalls) Deauthorized(ctx context.Context, raw string) error {
	signed, err := c.Meta(raw)
	if err != nil {
		return err
	}
	for _, one := range signed {
		grant, covers, err := c.covers(ctx, requestOf(one))
		if err == nil && covers {
			err = c.stop(ctx, grant, "The person who connected this page removed our app at "+one.Platform.Title()+". Connect it again.")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// covers returns the grant that Meta's word is about, which may be none, and whether the word covers it: not when the person has consented since it
// was issued. Errors: of the store.
func (c MetaCalls) covers(ctx context.Context, r domain.DeletionRequest) (grant domain.Grant, covers bool, err error) {
	grant, known, err := c.Store.GrantOf(ctx, c.grantOf(r.Platform, r.Person))
	return grant, !known || r.CoversUntil().After(grant.ConsentedAt), err
}

// stop deletes the tokens of a grant, and records that its connections wait for a sign-in: once, however often it is called, and nothing when there
// was a consent since the one that was found.
func (c MetaCalls) stop(ctx context.Context, grant domain.Grant, reason string) error {
	hanging, err := c.Store.HangingOn(ctx, grant.GrantKey)
	if err != nil || len(hanging) == 0 {
		return err
	}
	if stopped, err := c.Store.StopGrant(ctx, grant.GrantKey, grant.ConsentedAt); err != nil || !stopped {
		return err
	}
	pages, err := c.Directory.PagesOf(ctx, connectionsOf(hanging))
	if err != nil {
		return err
	}
	now := c.Now().UTC().Truncate(time.Microsecond)
	told := map[int64]bool{}
	for _, page := range pages {
		if told[page.ConnectionID] {
			continue
		}
		told[page.ConnectionID] = true
		place, err := c.Places.TokenPlace(ctx, page.ConnectionID)
		if err != nil && domain.CodeOf(err) != domain.CodeNotFound {
			return err
		}
		if place.AwaitsSignIn() {
			continue
		}
		draft := awaitsSignIn(page.DirectorySocialAccount, now, reason)
		draft.Envelope.Audit.Actor = domain.ActorMeta
		if err := c.Log.Append(ctx, draft); err != nil {
			return fmt.Errorf("record that a consent was taken back: %w", err)
		}
	}
	return nil
}
