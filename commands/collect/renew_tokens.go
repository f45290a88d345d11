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

type tokens struct {
	*parts
	keyWarned sync.Map // platforms for which a missing client key was logged
	kept      sync.Map // *renewal that could not be stored yet, by secret reference
}

// renewal is a renewed token and what it replaces.
type renewal struct {
	domain.FetchTask
	claim       string
	old, sealed []byte
	times       domain.SecretTimes
}

// Limits of a renewal. The claim outlasts the call to the platform and the attempts to store its
// result, so that no other process renews the same token meanwhile.
const (
	renewalCall   = 30 * time.Second // including a wait for the quota
	storeFor      = time.Minute      // all attempts of a reading to store the renewed token
	storeTry      = 5 * time.Second  // one attempt
	storeAtEnd    = 4 * time.Second  // all further attempts after the claim of the reading expires or the process stops
	storeKeptGap  = 2 * time.Second  // between further attempts while the process lives
	renewalLasts  = renewalCall + storeFor + 2*storeTry
	firstStoreGap = 100 * time.Millisecond
	mostStoreGap  = 2 * time.Second
	lookForEnd    = 50 * time.Millisecond // how often a process that waits for a renewal looks for its end
)

// renew replaces tokens that no longer work, or will soon stop working. If another process has
// renewed them in the meantime, it returns the renewed tokens.
func (t *tokens) renew(ctx context.Context, f *fetch, failed commands.StoredTokens) (commands.StoredTokens, error) {
	if kept, ok := t.kept.Load(f.SecretRef); ok {
		if err := t.storeKept(ctx, kept.(*renewal)); err != nil { //nolint:forcetypeassert // save stores no other
			return failed, err
		}
	}
	stored, raw, claim, err := t.claim(ctx, f, failed)
	if err != nil || claim.ID == "" {
		return stored, err
	}
	calling, cancel := context.WithTimeout(ctx, renewalCall)
	defer cancel()
	renewed, err := t.refresh(calling, f, stored)
	if err != nil {
		t.endRenewal(ctx, f, claim)
		stored, err = t.afterRefusal(ctx, f, failed, err)
		if e, ok := errors.AsType[*platforms.Error](err); ok && claim.Unfinished && dead(err) {
			lost := *e
			lost.Reason = domain.StatusRenewalLost
			err = &lost
		}
		return stored, err
	}
	if err := t.save(ctx, f, claim.ID, raw, renewed); err != nil {
		return stored, err
	}
	// Read again: if a person has signed in meanwhile, the tokens of that sign-in were kept.
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTry)
	defer cancel()
	stored, _, err = t.load(within, f.SecretRef)
	return stored, err
}

// claim claims the renewal of the stored tokens, and waits while another process renews them. A
// refresh token may work only once, so two concurrent renewals would invalidate each other's tokens.
// claim is empty if other tokens than the failed ones are stored by now.
func (t *tokens) claim(
	ctx context.Context, f *fetch, failed commands.StoredTokens,
) (stored commands.StoredTokens, raw []byte, claim domain.RenewalClaim, err error) {
	for {
		f.reloadedAt = t.clock()
		if stored, raw, err = t.load(ctx, f.SecretRef); err != nil {
			return stored, nil, domain.RenewalClaim{}, err
		}
		if stored.AccessToken != failed.AccessToken && !stored.Expired(t.Now()) {
			return stored, raw, domain.RenewalClaim{}, nil
		}
		claim, err = t.Secrets.ClaimRenewal(ctx, f.SecretRef, raw, renewalLasts)
		switch {
		case err == nil:
			return stored, raw, claim, nil
		case !errors.Is(err, domain.ErrSecretRenewing) && domain.CodeOf(err) != domain.CodeConflict:
			return failed, nil, domain.RenewalClaim{}, fmt.Errorf("claim a token renewal: %w", err)
		}
		if err := pause(ctx, lookForEnd); err != nil {
			return failed, nil, domain.RenewalClaim{}, fmt.Errorf("wait for token renewal: %w", err)
		}
	}
}

// pause waits for a time. It returns an error if ctx is done before.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *tokens) endRenewal(ctx context.Context, f *fetch, claim domain.RenewalClaim) {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTry)
	defer cancel()
	if err := t.Secrets.EndRenewal(within, f.SecretRef, claim); err != nil { // the claim expires
		t.Logger.WarnContext(ctx, "end token renewal", "connection", f.ConnectionID, "error", err)
	}
}

