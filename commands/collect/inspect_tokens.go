package collect

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Accounts finds a social account by its id, whatever its state is.
type Accounts interface {
	Task(ctx context.Context, queue domain.FetchQueue, socialAccount int64, now time.Time) (domain.FetchTask, error)
}

// Check asks the platform whose the token is that a social account is read with, and what it may do; the latter is stored
// beside the token's times, where the platform says it. Pauses do not count, quotas do. The error says why the account cannot be
// read with it, or was not asked about.
func (c *Collector) Check(ctx context.Context, accounts Accounts, platform domain.Platform, socialAccount int64) (platforms.TokenOwner, error) {
	queue := domain.FetchQueue{Kind: domain.FetchTokens, Platform: platform}
	task, err := accounts.Task(ctx, queue, socialAccount, c.clock())
	if err != nil {
		return platforms.TokenOwner{}, err
	}
	client, err := c.Clients.For(platform)
	if err != nil {
		return platforms.TokenOwner{}, err
	}
	f := &fetch{FetchTask: task, queue: queue, client: client}
	stored, err := c.access(ctx, f)
	if err != nil {
		return platforms.TokenOwner{}, err
	}
	owner := platforms.TokenOwner{}
	if inspector, ok := client.(platforms.Inspector); ok {
		owner, err = inspector.Owner(ctx, target(f.ConnectedAccount, stored))
		if err != nil && platforms.ClassOf(err) != platforms.ClassPermission { // it may be read with all the same
			return owner, err
		}
	}
	_, err = c.inspect(ctx, f, stored)
	return owner, err
}

// Problem says what was wrong and what to do, without the platform's words: they may name people.
func Problem(err error) string {
	text := err.Error()
	if advice := Advice(err); advice != "" {
		text += " " + advice
	}
	return text
}

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
