package collect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// rotating is a platform whose refresh tokens work once. The tokens of each sign-in are a family of
// their own.
type rotating struct {
	mu      sync.Mutex
	newest  []int    // by family, how often its tokens were renewed
	replays []string // tokens that were used twice
}

func (r *rotating) signIn() (family int, tokens collect.NewTokens) {
	r.mu.Lock()
	defer r.mu.Unlock()
	family = len(r.newest)
	r.newest = append(r.newest, 0)
	return family, collect.NewTokens{
		AccessToken: fmt.Sprintf("A.%d.0", family), RefreshToken: fmt.Sprintf("R.%d.0", family), ExpiresAt: soon,
	}
}

// soon is the end of all tokens: each check renews them.
var soon = fetchDay.Add(time.Minute)

func (r *rotating) refresh(token string) (platforms.Tokens, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var family, renewals int
	if _, err := fmt.Sscanf(token, "R.%d.%d", &family, &renewals); err != nil {
		return platforms.Tokens{}, err
	}
	if renewals != r.newest[family] {
		r.replays = append(r.replays, token)
		return platforms.Tokens{}, &platforms.Error{Reason: domain.StatusRefused, Platform: domain.TikTok, Op: "token"}
	}
	r.newest[family]++
	return platforms.Tokens{
		AccessToken: fmt.Sprintf("A.%d.%d", family, renewals+1), RefreshToken: fmt.Sprintf("R.%d.%d", family, renewals+1), ExpiresAt: soon,
	}, nil
}

// change is a store of a family's tokens, or a deletion (family -1), with its begin and end.
type change struct {
	family     int
	begin, end int64
	imported   bool
}

// tokenHistory is what was stored for a connection and deleted.
type tokenHistory struct {
	connected

	mu      sync.Mutex
	changes []change
}

func (t *tokenHistory) add(c change) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changes = append(t.changes, c)
}

// laterThan returns the changes that began after c ended.
func (t *tokenHistory) laterThan(c change) (later []change) {
	for _, other := range t.changes {
		if other.begin > c.end {
			later = append(later, other)
		}
	}
	return later
}

// tokenProcess is one process: its own vault, collector and use cases.
type tokenProcess struct {
	*fetchStage
	platform *rotating
	vault    *vault.Secrets
	eraser   vault.Eraser
	grants   vault.Connecting
	collect  *collect.Collector
	now      func() time.Time
	instant  *atomic.Int64
}

func (t *tokenProcess) stored(h *tokenHistory, family int, store func() (stored bool, err error)) error {
	c := change{family: family, begin: t.instant.Add(1)}
	ok, err := store()
	c.end = t.instant.Add(1)
	if err == nil && ok {
		h.add(c)
	}
	return err
}

func (t *tokenProcess) tokensOf(given collect.NewTokens) commands.StoredTokens {
	return commands.StoredTokens{AccessToken: given.AccessToken, RefreshToken: given.RefreshToken, ExpiresAt: given.ExpiresAt}
}

// signIn is a sign-in in ledgerboard.
func (t *tokenProcess) signIn(ctx context.Context, h *tokenHistory) error {
	family, given := t.platform.signIn()
	return t.stored(h, family, func() (bool, error) {
		tokens := t.tokensOf(given)
		sealed, err := commands.EncodeTokens(tokens)
		if err == nil {
			err = t.vault.Put(ctx, h.ref, sealed, tokens.Times(t.now()))
		}
		if errors.Is(err, vault.ErrSwapped) { // there was a later one
			return false, nil
		}
		return true, err
	})
}

func (t *tokenProcess) handOverOne(ctx context.Context, h *tokenHistory) error {
	family, given := t.platform.signIn()
	return t.stored(h, family, func() (bool, error) {
		use := t.handOver()
		use.Secrets, use.Now = t.vault, t.now
		_, err := use.HandOver(ctx, h.ConnectionID, given)
		if domain.CodeOf(err) == domain.CodeUnavailable { // others stored theirs each time
			return false, nil
		}
		return true, err
	})
}

// importing is the vault and the tables for an import: the connection waits for a sign-in when it looks
// first. The sign-in may come then.
type importing struct {
	*vault.Secrets
	process *tokenProcess
	history *tokenHistory
	looked  bool
	read    int64 // when the stored tokens were read last
}

