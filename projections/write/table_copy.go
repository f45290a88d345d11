package write

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
)

// CopyRows streams rows of a table into a target, one at a time. The target gets what COPY takes in its binary form: lists
// of text as []string, JSON as bytes.
func CopyRows[R any](ctx context.Context, into CopyTarget, t Table[R], rows iter.Seq[R]) error {
	return streamRows(ctx, into, t.Name, t.Columns, func(yield func([]any, error) bool) {
		for row := range rows {
			if values, err := t.copied(row); !yield(values, err) {
				return
			}
		}
	})
}

// copied are the values of a row as COPY takes them.
func (t Table[R]) copied(row R) ([]any, error) {
	values := t.Values(row)
	for i, pgType := range t.types {
		text, isText := values[i].(string)
		if !isText || pgType != "text[]" && pgType != "text[] null" {
			continue
		}
		list := []string{}
		if text != "[]" {
			if err := json.Unmarshal([]byte(text), &list); err != nil {
				return nil, fmt.Errorf("read list %s: %w", t.Columns[i], err)
			}
		}
		values[i] = list
		if len(list) == 0 && pgType == "text[] null" {
			values[i] = nil
		}
	}
	return values, nil
}
