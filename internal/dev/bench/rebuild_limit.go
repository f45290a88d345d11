package main

import (
	"bytes"
	"context"
	"encoding/binary"
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
	limitChunk  = 256 << 10 // bytes
	// limitSettings are those with which a rebuild makes keys and indexes.
	limitSettings = `set local maintenance_work_mem = '256MB'; set local max_parallel_maintenance_workers = 0;`
)

// copyLimit is what making the finished tables takes when their rows are there, encoded.
type copyLimit struct {
	copy, keys, vacuum time.Duration
}

func (l copyLimit) all() time.Duration { return l.copy + l.keys + l.vacuum }

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
	shares := make([]map[string]*encodedRows, r.connections)
	for i := range shares {
		shares[i] = map[string]*encodedRows{}
	}
	for _, table := range projector.Tables {
		parts := &splitRows{}
		for i := range shares {
			shares[i][table] = &encodedRows{}
			parts.shares = append(parts.shares, shares[i][table])
		}
		if err := r.readRows(ctx, source+"."+table, parts); err != nil {
			return l, err
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

func (r *rebuilding) readRows(ctx context.Context, table string, into io.Writer) error {
	conn, err := r.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Conn().PgConn().CopyTo(ctx, into, "copy (select * from "+table+") to stdout (format binary)"); err != nil {
		return fmt.Errorf("read rows of %s: %w", table, err)
	}
	return nil
}

// copyShare writes one connection's rows of all tables, in one transaction as a shard does.
func (r *rebuilding) copyShare(ctx context.Context, share map[string]*encodedRows) error {
	return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "set local synchronous_commit = off"); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		for _, table := range projectors.PostInsights.Tables {
			sql := "copy " + limitSchema + "." + table + " from stdin (format binary)"
			if _, err := tx.Conn().PgConn().CopyFrom(ctx, share[table].reader(), sql); err != nil {
				return fmt.Errorf("copy into %s: %w", table, err)
			}
		}
		return nil
	})
}

// copyHeader begins the binary form of COPY: signature, flags, no extension.
var copyHeader = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")

var copyTrailer = []byte{0xff, 0xff}

// encodedRows are rows in the binary form of COPY.
type encodedRows struct{ chunks [][]byte }

func (e *encodedRows) reader() io.Reader {
	readers := []io.Reader{bytes.NewReader(copyHeader)}
	for _, chunk := range e.chunks {
		readers = append(readers, bytes.NewReader(chunk))
	}
	return io.MultiReader(append(readers, bytes.NewReader(copyTrailer))...)
}

// splitRows deals the rows that COPY gives out to shares, a chunk each in turn.
type splitRows struct {
	shares []*encodedRows
	rest   []byte // of a row that is not there whole, and before the first one of the header
	begun  bool
	chunk  []byte
	turn   int
}

// Write implements [io.Writer].
func (s *splitRows) Write(p []byte) (int, error) {
	s.rest = append(s.rest, p...)
	if !s.begun {
		if len(s.rest) < len(copyHeader) {
			return len(p), nil
		}
		s.begun, s.rest = true, s.rest[len(copyHeader):]
	}
	at := 0
	for {
		n := rowLength(s.rest[at:])
		if n == 0 {
			break
		}
		if bytes.Equal(s.rest[at:at+n], copyTrailer) {
			s.deal()
			break
		}
		s.chunk = append(s.chunk, s.rest[at:at+n]...)
		if at += n; len(s.chunk) >= limitChunk {
			s.deal()
		}
	}
	s.rest = append(s.rest[:0], s.rest[at:]...)
	return len(p), nil
}

func (s *splitRows) deal() {
	share := s.shares[s.turn%len(s.shares)]
	share.chunks = append(share.chunks, bytes.Clone(s.chunk))
	s.chunk, s.turn = s.chunk[:0], s.turn+1
}

// rowLength is the length of the row, or of the trailer, at the beginning; 0 when it is not there whole.
func rowLength(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	fields := int16(binary.BigEndian.Uint16(b)) // as the format has it
	n := 2
	for range fields {
		if len(b) < n+4 {
			return 0
		}
		if length := int32(binary.BigEndian.Uint32(b[n:])); length > 0 { // -1 is null
			n += int(length)
		}
		if n += 4; len(b) < n {
			return 0
		}
	}
	return n
}
