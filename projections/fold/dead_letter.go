package fold

import (
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// BadEventError makes an event a dead letter. Params are what a text about the reason names; they
// contain no values of the event, which may be personal data, because dead letters and log files
// are kept when a person is erased.
type BadEventError struct {
	Reason operator.DeadLetterReason
	Params map[string]string
}

func (b *BadEventError) Error() string {
	parts := []string{string(b.Reason)}
	for _, name := range slices.Sorted(maps.Keys(b.Params)) {
		parts = append(parts, name+"="+b.Params[name])
	}
	return strings.Join(parts, " ")
}

// Refuse returns the error for an event that breaks a rule of the projector. params are names and
// values in turn.
func Refuse(rule string, params ...string) error {
	e := &BadEventError{Reason: operator.ReasonRefused, Params: map[string]string{"rule": rule}}
	for pair := range slices.Chunk(params, 2) {
		e.Params[pair[0]] = pair[1]
	}
	return e
}

// RefusedByDatabase returns the error for an event with a value that the database refused. The
// message of the database may repeat the value, so it is left out.
func RefusedByDatabase(err *pgconn.PgError) *BadEventError {
	e := &BadEventError{Reason: operator.ReasonWrite, Params: map[string]string{
		"sqlstate": err.Code, "table": err.TableName, "column": err.ColumnName, "constraint": err.ConstraintName,
	}}
	maps.DeleteFunc(e.Params, func(_, value string) bool { return value == "" })
	return e
}
