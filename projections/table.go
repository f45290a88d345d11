package projections

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// table is one set-based insert: `insert … select from unnest(…)`, one statement for any number of rows.
type table[R any] struct {
	name    pgx.Identifier
	columns []string
	types   []string // of the columns, as declared
	sql     string
	values  func(R) []any
}

// newTable declares an insert into name. The columns are written as in CREATE TABLE, and values are those of a
// row in their order. A jsonb column takes JSON as bytes, a text[] column what [jsonList] makes (arrays of arrays
// cannot be unnested row by row); one that is null where the list is empty is a "text[] null". A statement must
// not meet one key twice: folds keep their rows by key.
func newTable[R any](name, columns string, conflict onConflict, values func(R) []any) table[R] {
	t := table[R]{name: identifier(name), values: values}
	var exprs, params []string
	for i, column := range strings.Split(columns, ",") {
		column, pgType, _ := strings.Cut(strings.TrimSpace(column), " ")
		t.types = append(t.types, pgType)
		expr := "s." + column
		switch pgType {
		case "jsonb":
			pgType, expr = "text", expr+"::jsonb"
		case "text[]":
			pgType, expr = "text", "array(select jsonb_array_elements_text("+expr+"::jsonb))"
		case "text[] null":
			pgType, expr = "text", "nullif(array(select jsonb_array_elements_text("+expr+"::jsonb)), '{}')"
		}
		t.columns, exprs = append(t.columns, column), append(exprs, expr)
		params = append(params, fmt.Sprintf("$%d::%s[]", i+1, pgType))
	}
	names := strings.Join(t.columns, ", ")
	t.sql = fmt.Sprintf("insert into %s (%s) select %s from unnest(%s) as s(%s) %s",
		name, names, strings.Join(exprs, ", "), strings.Join(params, ", "), names, conflict(t.columns))
	return t
}

// identifier is the name of a table for COPY: unquoted names are folded to lower case by the server, quoted ones, as COPY
// gets them, are not.
func identifier(name string) pgx.Identifier { return pgx.Identifier{strings.ToLower(name)} }

// onConflict makes the ON CONFLICT clause of an insert of columns.
type onConflict func(columns []string) string

// clause is an ON CONFLICT clause as it stands; "" refuses a key that is there.
func clause(sql string) onConflict { return func([]string) string { return sql } }

// replaceRow overwrites the row with the key, where the condition, if any, holds.
func replaceRow(key, where string) onConflict {
	return func(columns []string) string {
		var sets []string
		for _, c := range columns {
			if !slices.Contains(strings.Split(key, ", "), c) {
				sets = append(sets, c+" = excluded."+c)
			}
		}
		return "on conflict (" + key + ") do update set " + strings.Join(sets, ", ") + where
	}
}

// queue adds the statement to the batch, unless there is nothing to write.
func (t table[R]) queue(batch *pgx.Batch, rows []R) {
	if len(rows) > 0 {
		batch.Queue(t.sql, arraysOf(rows, t.values)...)
	}
}

// arraysOf turns the values of rows into one array for each column.
func arraysOf[R any](rows []R, values func(R) []any) []any {
	var arrays []any
	for i, row := range rows {
		for c, value := range values(row) {
			if i == 0 {
				arrays = append(arrays, make([]any, len(rows)))
			}
			arrays[c].([]any)[i] = value
		}
	}
	return arrays
}

// copyAbove is the number of rows from which COPY is faster than its additional round trips cost.
const copyAbove = 64

// insertNew writes rows whose keys are known to be new: many by COPY, which spends nothing on looking for conflicts, few in
// the batch with everything else. appendRow appends a row's values, of no column that is jsonb or text[].
func (t table[R]) insertNew(batch *pgx.Batch, copying *copies, rows []R, appendRow func([]any, R) []any) {
	if len(rows) < copyAbove {
		t.queue(batch, rows)
		return
	}
	copying.begin(func(ctx context.Context, tx pgx.Tx) error {
		return streamRows(ctx, copyInto{tx}, t.name, t.columns, func(yield func([]any, error) bool) {
			var values []any
			for _, row := range rows {
				if values = appendRow(values[:0], row); !yield(values, nil) {
					return
				}
			}
		})
	})
}

// copies are rows that go into tables by COPY, one table after the other, while a fold works out the next ones. Nobody else
// uses the transaction from the first begin to wait.
type copies struct {
	ctx     context.Context //nolint:containedctx // of the one write that they are part of
	tx      pgx.Tx
	running sync.WaitGroup
	before  chan struct{} // closed when the last one that was begun has ended; nil: there is none
	err     error         // the first; read and written by one after the other
}

func (c *copies) begin(work func(ctx context.Context, tx pgx.Tx) error) {
	before, done := c.before, make(chan struct{})
	c.before = done
	c.running.Go(func() {
		defer close(done)
		if before != nil {
			<-before
		}
		if c.err == nil { // later ones would only be told that the transaction has failed
			c.err = work(c.ctx, c.tx)
		}
	})
}

// wait returns the first error.
func (c *copies) wait() error {
	c.running.Wait()
	return c.err
}

// nullIfZero is null for "" and the zero time.
func nullIfZero[V comparable](value V) any {
	var zero V
	if value == zero {
		return nil
	}
	return value
}

// jsonList encodes a list as a JSON array; nil as an empty one.
func jsonList(list []string) string {
	if len(list) == 0 {
		return "[]"
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return "[]" // strings always encode
	}
	return string(raw)
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
			return &ParkError{ReasonRefused, fmt.Sprintf("a text of the envelope has %d bytes, at most %d fit", len(text), maxIndexed)}
		}
	}
	return nil
}

// instant is a time as PostgreSQL gives it back: UTC, whole microseconds. Rows are kept by time before
// they are written; two spellings of one instant would be two rows of one key, which no statement takes.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// storable makes any bytes fit for a text column.
func storable(s string) string { return domain.Storable(s, maxDetail) }
