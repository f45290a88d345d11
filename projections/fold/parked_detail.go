package fold

import (
	"errors"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ledgerboard/ledgerboard/domain"
)

// quoted matches text that is quoted by %q or by PostgreSQL.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// WithoutValues returns the text of an error without values of the record, which may be personal
// data: rows of table parked and log files are kept when a person is erased. Authorized operators
// can see the values in the record.
func WithoutValues(err error) string {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok { // the server's message may repeat the value
		parts := []string{"the database refused a value: SQLSTATE " + refused.Code}
		for _, at := range []struct{ kind, name string }{
			{"table", refused.TableName}, {"column", refused.ColumnName}, {"constraint", refused.ConstraintName},
		} {
			if at.name != "" {
				parts = append(parts, at.kind+" "+at.name)
			}
		}
		return strings.Join(parts, ", ")
	}
	text := err.Error()
	if errors.Is(err, domain.ErrUnknownType) { // it quotes the type, which the row contains too
		return text
	}
	// The text repeats a number that is too large.
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok && len(semantic.JSONValue) > 0 {
		text = strings.ReplaceAll(text, string(semantic.JSONValue), "…")
	}
	return quoted.ReplaceAllString(text, `"…"`)
}
