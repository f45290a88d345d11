package projections

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"
)

// copyRows streams rows into a target, one at a time. The target gets what COPY takes in its binary form: lists of
// text as []string, JSON as bytes. Without rows the target hears nothing.
func copyRows[R any](ctx context.Context, into CopyTarget, t table[R], rows iter.Seq[R]) error {
	next, stop := iter.Pull(rows)
	defer stop()
	row, more := next()
	if !more {
		return nil
	}
	_, err := into.CopyFrom(ctx, t.name, t.columns, pgx.CopyFromFunc(func() ([]any, error) {
		if !more {
			return nil, nil
		}
		values, err := t.copied(row)
		row, more = next()
		return values, err
	}))
	if err != nil {
		return fmt.Errorf("copy into %s: %w", t.name[0], err)
	}
	return nil
}

// copied are the values of a row as COPY takes them.
func (t table[R]) copied(row R) ([]any, error) {
	values := t.values(row)
	for i, pgType := range t.types {
		text, isText := values[i].(string)
		if !isText || pgType != "text[]" && pgType != "text[] null" {
			continue
		}
		list := []string{}
		if text != "[]" {
			if err := json.Unmarshal([]byte(text), &list); err != nil {
				return nil, fmt.Errorf("read list %s: %w", t.columns[i], err)
			}
		}
		values[i] = list
		if len(list) == 0 && pgType == "text[] null" {
			values[i] = nil
		}
	}
	return values, nil
}
