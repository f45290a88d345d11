package assembly

import (
	"context"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Connections lists how the connected accounts of all agencies are read, or those of one sub-account.
func (d *Looks) Connections(ctx context.Context, account string) ([]readmodels.ConnectionReading, error) {
	tables, err := d.parts.Tables(ctx)
	if err != nil {
		return nil, err
	}
	return readmodels.Connections{Pool: tables}.Readings(ctx, account)
}
