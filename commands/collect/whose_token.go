package collect

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// verified notes with the stored tokens whose they are. If that fails they are asked again the next time.
func (c *Collector) verified(ctx context.Context, f *fetch, tokens commands.StoredTokens) {
	c.annotate(ctx, f, tokens, func(t *commands.StoredTokens) { t.VerifiedAs = f.ExternalID })
}

// annotate notes with the stored tokens what the platform has said of them. It waits for renewals of the same tokens: a
// note that came between what a renewal replaces and its storing would pass for a sign-in, and the renewed token be lost.
func (c *Collector) annotate(ctx context.Context, f *fetch, tokens commands.StoredTokens, note func(*commands.StoredTokens)) {
	held, release, err := c.alone(ctx, f.SecretRef)
	if err != nil {
		c.Logger.WarnContext(ctx, "what a platform said of a token was not noted", "connection", f.ConnectionID, "error", err)
		return
	}
	defer release()
	ctx, cancel := context.WithTimeout(held, storeTry)
	defer cancel()
	stored, raw, err := c.load(ctx, f.SecretRef)
	if err != nil || stored.AccessToken != tokens.AccessToken {
		return // somebody else's by now
	}
	note(&stored)
	sealed, err := commands.EncodeTokens(stored)
	if err == nil {
		err = c.Secrets.Swap(ctx, f.SecretRef, raw, sealed, stored.Times(time.Time{}))
	}
	if err != nil && domain.CodeOf(err) != domain.CodeConflict {
		c.Logger.WarnContext(ctx, "what a platform said of a token was not noted", "connection", f.ConnectionID, "error", err)
	}
}

// newer returns tokens that were stored after those that failed, or [platforms.ErrNoRefresh].
func (c *Collector) newer(ctx context.Context, f *fetch, failed commands.StoredTokens) (commands.StoredTokens, error) {
	stored, _, err := c.load(ctx, f.SecretRef)
	if err == nil && stored.AccessToken == failed.AccessToken {
		err = platforms.ErrNoRefresh
	}
	return stored, err
}
