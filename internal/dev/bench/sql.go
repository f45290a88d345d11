package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// columnsOf reads the columns of a table and their types as casts know them.
func columnsOf(ctx context.Context, q querier, table string) (names, types []string, err error) {
	rows, err := q.Query(ctx, `
		select attname::text, format_type(atttypid, null) from pg_attribute
		where attrelid = to_regclass($1) and attnum > 0 and not attisdropped order by attnum`, table)
	if err != nil {
		return nil, nil, fmt.Errorf("read columns of %s: %w", table, err)
	}
	var name, dataType string
	_, err = pgx.ForEachRow(rows, []any{&name, &dataType}, func() error {
		names, types = append(names, name), append(types, dataType)
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read columns of %s: %w", table, err)
	}
	return names, types, nil
}

func upsertSQL(t copied, columns, types []string) string {
	params := make([]string, len(columns))
	sets := []string{}
	for i, c := range columns {
		params[i] = fmt.Sprintf("$%d::%s[]", i+1, unnestable(types[i]))
		if !strings.Contains(", "+t.key+",", ", "+c+",") {
			sets = append(sets, c+" = excluded."+c)
		}
	}
	exprs := make([]string, len(columns))
	for i, c := range columns {
		exprs[i] = c
		if unnestable(types[i]) != types[i] {
			exprs[i] += "::" + types[i]
		}
	}
	return fmt.Sprintf("insert into %s (%s) select %s from unnest(%s) as s(%s) on conflict (%s) do update set %s",
		t.table, join(columns, "%s"), strings.Join(exprs, ", "), strings.Join(params, ", "), join(columns, "%s"), t.key, strings.Join(sets, ", "))
}

// unnestable is the type under which a column's values travel: arrays of arrays cannot be unnested row by row.
func unnestable(pgType string) string {
	if strings.HasSuffix(pgType, "[]") {
		return "text"
	}
	return pgType
}

// asTexts selects columns, those that cannot be unnested as texts.
func asTexts(columns, types []string) string {
	exprs := make([]string, len(columns))
	for i, c := range columns {
		exprs[i] = c
		if unnestable(types[i]) != types[i] {
			exprs[i] += "::text"
		}
	}
	return strings.Join(exprs, ", ")
}

func join(names []string, format string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = fmt.Sprintf(format, n)
	}
	return strings.Join(out, ", ")
}
