package write

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Table is one set-based insert: `insert … select from unnest(…)`, one statement for any number of rows.
type Table[R any] struct {
	Name    pgx.Identifier
	Columns []string
	Values  func(R) []any // of a row, in the order of the columns

	types []string // of the columns, as declared
	sql   string
}

// NewTable declares an insert into name. The columns are written as in CREATE TABLE, and values are those of a
// row in their order. A jsonb column takes JSON as bytes, a text[] column what [JSONList] makes (arrays of arrays
// cannot be unnested row by row); one that is null where the list is empty is a "text[] null". A statement must
// not meet one key twice: folds keep their rows by key.
func NewTable[R any](name, columns string, conflict OnConflict, values func(R) []any) Table[R] {
	t := Table[R]{Name: identifier(name), Values: values}
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
		t.Columns, exprs = append(t.Columns, column), append(exprs, expr)
		params = append(params, fmt.Sprintf("$%d::%s[]", i+1, pgType))
	}
	names := strings.Join(t.Columns, ", ")
	t.sql = fmt.Sprintf("insert into %s (%s) select %s from unnest(%s) as s(%s) %s",
		name, names, strings.Join(exprs, ", "), strings.Join(params, ", "), names, conflict(t.Columns))
	return t
}

// identifier is the name of a table for COPY: unquoted names are folded to lower case by the server, quoted ones, as COPY
// gets them, are not.
func identifier(name string) pgx.Identifier { return pgx.Identifier{strings.ToLower(name)} }

// OnConflict makes the ON CONFLICT clause of an insert of columns.
type OnConflict func(columns []string) string

// Clause is an ON CONFLICT clause as it stands; "" refuses a key that is there.
func Clause(sql string) OnConflict { return func([]string) string { return sql } }

// ReplaceRow overwrites the row with the key, where the condition, if any, holds.
func ReplaceRow(key, where string) OnConflict {
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

// Queue adds the statement to the batch, unless there is nothing to write.
func (t Table[R]) Queue(batch *pgx.Batch, rows []R) {
	if len(rows) > 0 {
		batch.Queue(t.sql, Arrays(rows, t.Values)...)
	}
}

// Arrays turns the values of rows into one array for each column.
func Arrays[R any](rows []R, values func(R) []any) []any {
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

// InsertNew writes rows whose keys are known to be new: many by COPY, which spends nothing on looking for conflicts, few in
// the batch with everything else. appendRow appends a row's values, of no column that is jsonb or text[].
func (t Table[R]) InsertNew(batch *pgx.Batch, copying *Copies, rows []R, appendRow func([]any, R) []any) {
	if len(rows) < copyAbove {
		t.Queue(batch, rows)
		return
	}
	copying.begin(func(ctx context.Context, tx pgx.Tx) error {
		return streamRows(ctx, CopyInto{tx}, t.Name, t.Columns, func(yield func([]any, error) bool) {
			var values []any
			for _, row := range rows {
				if values = appendRow(values[:0], row); !yield(values, nil) {
					return
				}
			}
		})
	})
}

// Copies are rows that go into tables by COPY, one table after the other, while a fold works out the next ones. Nobody else
// uses the transaction from the first one that begins to [Copies.Wait].
type Copies struct {
	ctx     context.Context //nolint:containedctx // of the one write that they are part of
	tx      pgx.Tx
	running sync.WaitGroup
	before  chan struct{} // closed when the last one that was begun has ended; nil: there is none
	err     error         // the first; read and written by one after the other
}

// NewCopies begins nothing yet.
func NewCopies(ctx context.Context, tx pgx.Tx) *Copies { return &Copies{ctx: ctx, tx: tx} }

func (c *Copies) begin(work func(ctx context.Context, tx pgx.Tx) error) {
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

// Wait returns the first error.
func (c *Copies) Wait() error {
	c.running.Wait()
	return c.err
}

// JSONList encodes a list as a JSON array; nil as an empty one.
func JSONList(list []string) string {
	if len(list) == 0 {
		return "[]"
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return "[]" // strings always encode
	}
	return string(raw)
}

// Send runs a batch in one round trip and returns the first error.
func Send(ctx context.Context, tx pgx.Tx, batch *pgx.Batch) error {
	if batch.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, batch).Close()
}
