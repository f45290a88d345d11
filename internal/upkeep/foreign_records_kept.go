package upkeep

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// keepForeignEvery is how often foreign records are kept for operators while more are met.
const keepForeignEvery = time.Second

// RunForeign keeps foreign records for operators, until ctx is done. What a process that is killed has met and not kept, the daily check of
// the tables meets again.
func (u *Upkeep) RunForeign(ctx context.Context) {
	kept := map[domain.Position]bool{}
	store := vault.NewForeignRecords(u.config.Vault, u.config.Log.Epoch().Log.String())
	for on := true; on; on = pause(ctx, keepForeignEvery) {
		select {
		case <-ctx.Done():
			return
		case <-u.config.Log.MoreForeign():
		}
		for err := u.keepMet(ctx, store, kept); err != nil && pause(ctx, keepForeignEvery); err = u.keepMet(ctx, store, kept) {
			u.config.Logger.WarnContext(ctx, "foreign records were not kept; it is tried again in a second", "error", err)
		}
	}
}

// keepMet keeps the foreign records that were met and are not kept yet.
func (u *Upkeep) keepMet(ctx context.Context, store *vault.ForeignRecords, kept map[domain.Position]bool) error {
	var more []domain.ForeignRecord
	for _, r := range u.config.Log.Foreign() {
		if !kept[r.Position] {
			more = append(more, r)
		}
	}
	if len(more) == 0 {
		return nil
	}
	if err := store.Keep(ctx, more); err != nil {
		return err
	}
	for _, r := range more {
		kept[r.Position] = true
	}
	return nil
}
