package upkeep

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// forgetEvery is how often secrets of what was deleted are looked for. A tombstone's predecessor, which names
// the secret, stays in the log for a day or more (min.compaction.lag.ms).
const forgetEvery = time.Hour

// purgeEvery is how long the tokens of a sign-in may outlive the time to choose.
const purgeEvery = time.Minute

// PurgeSignIns deletes what has expired of sign-ins, links and grants, until ctx is done.
func (u *Upkeep) PurgeSignIns(ctx context.Context) {
	for on := true; on; on = pause(ctx, purgeEvery) {
		if err := (vault.Connecting{Pool: u.config.Vault}).Purge(ctx, time.Now()); err != nil && ctx.Err() == nil {
			u.config.Logger.Warn("what has expired of sign-ins is not deleted; tried again in a minute", "error", err)
		}
	}
}

// TidySecrets deletes the secrets of deleted connections and users, and what platforms said 30 days ago, until ctx is done:
// once all read models are made, and then every hour.
func (u *Upkeep) TidySecrets(ctx context.Context) {
	select {
	case <-u.config.Monitor.Made():
	case <-ctx.Done():
		return
	}
	for on := true; on; on = pause(ctx, forgetEvery) {
		deleted, err := u.ForgetSecrets(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			u.config.Logger.Warn("secrets of deleted connections and users are not deleted; tried again in an hour", "error", err)
		case deleted > 0:
			u.config.Logger.Info("secrets of deleted connections and users are deleted", "secrets", deleted)
		}
		if _, err := u.ForgetWords(ctx, time.Now()); err != nil && ctx.Err() == nil {
			u.config.Logger.Warn("what platforms said 30 days ago is not deleted; tried again in an hour", "error", err)
		}
	}
}

// ForgetSecrets deletes them once and tells how many there were. A directory that does not fit its tables may be
// another log, whose tombstones are about others.
func (u *Upkeep) ForgetSecrets(ctx context.Context) (int, error) {
	if problem := u.config.Monitor.MayCommand(projectors.Directory.Name); problem != nil {
		return 0, problem
	}
	return commands.ForgetSecrets{
		Directory: u.config.Directory, Delete: vault.NewEraser(u.config.Vault).DeleteStale, Now: time.Now,
	}.Forget(ctx)
}

// ForgetWords deletes once what platforms said 30 days before an instant or earlier, and tells how much it was.
func (u *Upkeep) ForgetWords(ctx context.Context, now time.Time) (int, error) {
	return vault.NewEraser(u.config.Vault).ForgetWords(ctx, now)
}
