package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// SecretStore keeps sealed secrets; it is never the log.
type SecretStore interface {
	Get(ctx context.Context, ref string) ([]byte, error)
	// GetMany returns those of the refs that are there and open.
	GetMany(ctx context.Context, refs []string) (map[string][]byte, error)
	// Lease keeps other processes away from the secret until release. Held does not end with ctx: it ends at
	// the release, or before when others may not be kept away any more.
	Lease(ctx context.Context, ref string) (held context.Context, release func(), err error)
	// Swap stores a secret in the place of old; an error of [domain.CodeConflict] says that another one is
	// there, and stays. With a zero times.Taken it counts as taken when the old one was.
	Swap(ctx context.Context, ref string, old, secret []byte, times domain.SecretTimes) error
}

// lastMoment is how long before its expiry a token is renewed by who wants to use it, should the readings of tokens
// come too late.
const lastMoment = 5 * time.Minute

// alone keeps others away from a connection's tokens until release, in the process by a lock and among
// processes by a lease, because TikTok's refresh token works once: two renewals at a time would lose the
// connection. Held is as with [SecretStore].
func (c *Collector) alone(ctx context.Context, ref string) (held context.Context, release func(), err error) {
	unlock, err := c.locks.Lock(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	held, end, err := c.Secrets.Lease(ctx, ref)
	if err != nil {
		unlock()
		return nil, nil, err
	}
	return held, func() { end(); unlock() }, nil
}

// access returns the tokens to read the account with: those that were read with those of the whole claim, or they are
// read now. That they may have been renewed since does no harm: one that is refused is looked up again before it is
// renewed.
func (c *Collector) access(ctx context.Context, f *fetch) (commands.StoredTokens, error) {
	var stored commands.StoredTokens
	if json.Unmarshal(f.secret, &stored) != nil || stored.AccessToken == "" {
		var err error
		if stored, _, err = c.load(ctx, f.SecretRef); err != nil {
			return stored, err
		}
	}
	if stored.ExpiresAt.IsZero() || c.Now().Add(lastMoment).Before(stored.ExpiresAt) {
		return stored, nil
	}
	renewed, err := c.renew(ctx, f, stored)
	if err != nil && (errors.Is(err, platforms.ErrNoRefresh) || c.Now().Before(stored.ExpiresAt)) {
		return stored, nil // it is good until it is refused, and what is wrong may pass until then
	}
	return renewed, err
}

func (c *Collector) load(ctx context.Context, ref string) (stored commands.StoredTokens, raw []byte, err error) {
	if ref == "" {
		return stored, nil, errNoToken
	}
	raw, err = c.Secrets.Get(ctx, ref)
	if domain.CodeOf(err) == domain.CodeNotFound {
		return stored, nil, errors.Join(errNoToken, err)
	}
	if err != nil {
		return stored, nil, fmt.Errorf("read tokens of connection: %w", err)
	}
	if err := json.Unmarshal(raw, &stored); err != nil {
		return stored, nil, errors.New("read tokens of connection: the stored secret is not one of ours")
	}
	return stored, raw, nil
}
