package collect

import (
	"context"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// pendingRotation is renewed tokens that are not stored yet. The platform takes no older ones any more.
type pendingRotation struct {
	old    []byte // the secret that they replace
	tokens commands.StoredTokens
	taken  time.Time
}

// renew replaces the tokens that do not work any more, or soon. Who waited for another's renewal takes
// that one's tokens.
func (c *Collector) renew(ctx context.Context, f *fetch, failed commands.StoredTokens) (commands.StoredTokens, error) {
	held, release, err := c.alone(ctx, f.SecretRef)
	if err != nil {
		return failed, fmt.Errorf("wait for token renewal: %w", err)
	}
	defer release()
	f.looked = c.clock()
	if u, ok := c.pending.Load(f.SecretRef); ok {
		if err := c.save(ctx, held, f, u.(pendingRotation)); err != nil {
			return failed, err
		}
	}
	stored, raw, err := c.load(ctx, f.SecretRef)
	if err != nil {
		return stored, err
	}
	if stored.AccessToken != failed.AccessToken && !stored.Over(c.Now()) {
		return stored, nil
	}
	renewed, err := c.refresh(ctx, held, f, stored)
	if err != nil {
		return c.afterRefusal(held, f, failed, err)
	}
	if err := c.save(ctx, held, f, pendingRotation{old: raw, tokens: renewed, taken: c.Now()}); err != nil {
		return stored, err
	}
	// Read again: a person may have signed in meanwhile, whose tokens stay.
	within, cancel := context.WithTimeout(held, storeTry)
	defer cancel()
	stored, _, err = c.load(within, f.SecretRef)
	return stored, err
}

// refresh asks the platform. It may wait for the quota, until ctx ends or others are not kept away any
// more: then no call is made, because two at a time would lose the connection.
func (c *Collector) refresh(ctx, held context.Context, f *fetch, stored commands.StoredTokens) (commands.StoredTokens, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(held, cancel)()
	fresh, err := f.client.Refresh(ctx, platforms.RefreshRequest{
		Target: target(f.ConnectedAccount, stored), RefreshToken: stored.RefreshToken,
	})
	if err != nil {
		return stored, err
	}
	renewed := commands.StoredTokens{
		AccessToken: fresh.AccessToken, RefreshToken: fresh.RefreshToken, ExpiresAt: fresh.ExpiresAt,
		RefreshExpiresAt: fresh.RefreshExpiresAt, InstagramLogin: stored.InstagramLogin, VerifiedAs: stored.VerifiedAs,
	}
	renewed.Granted, renewed.DataAccessUntil, renewed.HandedOver = stored.Granted, stored.DataAccessUntil, stored.HandedOver
	renewed.Pages = stored.Pages
	if scopes := fresh.Scopes(); len(scopes) > 0 {
		renewed.Granted = scopes
	}
	if fresh.ExternalID != "" && fresh.ExternalID == f.ExternalID {
		renewed.VerifiedAs = f.ExternalID
	}
	if renewed.RefreshToken == "" {
		renewed.RefreshToken = stored.RefreshToken
	}
	if renewed.RefreshExpiresAt.IsZero() && renewed.RefreshToken == stored.RefreshToken {
		renewed.RefreshExpiresAt = stored.RefreshExpiresAt
	}
	return renewed, nil
}

// afterRefusal looks whether there is another token by now than the one that failed. A refused renewal
// proves nothing where somebody else's came through: its refresh token works once.
func (c *Collector) afterRefusal(
	held context.Context, f *fetch, failed commands.StoredTokens, refusal error,
) (commands.StoredTokens, error) {
	within, cancel := context.WithTimeout(context.WithoutCancel(held), storeTry)
	defer cancel()
	stored, _, err := c.load(within, f.SecretRef)
	switch {
	case err != nil && dead(refusal):
		return failed, fmt.Errorf("%w (after: %s)", err, refusal.Error()) // not known to be dead
	case err == nil && stored.AccessToken != failed.AccessToken && !stored.Over(c.Now()):
		return stored, nil
	default:
		return failed, refusal
	}
}

// How long renewed tokens are tried to be stored.
const (
	storeTry      = 5 * time.Second  // one try
	storeFor      = 30 * time.Second // all tries; the lease is prolonged meanwhile
	storeAtEnd    = 4 * time.Second  // more, once the claim has ended or the process stops
	firstStoreGap = 100 * time.Millisecond
	mostStoreGap  = 2 * time.Second
)

// save stores renewed tokens before they are used: a rotated refresh token that is lost is lost for good.
// What cannot be stored for a while is kept for the next attempt of this process. A person who has signed
// in meanwhile wins.
func (c *Collector) save(ctx, held context.Context, f *fetch, u pendingRotation) error {
	sealed, err := commands.EncodeTokens(u.tokens)
	if err != nil {
		return err
	}
	c.pending.Store(f.SecretRef, u)
	ended, give := ctx.Done(), time.NewTimer(storeFor)
	defer give.Stop()
	for gap := firstStoreGap; ; gap = min(2*gap, mostStoreGap) {
		err = c.swap(held, f.SecretRef, u, sealed)
		if err == nil || domain.CodeOf(err) == domain.CodeConflict {
			c.pending.Delete(f.SecretRef)
			return nil
		}
		select {
		case <-time.After(gap):
			continue
		case <-ended:
			ended = nil
			give.Reset(storeAtEnd)
			continue
		case <-give.C:
		case <-held.Done():
		}
		c.Logger.ErrorContext(ctx, "a renewed token cannot be stored: it is kept in memory and stored with the next attempt; if "+
			"this process ends before, a person must sign in again",
			"connection", f.ConnectionID, "platform", f.Platform.String(), "error", err)
		return fmt.Errorf("store renewed token: %w", err)
	}
}

func (c *Collector) swap(held context.Context, ref string, u pendingRotation, sealed []byte) error {
	within, cancel := context.WithTimeout(context.WithoutCancel(held), storeTry)
	defer cancel()
	return c.Secrets.Swap(within, ref, u.old, sealed, u.tokens.Times(u.taken))
}
