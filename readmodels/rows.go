package readmodels

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// found scans a row that may be missing, and tells whether it is there. Errors begin with what was being done.
func found(row pgx.Row, doing string, targets ...any) (bool, error) {
	err := row.Scan(targets...)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, wrapped(doing, err)
}

// wrapped says what was being done, if there is an error.
func wrapped(doing string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// mapped reads a map: two columns, of the key and of its value.
func mapped[K comparable, V any](rows pgx.Rows, doing string) (map[K]V, error) {
	values := map[K]V{}
	var key K
	var value V
	_, err := pgx.ForEachRow(rows, []any{&key, &value}, func() error {
		values[key] = value
		return nil
	})
	return values, wrapped(doing, err)
}
