package projections

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/ledgerboard/ledgerboard/domain"
)

// column is one column of a set-based insert: its name, its type, and how to collect its values
// from rows into one typed array.
type column[R any] struct {
	name    string
	pgType  string // element type of the array parameter
	expr    string // what is inserted; the column itself unless the value travels in another form
	collect func([]R) any
	value   func(*R) any // of one row, as COPY takes it
}

// col declares a column whose values are sent as an array of pgType.
func col[R, V any](name, pgType string, get func(*R) V) column[R] {
	return column[R]{name: name, pgType: pgType, expr: "s." + name, collect: func(rows []R) any {
		values := make([]V, len(rows))
		for i := range rows {
			values[i] = get(&rows[i])
		}
		return values
	}, value: func(r *R) any { return get(r) }}
}

// jsonCol declares a jsonb column.
func jsonCol[R any](name string, get func(*R) []byte) column[R] {
	c := col(name, "text", func(r *R) *string {
		raw := get(r)
		if raw == nil {
			return nil
		}
		s := string(raw)
		return &s
	})
	c.expr = "s." + name + "::jsonb"
	return c
}

// listCol declares a text[] column. Arrays of arrays cannot be unnested row by row, so each list
// travels as a JSON array.
func listCol[R any](name string, get func(*R) []string) column[R] {
	c := col(name, "text", func(r *R) string { return jsonList(get(r)) })
	c.expr = "array(select jsonb_array_elements_text(s." + name + "::jsonb))"
	return c
}

// nullableListCol declares a text[] column that is null where there is nothing.
func nullableListCol[R any](name string, get func(*R) []string) column[R] {
	c := listCol(name, get)
	c.expr = "nullif(" + c.expr + ", '{}')"
	return c
}

// table is one set-based insert: `insert … select from unnest(…)`, one statement for any number of rows.
type table[R any] struct {
	name    pgx.Identifier
	names   []string
	sql     string
	columns []column[R]
}

// newTable declares an insert into name; conflict is the ON CONFLICT clause. A statement must not
// meet one key twice: folds keep their rows by key.
func newTable[R any](name, conflict string, columns ...column[R]) table[R] {
	names, exprs := make([]string, len(columns)), make([]string, len(columns))
	params := make([]string, len(columns))
	for i, c := range columns {
		names[i], exprs[i] = c.name, c.expr
		params[i] = fmt.Sprintf("$%d::%s[]", i+1, c.pgType)
	}
	// Unquoted names are folded to lower case by the server, quoted ones, as COPY gets them, are not.
	identifier := pgx.Identifier{strings.ToLower(name)}
	return table[R]{name: identifier, names: names, columns: columns, sql: fmt.Sprintf("insert into %s (%s) select %s from unnest(%s) as s(%s) %s",
		name, strings.Join(names, ", "), strings.Join(exprs, ", "), strings.Join(params, ", "), strings.Join(names, ", "), conflict)}
}

// replaceAll is the ON CONFLICT clause that overwrites every other column of the row with the key.
func replaceAll(key string, columns ...string) string {
	sets := make([]string, len(columns))
	for i, c := range columns {
		sets[i] = c + " = excluded." + c
	}
	return "on conflict (" + key + ") do update set " + strings.Join(sets, ", ")
}

// queue adds the statement to the batch, unless there is nothing to write.
func (t table[R]) queue(batch *pgx.Batch, rows []R) {
	if len(rows) == 0 {
		return
	}
	args := make([]any, len(t.columns))
	for i, c := range t.columns {
		args[i] = c.collect(rows)
	}
	batch.Queue(t.sql, args...)
}

// copyAbove is the number of rows from which COPY is faster than its additional round trips cost.
const copyAbove = 64

// insertNew writes rows whose keys are known to be new: many by COPY, which spends nothing on looking
// for conflicts, few in the batch with everything else. Its columns must be plain ones.
func (t table[R]) insertNew(ctx context.Context, tx pgx.Tx, batch *pgx.Batch, rows []R) error {
	if len(rows) < copyAbove {
		t.queue(batch, rows)
		return nil
	}
	values := make([]any, len(t.columns))
	_, err := tx.CopyFrom(ctx, t.name, t.names, pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
		for c := range t.columns {
			values[c] = t.columns[c].value(&rows[i])
		}
		return values, nil
	}))
	if err != nil {
		return fmt.Errorf("copy into %s: %w", t.name[0], err)
	}
	return nil
}

// send runs a batch in one round trip and returns the first error.
func send(ctx context.Context, tx pgx.Tx, batch *pgx.Batch) error {
	if batch.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, batch).Close()
}

// maxIndexed bounds, in bytes, a text that becomes part of an index entry with one or two others of
// its kind: PostgreSQL refuses entries above some 2,700 bytes, at every try alike.
const maxIndexed = 1000

// indexable refuses envelope texts that no index holds; those of payloads are checked by Validate.
func indexable(texts ...string) error {
	for _, text := range texts {
		if len(text) > maxIndexed {
			return &ParkError{ReasonRefused, fmt.Sprintf("%.20q… has %d bytes, at most %d fit", text, len(text), maxIndexed)}
		}
	}
	return nil
}

// instant is a time as PostgreSQL gives it back: UTC, whole microseconds. Rows are kept by time before
// they are written; two spellings of one instant would be two rows of one key, which no statement takes.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// storable makes any bytes fit for a text column.
func storable(s string) string { return domain.Storable(s, maxDetail) }
