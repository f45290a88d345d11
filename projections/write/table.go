package write

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Table is where rows of a kind go: by one set-based insert (`insert … select from unnest(…)`) for any number of them, or by COPY.
type Table[R any] struct {
	Name    string
	Columns []string
	Values  func(R) []any // of a row, in the order of the columns

	types []string // of the columns, as declared
	sql   string   // of the insert; a table that is declared without [NewTable] is only copied into
}

// NewTable declares an insert into name. The columns are written as in CREATE TABLE, and values are those of a
// row in their order. A jsonb column takes JSON as bytes, a text[] column a list of strings; one that is null where the
// list is empty is a "text[] null". A statement must not meet one key twice: folds keep their rows by key.
func NewTable[R any](name, columns string, conflict OnConflict, values func(R) []any) Table[R] {
	t := Table[R]{Name: name, Values: values}
	var exprs, params []string
	for i, column := range strings.Split(columns, ",") {
		column, pgType, _ := strings.Cut(strings.TrimSpace(column), " ")
		t.types = append(t.types, pgType)
		expr := "s." + column
		switch pgType { // arrays of arrays cannot be unnested row by row
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
	if len(rows) == 0 {
		return
	}
	arrays := Arrays(rows, t.Values)
	for c, pgType := range t.types {
		if !strings.HasPrefix(pgType, "text[]") {
			continue
		}
		for i, list := range arrays[c].([]any) {
			arrays[c].([]any)[i] = jsonList(list)
		}
	}
	batch.Queue(t.sql, arrays...)
}

// Copy hands rows over to a target, one at a time. Without rows the target hears nothing.
func (t Table[R]) Copy(ctx context.Context, into CopyTarget, rows iter.Seq[R]) error {
	next, stop := iter.Pull(rows)
	defer stop()
	row, more := next()
	if !more {
		return nil
	}
	// Unquoted names are folded to lower case by the server, quoted ones, as COPY gets them, are not.
	_, err := into.CopyFrom(ctx, pgx.Identifier{strings.ToLower(t.Name)}, t.Columns, pgx.CopyFromFunc(func() ([]any, error) {
		if !more {
			return nil, nil
		}
		values := t.Values(row)
		for c, pgType := range t.types {
			if list, is := values[c].([]string); is && len(list) == 0 {
				if values[c] = []string{}; pgType == "text[] null" {
					values[c] = nil
				}
			}
		}
		row, more = next()
		return values, nil
	}))
	if err != nil {
		return fmt.Errorf("copy into %s: %w", t.Name, err)
	}
	return nil
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
// the batch with everything else.
func (t Table[R]) InsertNew(batch *pgx.Batch, copying *Copies, rows []R) {
	if len(rows) < copyAbove {
		t.Queue(batch, rows)
		return
	}
	copying.begin(func(ctx context.Context, tx pgx.Tx) error { return t.Copy(ctx, CopyInto{tx}, slices.Values(rows)) })
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

// jsonList encodes a list of strings as a JSON array; nil as an empty one.
func jsonList(list any) string {
	if texts, _ := list.([]string); len(texts) > 0 {
		if raw, err := json.Marshal(texts); err == nil { // strings always encode
			return string(raw)
		}
	}
	return "[]"
}

// Send runs a batch in one round trip and returns the first error.
func Send(ctx context.Context, tx pgx.Tx, batch *pgx.Batch) error {
	if batch.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, batch).Close()
}
