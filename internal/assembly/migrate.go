package assembly

import (
	"context"

	"github.com/ledgerboard/ledgerboard/internal/scheduler"
	"github.com/ledgerboard/ledgerboard/migrations"
)

// Migrate brings all schemas to this version: what every start does first. Where they are, it needs no
// right to create anything.
func Migrate(ctx context.Context, databaseURL string) error {
	if err := migrations.Up(ctx, databaseURL); err != nil {
		return err
	}
	return scheduler.Migrate(ctx, databaseURL)
}
