package desk

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Connections lists how connected accounts are read.
func (d *Looks) Connections(ctx context.Context, q readmodels.ReadingsQuery) ([]readmodels.ConnectionReading, error) {
	tables, err := d.tables(ctx)
	if err != nil {
		return nil, err
	}
	return readmodels.Connections{Pool: tables}.Readings(ctx, q, time.Now())
}

// KnowConnections refuses ids of which one is no connection's, and says which.
func (d *Looks) KnowConnections(ctx context.Context, ids []int64) error {
	for _, id := range ids {
		_, err := d.connection(ctx, strconv.FormatInt(id, 10))
		if errors.Is(err, readmodels.ErrConnectionNotFound) {
			return domain.NewError(domain.CodeNotFound,
				"The directory does not know connection %d; 'ledgerboard connections list' shows those that it knows. Nothing was changed.", id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// connection is what an action on one names. A pause is found by the id as PostgreSQL writes it.
func (d *Looks) connection(ctx context.Context, name string) (on domain.OperatorTarget, err error) {
	id, err := strconv.ParseInt(name, 10, 64)
	if err != nil || strconv.FormatInt(id, 10) != name {
		return on, domain.NewError(domain.CodeInvalid, "%.40q is not the id of a connection; 'ledgerboard connections list' shows them.", name)
	}
	tables, err := d.tables(ctx)
	if err != nil {
		return on, err
	}
	place, err := readmodels.Connections{Pool: tables}.TokenPlace(ctx, id)
	return domain.OperatorTarget{Connection: id, Platform: place.Platform}, err
}
