package collect

import (
	"context"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// lookAtTokens is the maximum time between two checks of a token: its expiry may be unknown, or a
// new sign-in may have changed it.
const lookAtTokens = day

// renewAfter is the minimum age at which a token that renews itself can be renewed. A token without
// a known expiry is renewed at this age, because the response contains the new expiry.
const renewAfter = day

func (t *tokens) refreshAhead(ctx context.Context, f *fetch) (result fetched, err error) {
	stored, _, err := t.load(ctx, f.SecretRef)
	if err != nil {
		return result, err
	}
	ahead := f.Platform.Facts().RenewedAhead
	endless := stored.ExpiresAt.IsZero() && stored.OwnLogin && f.TokenTakenAt != nil
	if endless && !t.Now().Before(f.TokenTakenAt.Add(renewAfter)) ||
		!stored.ExpiresAt.IsZero() && !t.Now().Add(ahead).Before(stored.ExpiresAt) {
		if stored, err = t.renew(ctx, f, stored); err != nil && !errors.Is(err, platforms.ErrNoRefresh) {
			return result, err
		}
	}
	inspected, err := t.inspect(ctx, f, stored)
	switch {
	case platforms.KindOf(err) == domain.StatusRefused: // the platform no longer accepts the token
		return result, err
	case err != nil:
		t.Logger.WarnContext(ctx, "token permissions unknown",
			"connection", f.ConnectionID, "platform", f.Platform.String(), "error", err)
	}
	stored = inspected
	now := t.clock()
	if end := stored.SignInBefore(); !end.IsZero() && end.Before(now.Add(signInAhead)) {
		t.Logger.WarnContext(ctx,
			"a person must sign in again before the token expires, provides no more data, or can no longer be renewed",
			"before", end, "connection", f.ConnectionID, "platform", f.Platform.String())
	}
	next := now.Add(lookAtTokens)
	soon := stored.ExpiresAt.Add(-ahead)
	if endless {
		soon = f.TokenTakenAt.Add(renewAfter)
	}
	if soon.Before(next) && soon.After(now) {
		next = soon
	}
	result.DueAt = next.UTC().Truncate(time.Microsecond)
	return result, nil
}

// signInAhead is how long before a sign-in becomes necessary it is reported, so that there is time
// to find the person.
const signInAhead = 14 * day

// lookAhead reports how many accounts of a platform will need a sign-in, and whether our client key
// is missing.
func (t *tokens) lookAhead(ctx context.Context, platform domain.Platform, now time.Time) error {
	accounts, due, err := t.Connections.SignInsDue(ctx, platform, now, now.Add(signInAhead))
	if err != nil {
		return err
	}
	t.metrics.signIns.WithLabelValues(platform.String()).Set(float64(due))
	if set := t.NotRenewable[platform]; set != "" && accounts > 0 {
		if _, logged := t.keyWarned.LoadOrStore(platform, true); !logged {
			t.Logger.ErrorContext(ctx, "tokens cannot be renewed: the client key is missing",
				"platform", platform.String(), "accounts", accounts, "set", set)
		}
	}
	return nil
}