// refresh renews tokens. It may wait for the quota.
func (t *tokens) refresh(ctx context.Context, f *fetch, stored commands.StoredTokens) (commands.StoredTokens, error) {
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
func (t *tokens) afterRefusal(
	ctx context.Context, f *fetch, failed commands.StoredTokens, refusal error,
) (commands.StoredTokens, error) {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTry)
	defer cancel()
	stored, _, err := t.load(within, f.SecretRef)
	switch {
	case err != nil && dead(refusal):
		return failed, fmt.Errorf("%w (after: %s)", err, refusal.Error()) // it is unknown whether the token is dead
	case err == nil && stored.AccessToken != failed.AccessToken && !stored.Expired(t.Now()):
		return stored, nil
	case failed.Expired(t.Now()):
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

// save stores renewed tokens before they are used, because a lost refresh token cannot be
// recovered. If a person has signed in meanwhile, the tokens of that sign-in take precedence. What
// cannot be stored is kept while the process lives.
func (t *tokens) save(ctx context.Context, f *fetch, claim string, old []byte, renewed commands.StoredTokens) error {
	sealed, err := commands.EncodeTokens(renewed)
	if err != nil {
		return err
	}
	r := &renewal{f.FetchTask, claim, old, sealed, renewed.Times(t.Now())}
	done, timer := ctx.Done(), time.NewTimer(storeFor)
	defer timer.Stop()
	for gap := firstStoreGap; ; gap = min(2*gap, mostStoreGap) {
		if _, err = t.store(ctx, r); err == nil {
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
		}
		t.kept.Store(f.SecretRef, r)
		t.Logger.ErrorContext(ctx, "renewed token not stored; this process keeps it and tries again until it stops. If the "+
			"platform no longer accepts the stored one then, a person must sign in again",
			"connection", f.ConnectionID, "platform", f.Platform.String(), "error", err)
		return err
	}
}

// store makes one attempt to store a renewed token, unless another one is stored by now.
func (t *tokens) store(ctx context.Context, r *renewal) (stored bool, err error) {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTry)
	defer cancel()
	err = t.Secrets.Swap(within, r.SecretRef, r.claim, r.old, r.sealed, r.times)
	if domain.CodeOf(err) == domain.CodeConflict {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("store renewed token: %w", err)
	}
	return true, nil
}

// storeKept stores a renewed token that could not be stored when it was renewed. Its time is now: if
// another process has tried the old token meanwhile and recorded that the new one is lost, for
// whichever connection, that ends.
func (t *tokens) storeKept(ctx context.Context, r *renewal) error {
	late := *r
	late.times.Taken = t.clock()
	stored, err := t.store(ctx, &late)
	if err == nil && !stored {
		stored, err = t.storeOver(ctx, &late)
	}
	if err != nil {
		return err
	}
	t.kept.CompareAndDelete(r.SecretRef, r)
	message := "renewed token stored late"
	if !stored {
		message = "renewed token not stored: it was stored already, or a person has signed in, or the connection has ended"
	}
	t.Logger.WarnContext(ctx, message, "connection", r.ConnectionID)
	return nil
}

// storeOver stores a renewed token in place of the one that it renews if only what is known about that
// one has changed.
func (t *tokens) storeOver(ctx context.Context, r *renewal) (stored bool, err error) {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTry)
	defer cancel()
	current, raw, err := t.load(within, r.SecretRef)
	if errors.Is(err, errNoToken) {
		return false, nil
	}
	var old commands.StoredTokens
	if err != nil || json.Unmarshal(r.old, &old) != nil ||
		current.AccessToken != old.AccessToken || current.RefreshToken != old.RefreshToken {
		return false, err
	}
	r.old = raw
	return t.store(ctx, r)
}

func (t *tokens) storeAllKept(ctx context.Context) {
	t.kept.Range(func(_, kept any) bool {
		_ = t.storeKept(ctx, kept.(*renewal)) //nolint:forcetypeassert // save stores no other; tried again
		return ctx.Err() == nil
	})
}

// endOf finds out whether the refusal of a page's own token ends only the reading of this page, or
// the grant. It asks the platform about the token of the person, from which that of the page was
// derived. The error is the refusal unless the platform does not answer.
func (t *tokens) endOf(ctx context.Context, f *fetch, refusal error) error {
	stored, _, err := t.load(ctx, f.SecretRef)
	own := stored.Pages[f.ExternalID]
	if err != nil || own == "" || own == stored.AccessToken {
		return refusal
	}
	person := target(f.ConnectedAccount, commands.StoredTokens{AccessToken: stored.AccessToken, OwnLogin: stored.OwnLogin})
	f.pageEnded = true
	inspector, ok := f.client.(platforms.Inspector)
	expired := !stored.PersonUntil.IsZero() && !t.Now().Before(stored.PersonUntil)
	if platforms.StatusCodeOf(refusal) == domain.StatusRoleLost || expired || !ok || !inspector.Inspects(person) {
		return refusal
	}
	switch _, err = inspector.Inspect(ctx, person); {
	case platforms.KindOf(err) == domain.StatusRefused:
		f.pageEnded = false
	case platforms.KindOf(err).Temporary():
		return fmt.Errorf("%w (after: %s)", err, refusal.Error())
	}
	return refusal
}

