package collect

import (
	"context"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// inspect asks what tokens may do and until when, and notes it with them; they come back with it. A platform that does not say
// is not asked.
func (c *Collector) inspect(ctx context.Context, f *fetch, stored commands.StoredTokens) (commands.StoredTokens, error) {
	at := target(f.ConnectedAccount, stored)
	inspector, ok := f.client.(platforms.Inspector)
	if !ok || !inspector.Inspects(at) {
		return stored, nil
	}
	facts, err := inspector.Inspect(ctx, at)
	if err != nil {
		return stored, err
	}
	note := func(t *commands.StoredTokens) {
		t.Granted, t.DataAccessUntil = facts.Granted, facts.DataAccessUntil
		if !facts.ExpiresAt.IsZero() {
			t.ExpiresAt = facts.ExpiresAt
		}
	}
	c.annotate(ctx, f, stored, note)
	note(&stored)
	return stored, nil
}

// inspects tells whether a platform says what tokens may do, whose tokens are looked at every day then although none is renewed.
func (c *Collector) inspects(platform domain.Platform) bool {
	client, err := c.Clients.For(platform)
	inspector, ok := client.(platforms.Inspector)
	return err == nil && ok && inspector.Inspects(platforms.Target{})
}
