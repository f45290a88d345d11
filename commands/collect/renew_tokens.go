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

// pendingRotation is renewed tokens that are not stored yet. The platform takes no older ones any more.
type pendingRotation struct {
	old    []byte // the secret that they replace
	tokens commands.StoredTokens
	taken  time.Time
}

// tokens keeps the tokens of connections working.
type tokens struct {
	*parts
	locks   *commands.KeyedLock // by reference of tokens
	pending sync.Map            // pendingRotation by reference of tokens: what could not be stored
	keySaid sync.Map            // platforms whose client's key was found missing
}

// renew replaces the tokens that do not work any more, or soon. Who waited for another's renewal takes
// that one's tokens.
func (c *tokens) renew(ctx context.Context, f *fetch, failed commands.StoredTokens) (commands.StoredTokens, error) {
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
func (c *tokens) refresh(ctx, held context.Context, f *fetch, stored commands.StoredTokens) (commands.StoredTokens, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(held, cancel)()
	fresh, err := f.client.Refresh(ctx, target(f.ConnectedAccount, stored), stored.RefreshToken)
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

// afterRefusal looks whether there is another token by now than the one that failed. A refused renewal
// proves nothing where somebody else's came through: its refresh token works once.
func (c *tokens) afterRefusal(
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
func (c *tokens) save(ctx, held context.Context, f *fetch, u pendingRotation) error {
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

func (c *tokens) swap(held context.Context, ref string, u pendingRotation, sealed []byte) error {
	within, cancel := context.WithTimeout(context.WithoutCancel(held), storeTry)
	defer cancel()
	return c.Secrets.Swap(within, ref, u.old, sealed, u.tokens.Times(u.taken))
}

// secretStore keeps sealed secrets; it is never the log.
type secretStore interface {
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
// processes by a lease, because a refresh token may work once: two renewals at a time would lose the
// connection. Held is as with [secretStore].
func (c *tokens) alone(ctx context.Context, ref string) (held context.Context, release func(), err error) {
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
		return stored, nil // it is good until it is refused, and what is wrong may pass until then
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
		return stored, nil, errors.New("read tokens of connection: the stored secret is not one of ours")
	}
	return stored, raw, nil
}

// verified notes with the stored tokens whose they are. If that fails they are asked again the next time.
func (c *tokens) verified(ctx context.Context, f *fetch, tokens commands.StoredTokens) {
	c.annotate(ctx, f, tokens, func(t *commands.StoredTokens) { t.VerifiedAs = f.ExternalID })
}

// annotate notes with the stored tokens what the platform has said of them. It waits for renewals of the same tokens: a
// note that came between what a renewal replaces and its storing would pass for a sign-in, and the renewed token be lost.
func (c *tokens) annotate(ctx context.Context, f *fetch, tokens commands.StoredTokens, note func(*commands.StoredTokens)) {
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
func (c *tokens) newer(ctx context.Context, f *fetch, failed commands.StoredTokens) (commands.StoredTokens, error) {
	stored, _, err := c.load(ctx, f.SecretRef)
	if err == nil && stored.AccessToken == failed.AccessToken {
		err = platforms.ErrNoRefresh
	}
	return stored, err
}

// inspect asks what tokens may do and until when, and notes it with them; they come back with it. A platform that does not say
// is not asked.
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

// inspects tells whether a platform says what tokens may do, whose tokens are looked at every day then although none is renewed.
func (c *tokens) inspects(platform domain.Platform) bool {
	client, err := c.Client(platform)
	inspector, ok := client.(platforms.Inspector)
	return err == nil && ok && inspector.Inspects(platforms.Target{})
}
