package operations

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// Connections lists the connected accounts and how they are read.
func (d *Views) Connections(ctx context.Context, q directory.ReadingsQuery) ([]directory.ConnectionReading, error) {
	tables, err := d.tables(ctx)
	if err != nil {
		return nil, err
	}
	return directory.Connections{Pool: tables}.Readings(ctx, q, time.Now())
}

// connection returns the target with an id, which must have the canonical decimal form by which
// pauses are stored. A paused connection may no longer exist.
func (d *Views) connection(ctx context.Context, name string) (on domain.OperatorTarget, err error) {
	tables, err := d.tables(ctx)
	if err != nil {
		return on, err
	}
	id, err := strconv.ParseInt(name, 10, 64)
	if err != nil || strconv.FormatInt(id, 10) != name {
		id = 0 // no connection has id 0
	}
	place, err := directory.Connections{Pool: tables}.TokenPlace(ctx, id)
	if errors.Is(err, directory.ErrConnectionNotFound) {
		var paused bool
		if paused, err = d.pauses.Paused(ctx, domain.PauseConnection, name); paused || err != nil {
			return domain.OperatorTarget{Connection: id}, err
		}
		err = domain.NewError(domain.CodeNotFound,
			"There is no connection %.40s. 'ledgerboard connections list' lists all connections.", name)
	}
	return domain.OperatorTarget{Connection: id, Platform: place.Platform}, err
}

// ReadConnection makes the accounts of a connection due immediately: their totals, and those of
// their posts that are due by age. Quotas still apply. If none of the accounts can be read, the
// error has code [domain.CodeConflict] and contains the reason.
func (d *Service) ReadConnection(ctx context.Context, c commands.Caller, id string, reason domain.Reason) error {
	target, err := d.connection(ctx, id)
	if err != nil {
		return err
	}
	readings, err := d.Connections(ctx, directory.ReadingsQuery{Connections: []int64{target.Connection}})
	if err != nil {
		return err
	}
	if len(readings) == 0 {
		return domain.NewError(domain.CodeConflict, "Connection %s reads no connected account. Connect one first.", id)
	}
	var accounts []int64
	for _, r := range readings {
		if r.Read() {
			accounts = append(accounts, r.SocialAccount)
		}
	}
	if len(accounts) == 0 {
		return domain.NewError(domain.CodeConflict, "Connection %s is not read at the moment. %s", id, readings[0].Text)
	}
	return d.act(ctx, c, domain.ActionConnectionRead, target, reason, withoutEffect(func(ctx context.Context) error {
		return vault.ReadNow(ctx, d.kept, target.Platform, accounts, time.Now().UTC())
	}))
}