func (i *importing) Get(ctx context.Context, ref string) ([]byte, error) {
	raw, err := i.Secrets.Get(ctx, ref)
	i.read = i.process.instant.Add(1)
	if rand.IntN(3) == 0 {
		if failed := i.process.signIn(ctx, i.history); failed != nil {
			return nil, failed
		}
	}
	return raw, err
}

func (i *importing) TokenPlace(context.Context, int64) (place domain.TokenPlace, err error) {
	if !i.looked {
		i.looked, place.StateCode, place.StateAt = true, domain.StatusRefused, new(fetchDay)
	}
	return place, nil
}

func (t *tokenProcess) importOne(ctx context.Context, h *tokenHistory) error {
	family, given := t.platform.signIn()
	from := &importing{Secrets: t.vault, process: t, history: h}
	outcome, err := commands.Import{Secrets: from, Places: from, Now: t.now()}.SealTokens(ctx,
		domain.DirectoryConnection{ID: h.ConnectionID, SecretRef: h.ref}, t.tokensOf(given), true)
	c := change{family: family, begin: from.read, end: t.instant.Add(1), imported: true}
	switch {
	case domain.CodeOf(err) == domain.CodeConflict, errors.Is(err, domain.ErrSecretRenewing):
		return nil
	case err == nil && (outcome == commands.SecretStored || outcome == commands.SecretReplaced):
		h.add(c)
	}
	return err
}

// disconnect deletes the tokens that it read, like the use cases that disconnect a page. A sign-in may
// come in between.
func (t *tokenProcess) disconnect(ctx context.Context, h *tokenHistory) error {
	c := change{family: -1, begin: t.instant.Add(1)}
	signedIn, err := t.vault.SignedInAt(ctx, h.ref)
	c.end = t.instant.Add(1)
	if err == nil && rand.IntN(3) == 0 {
		err = t.signIn(ctx, h)
	}
	h.add(c)
	return errors.Join(err, t.vault.DeleteOf(ctx, h.ref, signedIn))
}

func (t *tokenProcess) erase(ctx context.Context, h *tokenHistory) error {
	return t.stored(h, -1, func() (bool, error) { return true, t.eraser.DeleteConnection(ctx, h.ConnectionID, h.ref) })
}

// shared is a grant that two connections use; one of them comes and goes.
var shared = domain.Grant{GrantKey: domain.GrantKey{Platform: domain.TikTok, App: "app", Person: "77"}, ConsentedAt: fetchDay}

const comes, stays = 501, 502

// leastRenewals are made however slow the machine is.
const leastRenewals = 20

// share attaches a connection to the grant, and detaches or erases it again.
func (t *tokenProcess) share(ctx context.Context, erase bool) error {
	err := t.grants.KeepGrant(ctx, shared, comes)
	if err != nil || erase {
		return errors.Join(err, t.eraser.DeleteConnection(ctx, comes, shared.SecretRef()))
	}
	consent, err := t.grants.ConsentOf(ctx, comes)
	if err != nil {
		return err
	}
	if _, left, known, err := t.grants.DetachConnection(ctx, comes, consent); err != nil || !known || left > 0 {
		return err
	}
	_, err = t.grants.DropGrant(ctx, shared.GrantKey, t.now())
	return err
}

