package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// pendingRotation holds renewed tokens that are not stored yet. The platform may no longer accept
// the stored ones.
type pendingRotation struct {
	old    []byte // the secret to replace
	tokens commands.StoredTokens
	taken  time.Time
}

type tokens struct {
	*parts
	locks     *commands.KeyedLock // by token reference
	pending   sync.Map            // pendingRotation by token reference, for tokens that could not be stored
	keyWarned sync.Map            // platforms for which a missing client key was logged
}

// renew replaces tokens that no longer work, or will soon stop working. If another process has
// renewed them in the meantime, it returns the renewed tokens.
func (c *tokens) renew(ctx context.Context, f *fetch, failed commands.StoredTokens) (commands.StoredTokens, error) {
	leased, release, err := c.alone(ctx, f.SecretRef)
	if err != nil {
		return failed, fmt.Errorf("wait for token renewal: %w", err)
	}
	defer release()
	f.reloadedAt = c.clock()
	if u, ok := c.pending.Load(f.SecretRef); ok {
		if err := c.save(ctx, leased, f, u.(pendingRotation)); err != nil {
			return failed, err
		}
	}
	stored, raw, err := c.load(ctx, f.SecretRef)
	if err != nil {
		return stored, err
	}
	if stored.AccessToken != failed.AccessToken && !stored.Expired(c.Now()) {
		return stored, nil
	}
	renewed, err := c.refresh(ctx, leased, f, stored)
	if err != nil {
		return c.afterRefusal(leased, f, failed, err)
	}
	if err := c.save(ctx, leased, f, pendingRotation{old: raw, tokens: renewed, taken: c.Now()}); err != nil {
		return stored, err
	}
	// Read again: if a person has signed in meanwhile, the tokens of that sign-in were kept.
	within, cancel := context.WithTimeout(leased, storeTry)
	defer cancel()
	stored, _, err = c.load(within, f.SecretRef)
	return stored, err
}

// refresh renews tokens. It may wait for the quota. If ctx is done or the lease is lost before
// that, it makes no call, because two concurrent renewals would invalidate each other's tokens.
func (c *tokens) refresh(
	ctx, leased context.Context, f *fetch, stored commands.StoredTokens,
) (commands.StoredTokens, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(leased, cancel)()
	fresh, err := f.client.Refresh(outside(ctx), target(f.ConnectedAccount, stored), stored.RefreshToken)
	if err != nil {
		return stored, err
	}
	renewed := stored
	renewed.AccessToken, renewed.ExpiresAt = fresh.AccessToken, fresh.ExpiresAt
	switch rotated := fresh.RefreshToken != "" && fresh.RefreshToken != stored.RefreshToken; {
	case rotated:
		renewed.RefreshToken, renewed.RefreshExpiresAt = fresh.RefreshToken, fresh.RefreshExpiresAt
	case !fresh.RefreshExpiresAt.IsZero():
		renewed.RefreshExpiresAt = fresh.RefreshExpiresAt
	}
	if len(fresh.Scopes) > 0 {
		renewed.Granted = fresh.Scopes
	}
	if fresh.ExternalID != "" && fresh.ExternalID == f.ExternalID {
		renewed.VerifiedAs = f.ExternalID
	}
	return renewed, nil
}

// afterRefusal checks whether a token other than the failed one is stored by now. If so, another
// renewal succeeded, and the refusal of this one proves nothing: a refresh token may work only
// once.
func (c *tokens) afterRefusal(
	leased context.Context, f *fetch, failed commands.StoredTokens, refusal error,
) (commands.StoredTokens, error) {
	within, cancel := context.WithTimeout(context.WithoutCancel(leased), storeTry)
	defer cancel()
	stored, _, err := c.load(within, f.SecretRef)
	switch {
	case err != nil && dead(refusal):
		return failed, fmt.Errorf("%w (after: %s)", err, refusal.Error()) // it is unknown whether the token is dead
	case err == nil && stored.AccessToken != failed.AccessToken && !stored.Expired(c.Now()):
		return stored, nil
	case failed.Expired(c.Now()):
		return failed, signInNeeded(refusal)
	default:
		return failed, refusal
	}
}

// signInNeeded returns the refusal to renew a token that has expired. Whatever the platform's reason
// is, only a new sign-in can help, unless the reason is temporary or concerns our app.
func signInNeeded(refusal error) error {
	e, ok := errors.AsType[*platforms.Error](refusal)
	if !ok || e.Kind() == domain.StatusRetry || platforms.AboutOf(refusal) != platforms.AboutGrant {
		return refusal
	}
	expired := *e
	expired.Reason = domain.StatusExpired
	return &expired
}

// Limits for storing renewed tokens.
const (
	storeTry      = 5 * time.Second  // one attempt
	storeFor      = 30 * time.Second // all attempts; the lease is extended during this time
	storeAtEnd    = 4 * time.Second  // additional time after the claim expires or the process stops
	firstStoreGap = 100 * time.Millisecond
	mostStoreGap  = 2 * time.Second
)

