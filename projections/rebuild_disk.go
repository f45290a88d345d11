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

// RebuildDisk estimates in bytes what a rebuild takes beside tables of this size: as much again, and the building of indexes.
func RebuildDisk(tables int64) int64 { return 2 * tables }

// diskNeeded estimates what the new tables and the building of their indexes take: twice what the present ones take. nil
// says that it is not known. It refuses what would not fit, or what is more than a rebuild may need.
func (r *running) diskNeeded(ctx context.Context) (*int64, error) {
	live, err := r.pointed(ctx, r.pool)
	if err != nil || live == 0 {
		return nil, err
	}
	var needed int64
	err = r.pool.QueryRow(ctx, `
		select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind = 'r' and n.nspname = $1`, ddl.Schema(r.projector.Name(), live)).Scan(&needed)
	if err != nil {
		return nil, fmt.Errorf("measure tables: %w", err)
	}
	needed = RebuildDisk(needed)
	allowed, why, err := r.diskAllowed(ctx)
	if err != nil {
		return nil, err
	}
	if why != "" && needed > allowed {
		return nil, domain.NewError(domain.CodeUnprocessable,
			"the rebuild needs about %d MB of disk and may take %d MB, %s; drop retired generations or add disk", megabytes(needed), allowed>>20, why)
	}
	return &needed, nil
}

// megabytes are those that begin: what needs some bytes needs one.
func megabytes(bytes int64) int64 { return (bytes + 1<<20 - 1) >> 20 }

// diskAllowed is what a rebuild may take, and why; "" when nothing bounds it.
func (r *running) diskAllowed(ctx context.Context) (bytes int64, why string, err error) {
	if r.rebuildDisk > 0 {
		return r.rebuildDisk, "which LEDGERBOARD_REBUILD_DISK_MB says", nil
	}
	directory, err := r.localDirectory(ctx)
	if err != nil || directory == "" {
		return 0, "", err
	}
	free, known := freeBytes(directory)
	if !known {
		return 0, "", nil
	}
	return int64(diskShare * float64(free)), "four fifths of what is free", nil
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
