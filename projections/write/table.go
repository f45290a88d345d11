package write

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Table writes any number of rows with one set-based statement (`… from unnest(…)`), or with COPY: see [Sink].
type Table[R any] struct {
	Name    string
	Columns []string
	Values  func(R) []any // of a row, in the order of the columns

	types    []string // of the columns, as declared
	sql      string
	keepsNil bool // a nil list is null, not empty
}

// NewTable declares an insert into the table called name. columns are written as in CREATE TABLE;
// values returns the values of a row in the same order. A jsonb column takes JSON as bytes, a
// text[] column takes a list of strings, and a bigint[] column a list of int64. Declare a list
// column as "text[] null" to store null for an empty list. The rows of a statement must have
// different keys.
func NewTable[R any](name, columns string, conflict OnConflict, values func(R) []any) Table[R] {
	t, exprs, rows := declare(name, columns, values)
	t.sql = fmt.Sprintf("insert into %s (%s) select %s from %s %s",
		name, strings.Join(t.Columns, ", "), strings.Join(exprs, ", "), rows, conflict(t.Columns))
	return t
}

// NewUpdate declares an update of existing rows with the given key. A nil value keeps the column's
// value, and the server then neither stores a long list nor indexes its elements again.
func NewUpdate[R any](name, columns, key string, values func(R) []any) Table[R] {
	t, exprs, rows := declare(name, columns, values)
	var sets, keys []string
	for i, c := range t.Columns {
		if slices.Contains(strings.Split(key, ", "), c) {
			keys = append(keys, "t."+c+" = s."+c)
		} else {
			sets = append(sets, fmt.Sprintf("%[1]s = case when s.%[1]s is null then t.%[1]s else %[2]s end", c, exprs[i]))
		}
	}
	t.sql = fmt.Sprintf("update %s t set %s from %s where %s",
		name, strings.Join(sets, ", "), rows, strings.Join(keys, " and "))
	t.keepsNil = true
	return t
}

// declare returns a table without a statement, the expressions of its columns, and the FROM item s
// that turns arrays of values into rows.
func declare[R any](name, columns string, values func(R) []any) (t Table[R], exprs []string, rows string) {
	t = Table[R]{Name: name, Values: values}
	var params []string
	for i, column := range strings.Split(columns, ",") {
		column, pgType, _ := strings.Cut(strings.TrimSpace(column), " ")
		t.types = append(t.types, pgType)
		expr := "s." + column
		switch pgType { // arrays of arrays cannot be unnested row by row
		case "jsonb":
			pgType, expr = "text", expr+"::jsonb"
		case "text[]", "bigint[]":
			pgType, expr = "text", expr+"::"+pgType
		case "text[] null":
			pgType, expr = "text", "nullif("+expr+"::text[], '{}')"
		}
		t.Columns, exprs = append(t.Columns, column), append(exprs, expr)
		params = append(params, fmt.Sprintf("$%d::%s[]", i+1, pgType))
	}
	return t, exprs, fmt.Sprintf("unnest(%s) as s(%s)", strings.Join(params, ", "), strings.Join(t.Columns, ", "))
}

// OnConflict returns the ON CONFLICT clause of an INSERT statement with the given columns.
type OnConflict func(columns []string) string

// Clause returns sql as the ON CONFLICT clause. If sql is empty, a row with an existing key is an
// error.
func Clause(sql string) OnConflict { return func([]string) string { return sql } }

// ReplaceRow returns a clause that overwrites an existing row with the same key. condition is empty
// or a WHERE clause that the rows must satisfy.
func ReplaceRow(key, condition string) OnConflict {
	return func(columns []string) string {
		var sets []string
		for _, c := range columns {
			if !slices.Contains(strings.Split(key, ", "), c) {
				sets = append(sets, c+" = excluded."+c)
			}
		}
		return "on conflict (" + key + ") do update set " + strings.Join(sets, ", ") + condition
	}
}

// Queue adds the statement to the batch if there are rows.
func (t Table[R]) Queue(batch *pgx.Batch, rows []R) {
	if len(rows) == 0 {
		return
	}
	arrays := Arrays(rows, t.Values)
	for c, pgType := range t.types {
		if !strings.Contains(pgType, "[]") {
			continue
		}
		lists := arrays[c].([]any)
		for i, list := range lists {
			if lists[i] = literal(list); t.keepsNil && reflect.ValueOf(list).IsNil() {
				lists[i] = nil
			}
		}
	}
	batch.Queue(t.sql, arrays...)
}

// copied returns the values of a row for COPY.
func (t Table[R]) copied(row R) []any {
	values := t.Values(row)
	for c, pgType := range t.types {
		if list, ok := values[c].([]string); ok && len(list) == 0 {
			if values[c] = []string{}; pgType == "text[] null" {
				values[c] = nil
			}
		}
	}
	return values
}

// Arrays turns the values of rows into one array per column.
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

// literal returns a list of strings or numbers as the server writes an array.
func literal(list any) string {
	var elements []string
	switch list := list.(type) {
	case []string:
		for _, text := range list {
			elements = append(elements, `"`+quoted.Replace(text)+`"`)
		}
	case []int64:
		for _, n := range list {
			elements = append(elements, strconv.FormatInt(n, 10))
		}
	default: // an empty list would be a wrong row
		panic(fmt.Sprintf("write: a column has lists of type %T", list))
	}
	return "{" + strings.Join(elements, ",") + "}"
}

var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// Send runs a batch in one round trip and returns the first error.
func Send(ctx context.Context, tx pgx.Tx, batch *pgx.Batch) error {
	if batch.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, batch).Close()
}
