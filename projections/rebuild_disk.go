package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

// diskShare is the part of the free disk that a rebuild may need.
const diskShare = 0.8

// diskNeeded estimates what the new tables and the building of their indexes take: twice what the present ones take. nil
// says that it is not known. It refuses what would not fit, where the server's disk is this machine's.
func (r *running) diskNeeded(ctx context.Context) (*int64, error) {
	live, err := r.pointed(ctx, r.pool)
	if err != nil || live == 0 {
		return nil, err
	}
	var needed int64
	err = r.pool.QueryRow(ctx, `
		select 2 * coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind = 'r' and n.nspname = $1`, ddl.Schema(r.projector.Name(), live)).Scan(&needed)
	if err != nil {
		return nil, fmt.Errorf("measure tables: %w", err)
	}
	directory, err := r.localDirectory(ctx)
	if err != nil || directory == "" {
		return &needed, err
	}
	free, known := freeBytes(directory)
	if known && float64(needed) > diskShare*float64(free) {
		return nil, domain.NewError(domain.CodeUnprocessable,
			"the rebuild needs about %d MB of disk and may take %d MB, four fifths of what is free; drop retired generations or add disk",
			needed>>20, int64(diskShare*float64(free))>>20)
	}
	return &needed, nil
}

// localDirectory is where a server on this machine has its data; "" when the server is another machine's or does not say.
func (r *running) localDirectory(ctx context.Context) (directory string, err error) {
	err = r.pool.QueryRow(ctx, `
		select case when coalesce(inet_client_addr() = inet_server_addr(), true) then current_setting('data_directory') else '' end`).
		Scan(&directory)
	if _, refused := errors.AsType[*pgconn.PgError](err); refused {
		return "", nil // only some roles may ask
	}
	if err != nil {
		return "", fmt.Errorf("ask for the data directory: %w", err)
	}
	return directory, nil
}
