package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// columnsOf reads the columns of a table and their types as casts know them.
func columnsOf(ctx context.Context, pool *pgxpool.Pool, table string) (names, types []string, err error) {
	rows, err := pool.Query(ctx, `
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
		params[i] = fmt.Sprintf("$%d::%s[]", i+1, types[i])
		if !strings.Contains(", "+t.key+",", ", "+c+",") {
			sets = append(sets, c+" = excluded."+c)
		}
	}
	return fmt.Sprintf("insert into %s (%s) select * from unnest(%s) on conflict (%s) do update set %s",
		t.table, join(columns, "%s"), strings.Join(params, ", "), t.key, strings.Join(sets, ", "))
}

func join(names []string, format string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = fmt.Sprintf(format, n)
	}
	return strings.Join(out, ", ")
}
