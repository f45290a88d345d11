package main

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
)

// forgetEvery is how often secrets of what was deleted are looked for. A tombstone's predecessor, which names
// the secret, stays in the log for a day or more (min.compaction.lag.ms).
const forgetEvery = time.Hour

// forgetSecrets deletes the secrets of deleted connections and users, at the start and then every hour.
func (a *app) forgetSecrets(ctx context.Context) {
	select {
	case <-a.Monitor.Live():
	case <-ctx.Done():
		return
	}
	ticker := time.NewTicker(forgetEvery)
	defer ticker.Stop()
	for {
		deleted, err := a.forgetOnce(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			a.logger.Warn("secrets of deleted connections and users are not deleted; tried again in an hour", "error", err)
		case deleted > 0:
			a.logger.Info("secrets of deleted connections and users are deleted", "secrets", deleted)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// forgetOnce does it once. A directory that does not fit its tables may be another log, whose tombstones are
// about others.
func (a *app) forgetOnce(ctx context.Context) (int, error) {
	if problem := a.Monitor.Problem(projections.Directory{}.Name()); problem != nil {
		return 0, problem
	}
	return commands.ForgetSecrets{
		Directory: func(ctx context.Context, each func(domain.Recorded, error)) error {
			return scanDirectory(ctx, a.Log, each)
		},
		Secrets: vault.NewEraser(a.KeptPool), Now: time.Now,
	}.Forget(ctx)
}
