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

// some reads ids; without any it returns the error none.
func some(rows pgx.Rows, doing string, none error) ([]string, error) {
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err == nil && len(ids) == 0 {
		return nil, none
	}
	return ids, wrapped(doing, err)
}