// Two processes renew, hand over, import, disconnect and erase the same tokens at random: no token
// is renewed twice, the tokens of the newest sign-in survive with their newest renewal, and nothing
// is deleted that is in use. LEDGERBOARD_TEST_TOKENS_FOR says for how long.
func TestConcurrentTokenOperationsLoseNoToken(t *testing.T) {
	t.Parallel()
	lasts, err := time.ParseDuration(os.Getenv("LEDGERBOARD_TEST_TOKENS_FOR"))
	if err != nil {
		lasts = time.Second
	}
	s, platform := newFetchStage(t), &rotating{}
	var instant atomic.Int64
	now := func() time.Time { return fetchDay.Add(time.Duration(instant.Add(1)) * time.Millisecond) }
	var all []*tokenHistory
	for range 3 {
		all = append(all, &tokenHistory{connected: s.connect(domain.TikTok, 0)})
		s.exec(`delete from secrets where ref = $1`, all[len(all)-1].ref)
	}
	ctx := t.Context()
	var processes []*tokenProcess
	for range 2 {
		pool := ledgertest.OpenVault(t, s.log.DB.URL)
		p := &tokenProcess{
			fetchStage: s, platform: platform, vault: ledgertest.Secrets(t, pool, ledgertest.Key), eraser: vault.NewEraser(pool),
			grants: vault.Connecting{Pool: pool}, now: now, instant: &instant,
		}
		p.collect = s.process(func(c *collect.Config) {
			c.Secrets = p.vault
			renewingWith(c, func(ctx context.Context, _ platforms.Client, _ platforms.Target, token string) (platforms.Tokens, error) {
				renewed, err := platform.refresh(token)
				for _, h := range all { // something happens before the answer is stored
					switch rand.IntN(10) {
					case 0:
						err = errors.Join(err, p.signIn(ctx, h))
					case 1:
						err = errors.Join(err, p.disconnect(ctx, h))
					}
				}
				return renewed, err
			})
		})
		processes = append(processes, p)
	}
	require.NoError(t, processes[0].grants.KeepGrant(ctx, shared, stays))
	s.store(connected{ref: shared.SecretRef()}, commands.StoredTokens{AccessToken: "shared"})
	var renewals atomic.Int64
	for end := time.Now().Add(lasts); (time.Now().Before(end) || renewals.Load() < leastRenewals) && !t.Failed(); {
		var round sync.WaitGroup
		for n := range 8 {
			round.Go(func() {
				for range 5 {
					if err := processes[n%2].anything(ctx, all[rand.IntN(len(all))], &renewals); err != nil {
						t.Error(err)
					}
				}
			})
		}
		round.Wait()
		require.Empty(t, platform.replays, "tokens that were renewed twice")
		_, err = s.secrets.Get(ctx, shared.SecretRef())
		require.NoError(t, err, "a connection uses the grant")
		for _, h := range all {
			processes[0].check(h)
		}
	}
}

func (t *tokenProcess) anything(ctx context.Context, h *tokenHistory, renewals *atomic.Int64) error {
	switch rand.IntN(12) {
	case 0:
		return t.signIn(ctx, h)
	case 1:
		return t.handOverOne(ctx, h)
	case 2, 3:
		return t.importOne(ctx, h)
	case 4:
		return t.disconnect(ctx, h)
	case 5:
		return t.erase(ctx, h)
	case 6:
		return t.share(ctx, rand.IntN(2) == 0)
	default:
		if t.readOne(ctx, t.collect, domain.FetchTokens, h.connected) == nil { // an error: it has no token now
			renewals.Add(1)
		}
		return nil
	}
}

// check compares what is stored after a round with what was stored and deleted in it.
func (t *tokenProcess) check(h *tokenHistory) {
	t.t.Helper()
	stored, err := t.secrets.Get(t.t.Context(), h.ref)
	if err != nil {
		require.ErrorIs(t.t, err, vault.ErrNoSecret)
		require.True(t.t, h.mayBeGone(), "its tokens were deleted although no deletion came after the last sign-in: %v", h.changes)
		h.changes = nil
		return
	}
	var tokens commands.StoredTokens
	require.NoError(t.t, json.Unmarshal(stored, &tokens))
	var family, renewed int
	_, err = fmt.Sscanf(tokens.RefreshToken, "R.%d.%d", &family, &renewed)
	require.NoError(t.t, err)
	require.Equal(t.t, t.platform.newest[family], renewed, "the newest token of its sign-in")
	for _, c := range h.changes {
		if c.family == family {
			require.Empty(t.t, h.laterThan(c), "what came after it")
			require.False(t.t, c.imported && h.signedInDuring(c), "an import replaced tokens that it had not read: %v", h.changes)
		}
	}
	h.changes = []change{{family: family, begin: t.instant.Load(), end: t.instant.Load()}}
}

// signedInDuring reports whether tokens were stored between the look of an import and its end, and not
// deleted since.
func (t *tokenHistory) signedInDuring(c change) bool {
	return slices.ContainsFunc(t.changes, func(s change) bool {
		deleted := slices.ContainsFunc(t.changes, func(d change) bool { return d.family < 0 && d.end > s.begin })
		return s.family >= 0 && s.begin > c.begin && s.end < c.end && !deleted
	})
}

// mayBeGone reports whether a deletion came after every sign-in, or at the same time.
func (t *tokenHistory) mayBeGone() bool {
	for _, c := range t.changes {
		stored := false
		for _, later := range t.laterThan(c) {
			stored = stored || later.family >= 0
		}
		if c.family < 0 && !stored {
			return true
		}
	}
	return len(t.changes) == 0
}
