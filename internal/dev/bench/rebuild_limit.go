package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

const (
	limitSchema = "lb_limit"
	// limitSettings are those with which a rebuild makes keys and indexes.
	limitSettings = `set local maintenance_work_mem = '256MB'; set local max_parallel_maintenance_workers = 0;`
)

// copyLimit is what making the finished tables takes when their rows are there, encoded.
type copyLimit struct {
	copy, keys, vacuum time.Duration
}

func (c copyLimit) all() time.Duration { return c.copy + c.keys + c.vacuum }

// copyLimit reads the tables that readers use into memory, as COPY wants them back, and makes them from there.
func (r *rebuilding) copyLimit(ctx context.Context) (l copyLimit, err error) {
	projector := projectors.PostInsights
	var number int
	err = r.pool.QueryRow(ctx, `select generation from generations where projection = $1 and version = $2 and state = 'live'`,
		projector.Name, projector.Version).Scan(&number)
	if err != nil {
		return l, fmt.Errorf("read live generation: %w", err)
	}
	source := pg.SearchPath(ddl.Schema(projector.Name, number))
	shares := make([]map[string]*bytes.Buffer, r.connections) // rows in the binary form of COPY, by table
	for i := range shares {
		shares[i] = map[string]*bytes.Buffer{}
		for _, table := range projector.Tables {
			shares[i][table] = &bytes.Buffer{}
			if err := r.readRows(ctx, source+"."+table, i, shares[i][table]); err != nil {
				return l, err
			}
		}
	}
	_, err = r.pool.Exec(ctx, "create schema "+limitSchema+"; set search_path = "+limitSchema+";"+projector.Definition.Tables()+"reset search_path")
	if err != nil {
		return l, fmt.Errorf("make tables of the limit: %w", err)
	}
	if _, err := r.pool.Exec(ctx, "checkpoint"); err != nil {
		return l, fmt.Errorf("checkpoint: %w", err)
	}
	began := time.Now()
	group, copying := errgroup.WithContext(ctx)
	for _, share := range shares {
		group.Go(func() error { return r.copyShare(copying, share) })
	}
	if err := group.Wait(); err != nil {
		return l, err
	}
	l.copy = time.Since(began)
	began = time.Now()
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		sql := limitSettings + "set local search_path = " + limitSchema + ";" + projector.Definition.Keys()
		_, err := tx.Conn().PgConn().Exec(ctx, sql).ReadAll()
		return err
	})
	if err != nil {
		return l, fmt.Errorf("make keys of the limit: %w", err)
	}
	l.keys = time.Since(began)
	began = time.Now()
	if err := r.vacuumLimit(ctx); err != nil {
		return l, err
	}
	l.vacuum = time.Since(began)
	_, err = r.pool.Exec(ctx, "drop schema "+limitSchema+" cascade")
	return l, err
}

// vacuumLimit vacuums as many tables at a time as a rebuild does.
func (r *rebuilding) vacuumLimit(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.connections)
	for _, table := range projectors.PostInsights.Tables {
		group.Go(func() error {
			if _, err := r.pool.Exec(ctx, "vacuum (analyze) "+limitSchema+"."+table); err != nil {
				return fmt.Errorf("vacuum: %w", err)
			}
			return nil
		})
	}
	return group.Wait()
}

// readRows reads the share of a table's pages that a connection copies.
func (r *rebuilding) readRows(ctx context.Context, table string, share int, into io.Writer) error {
	conn, err := r.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Release()
	sql := fmt.Sprintf("copy (select * from %s where (ctid::text::point)[0]::bigint / 32 %% %d = %d) to stdout (format binary)",
		table, r.connections, share)
	if _, err := conn.Conn().PgConn().CopyTo(ctx, into, sql); err != nil {
		return fmt.Errorf("read rows of %s: %w", table, err)
	}
	return nil
}

// copyShare writes one connection's rows of all tables, in one transaction as a shard does.
func (r *rebuilding) copyShare(ctx context.Context, share map[string]*bytes.Buffer) error {
	return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "set local synchronous_commit = off"); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		for _, table := range projectors.PostInsights.Tables {
			sql := "copy " + limitSchema + "." + table + " from stdin (format binary)"
			if _, err := tx.Conn().PgConn().CopyFrom(ctx, share[table], sql); err != nil {
				return fmt.Errorf("copy into %s: %w", table, err)
			}
		}
		return nil
	})
}
