package connect

import (
	"context"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// MetaCalls handles Meta's requests about people who signed in.
type MetaCalls struct{ *Connect }

// Configured reports whether the secret of an app of Meta is configured, so that Meta can call.
func (c MetaCalls) Configured() bool { return c.Meta != nil }

// Deauthorized handles Meta's notice that a person removed our app. It deletes the tokens of the
// consent, and its connections in all agencies wait for a sign-in. A notice issued before the
// person's last consent changes nothing, and unknown people get the same answer. Repeating it is
// safe. Errors: invalid ([platforms.ErrNotSigned]); after any other error the call must be
// repeated.
func (c MetaCalls) Deauthorized(ctx context.Context, raw string) error {
	signed, err := c.Meta(raw)
	if err != nil {
		return err
	}
	for _, one := range signed {
		grant, covered, err := c.coveredGrant(ctx, requestOf(one))
		if err == nil && covered {
			err = c.stop(ctx, grant, "The person who connected this page removed our app at "+one.Platform.Title()+". Connect it again.")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// coveredGrant returns the grant of the request's person, which may not exist, and whether the
// request covers it. It does not if the person has consented since the request was issued. Errors
// are those of the store.
func (c MetaCalls) coveredGrant(ctx context.Context, r domain.DeletionRequest) (grant domain.Grant, covered bool, err error) {
	grant, known, err := c.Store.GrantOf(ctx, c.grantOf(r.Platform, r.Person))
	return grant, !known || r.CoversUntil().After(grant.ConsentedAt), err
}

// stop deletes the tokens of a grant and records that its connections wait for a sign-in, with this
// reason even if they already did for another. It does so only once, and not at all if there was a
// later consent.
func (c MetaCalls) stop(ctx context.Context, grant domain.Grant, reason string) error {
	hanging, err := c.Store.ConnectionsOf(ctx, grant.GrantKey)
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
	recorded := map[int64]bool{}
	for _, page := range pages {
		if recorded[page.ConnectionID] {
			continue
		}
		recorded[page.ConnectionID] = true
		place, err := c.Places.TokenPlace(ctx, page.ConnectionID)
		if err != nil && domain.CodeOf(err) != domain.CodeNotFound {
			return err
		}
		if place.AwaitsSignIn() && place.StateReason == reason {
			continue
		}
		draft := awaitsSignIn(page.DirectorySocialAccount, now, reason)
		draft.Envelope.Audit.Actor = domain.ActorMeta
		if err := c.Log.Append(ctx, draft); err != nil {
			return fmt.Errorf("record that a consent was withdrawn: %w", err)
		}
	}
	return nil
}