// save stores renewed tokens before they are used, because a lost refresh token cannot be
// recovered. Tokens that cannot be stored are kept for the next attempt of this process. If a
// person has signed in meanwhile, the tokens of that sign-in take precedence.
func (c *tokens) save(ctx, leased context.Context, f *fetch, u pendingRotation) error {
	sealed, err := commands.EncodeTokens(u.tokens)
	if err != nil {
		return err
	}
	c.pending.Store(f.SecretRef, u)
	done, timer := ctx.Done(), time.NewTimer(storeFor)
	defer timer.Stop()
	for gap := firstStoreGap; ; gap = min(2*gap, mostStoreGap) {
		err = c.swap(leased, f.SecretRef, u, sealed)
		if err == nil || domain.CodeOf(err) == domain.CodeConflict {
			c.pending.Delete(f.SecretRef)
			return nil
		}
		select {
		case <-time.After(gap):
			continue
		case <-done:
			done = nil
			timer.Reset(storeAtEnd)
			continue
		case <-timer.C:
		case <-leased.Done():
		}
		c.Logger.ErrorContext(ctx,
			"renewed token not stored; it is kept in memory for the next attempt. "+
				"If this process exits before that, a person must sign in again",
			"connection", f.ConnectionID, "platform", f.Platform.String(), "error", err)
		return fmt.Errorf("store renewed token: %w", err)
	}
}

func (c *tokens) swap(leased context.Context, ref string, u pendingRotation, sealed []byte) error {
	within, cancel := context.WithTimeout(context.WithoutCancel(leased), storeTry)
	defer cancel()
	return c.Secrets.Swap(within, ref, u.old, sealed, u.tokens.Times(u.taken))
}

// secretStore stores sealed secrets, outside the log.
type secretStore interface {
	Get(ctx context.Context, ref string) ([]byte, error)
	// GetMany returns the existing secrets that can be opened.
	GetMany(ctx context.Context, refs []string) (map[string][]byte, error)
	// Lease gives this process exclusive access to the secret until release is called. leased is
	// not canceled with ctx. It is canceled at the release, or earlier if the lease is lost.
	Lease(ctx context.Context, ref string) (leased context.Context, release func(), err error)
	// Swap replaces old with secret. An error of [domain.CodeConflict] means that a different
	// secret is stored, which is kept. If times.Taken is zero, the time of the old secret is kept.
	Swap(ctx context.Context, ref string, old, secret []byte, times domain.SecretTimes) error
}

// lastMoment is how long before its expiry a reading renews the token that it needs, in case the
// token check is late.
const lastMoment = 5 * time.Minute

// alone gives exclusive access to a connection's tokens until release is called, by a lock within
// the process and a lease among processes. A refresh token may work only once, so two concurrent
// renewals would invalidate each other's tokens. leased is that of [secretStore].
func (c *tokens) alone(ctx context.Context, ref string) (leased context.Context, release func(), err error) {
	unlock, err := c.locks.Lock(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	leased, end, err := c.Secrets.Lease(ctx, ref)
	if err != nil {
		unlock()
		return nil, nil, err
	}
	return leased, func() { end(); unlock() }, nil
}

// access returns the tokens for reading the account: those loaded at the start of the round, or the
// stored ones. Outdated tokens do no harm: if the platform refuses a token, the stored one is read
// again before it is renewed.
func (c *tokens) access(ctx context.Context, f *fetch) (commands.StoredTokens, error) {
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
		return stored, nil // try the token: the problem may be temporary
	}
	return renewed, err
}

func (c *tokens) load(ctx context.Context, ref string) (stored commands.StoredTokens, raw []byte, err error) {
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
		return stored, nil, errors.New("read tokens of connection: the stored secret is not in the expected format")
	}
	return stored, raw, nil
}

// verified stores that the tokens belong to the account. If that fails, the next reading verifies
// the owner again.
func (c *tokens) verified(ctx context.Context, f *fetch, tokens commands.StoredTokens) {
	c.annotate(ctx, f, tokens, func(t *commands.StoredTokens) { t.VerifiedAs = f.ExternalID })
}

// annotate stores what the platform reported about the tokens. It waits for a running renewal of
// the same tokens: a change of the stored secret before the renewed token is stored would look like
// a sign-in, and the renewed token would be lost.
func (c *tokens) annotate(
	ctx context.Context, f *fetch, tokens commands.StoredTokens, note func(*commands.StoredTokens),
) {
	leased, release, err := c.alone(ctx, f.SecretRef)
	if err != nil {
		c.Logger.WarnContext(ctx, "token details not stored", "connection", f.ConnectionID, "error", err)
		return
	}
	defer release()
	ctx, cancel := context.WithTimeout(leased, storeTry)
	defer cancel()
	stored, raw, err := c.load(ctx, f.SecretRef)
	if err != nil || stored.AccessToken != tokens.AccessToken {
		return // a different token is stored now
	}
	note(&stored)
	sealed, err := commands.EncodeTokens(stored)
	if err == nil {
		err = c.Secrets.Swap(ctx, f.SecretRef, raw, sealed, stored.Times(time.Time{}))
	}
	if err != nil && domain.CodeOf(err) != domain.CodeConflict {
		c.Logger.WarnContext(ctx, "token details not stored", "connection", f.ConnectionID, "error", err)
	}
}

func (c *tokens) newer(ctx context.Context, f *fetch, failed commands.StoredTokens) (commands.StoredTokens, error) {
	stored, _, err := c.load(ctx, f.SecretRef)
	if err == nil && stored.AccessToken == failed.AccessToken {
		err = platforms.ErrNoRefresh
	}
	return stored, err
}

// inspect asks the platform for the permissions and expiry of tokens, stores them, and returns the
// updated tokens.
func (c *tokens) inspect(ctx context.Context, f *fetch, stored commands.StoredTokens) (commands.StoredTokens, error) {
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

// inspects reports whether the platform can inspect tokens. They are then checked every day, even
// if they cannot be renewed.
func (c *tokens) inspects(platform domain.Platform) bool {
	client, err := c.Client(platform)
	inspector, ok := client.(platforms.Inspector)
	return err == nil && ok && inspector.Inspects(platforms.Target{})
}