// secretStore stores sealed secrets, outside the log.
type secretStore interface {
	Get(ctx context.Context, ref string) ([]byte, error)
	// GetMany returns the existing secrets that can be opened.
	GetMany(ctx context.Context, refs []string) (map[string][]byte, error)
	// ClaimRenewal claims the renewal of the stored secret old. Until the claim expires, or the secret
	// is replaced, or EndRenewal is called, only its holder and sign-ins replace the secret. Errors:
	// [domain.CodeConflict] if a different secret is stored, [domain.ErrSecretRenewing] if another
	// process has the claim.
	ClaimRenewal(ctx context.Context, ref string, old []byte, lasts time.Duration) (domain.RenewalClaim, error)
	EndRenewal(ctx context.Context, ref string, claim domain.RenewalClaim) error
	// Swap replaces old with secret and ends the renewal with the claim. Errors are those of
	// ClaimRenewal. If times.Taken is zero, the time of the old secret is kept.
	Swap(ctx context.Context, ref, claim string, old, secret []byte, times domain.SecretTimes) error
}

// lastMoment is how long before its expiry a reading renews the token that it needs, in case the
// token check is late.
const lastMoment = 5 * time.Minute

// access returns the tokens for reading the account: those loaded at the start of the round, or the
// stored ones. Outdated tokens do no harm: if the platform refuses a token, the stored one is read
// again before it is renewed.
func (t *tokens) access(ctx context.Context, f *fetch) (commands.StoredTokens, error) {
	var stored commands.StoredTokens
	if json.Unmarshal(f.secret, &stored) != nil || stored.AccessToken == "" {
		var err error
		if stored, _, err = t.load(ctx, f.SecretRef); err != nil {
			return stored, err
		}
	}
	if stored.ExpiresAt.IsZero() || t.Now().Add(lastMoment).Before(stored.ExpiresAt) {
		return stored, nil
	}
	renewed, err := t.renew(ctx, f, stored)
	if err != nil && (errors.Is(err, platforms.ErrNoRefresh) || t.Now().Before(stored.ExpiresAt)) {
		return stored, nil // try the token: the problem may be temporary
	}
	return renewed, err
}

func (t *tokens) load(ctx context.Context, ref string) (stored commands.StoredTokens, raw []byte, err error) {
	if ref == "" {
		return stored, nil, errNoToken
	}
	raw, err = t.Secrets.Get(ctx, ref)
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
func (t *tokens) verified(ctx context.Context, f *fetch, tokens commands.StoredTokens) {
	t.annotate(ctx, f, tokens, func(stored *commands.StoredTokens) { stored.VerifiedAs = f.ExternalID })
}

// annotate stores what the platform reported about the tokens, unless other tokens are stored by
// now, or a process renews them: a change before the renewed token is stored would look like a
// sign-in, and the renewed token would be lost.
func (t *tokens) annotate(
	ctx context.Context, f *fetch, tokens commands.StoredTokens, note func(*commands.StoredTokens),
) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTry)
	defer cancel()
	stored, raw, err := t.load(ctx, f.SecretRef)
	if err != nil || stored.AccessToken != tokens.AccessToken {
		return
	}
	note(&stored)
	sealed, err := commands.EncodeTokens(stored)
	if err == nil {
		err = t.Secrets.Swap(ctx, f.SecretRef, "", raw, sealed, stored.Times(time.Time{}))
	}
	if err != nil && domain.CodeOf(err) != domain.CodeConflict && !errors.Is(err, domain.ErrSecretRenewing) {
		t.Logger.WarnContext(ctx, "token details not stored", "connection", f.ConnectionID, "error", err)
	}
}

func (t *tokens) newer(ctx context.Context, f *fetch, failed commands.StoredTokens) (commands.StoredTokens, error) {
	stored, _, err := t.load(ctx, f.SecretRef)
	if err == nil && stored.AccessToken == failed.AccessToken {
		err = platforms.ErrNoRefresh
	}
	return stored, err
}

// inspect asks the platform for the permissions and expiry of tokens, stores them, and returns the
// updated tokens.
func (t *tokens) inspect(ctx context.Context, f *fetch, stored commands.StoredTokens) (commands.StoredTokens, error) {
	at := target(f.ConnectedAccount, stored)
	inspector, ok := f.client.(platforms.Inspector)
	if !ok || !inspector.Inspects(at) {
		return stored, nil
	}
	facts, err := inspector.Inspect(ctx, at)
	if err != nil {
		return stored, err
	}
	note := func(saved *commands.StoredTokens) {
		saved.Granted, saved.DataAccessUntil = facts.Granted, facts.DataAccessUntil
		if !facts.ExpiresAt.IsZero() {
			saved.ExpiresAt = facts.ExpiresAt
		}
	}
	t.annotate(ctx, f, stored, note)
	note(&stored)
	return stored, nil
}

// inspects reports whether the platform can inspect tokens. They are then checked every day, even
// if they cannot be renewed.
func (t *tokens) inspects(platform domain.Platform) bool {
	client, err := t.Client(platform)
	inspector, ok := client.(platforms.Inspector)
	return err == nil && ok && inspector.Inspects(platforms.Target{})
}
