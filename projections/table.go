package projections

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// column is one column of a set-based insert: its name, its type, and how to collect its values
// from rows into one typed array.
type column[R any] struct {
	name    string
	pgType  string // element type of the array parameter
	expr    string // what is inserted; the column itself unless the value travels in another form
	collect func([]R) any
}

// col declares a column whose values are sent as an array of pgType.
func col[R, V any](name, pgType string, get func(*R) V) column[R] {
	return column[R]{name: name, pgType: pgType, expr: "s." + name, collect: func(rows []R) any {
		values := make([]V, len(rows))
		for i := range rows {
			values[i] = get(&rows[i])
		}
		return values
	}}
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

// table is one set-based insert: `insert … select from unnest(…)`, one statement for any number of rows.
type table[R any] struct {
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
	return table[R]{columns: columns, sql: fmt.Sprintf("insert into %s (%s) select %s from unnest(%s) as s(%s) %s",
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

// send runs a batch in one round trip and returns the first error.
func send(ctx context.Context, tx pgx.Tx, batch *pgx.Batch) error {
	if batch.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, batch).Close()
}

// storable makes any bytes fit for a text column: valid UTF-8, no NUL, of bounded length.
func storable(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) <= maxDetail {
		return s
	}
	cut := maxDetail
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut]
}
