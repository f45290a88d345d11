package fold

import (
	"errors"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ledgerboard/ledgerboard/domain"
)

// quoted is a text as %q and PostgreSQL quote one.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// WithoutValues says what is wrong with a record in words that hold none of its values, which may be a person's: rows of
// parked and the process's log stay when a person is erased. The values are in the record, for operators who may look at it.
func WithoutValues(err error) string {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refusedCode(refused)
	}
	text := err.Error()
	if errors.Is(err, domain.ErrUnknownType) { // which stands in the row beside it
		return text
	}
	if wrong, ok := errors.AsType[*json.SemanticError](err); ok && len(wrong.JSONValue) > 0 { // a number too large
		text = strings.ReplaceAll(text, string(wrong.JSONValue), "…")
	}
	return quoted.ReplaceAllString(text, `"…"`)
}

// refusedCode is the server's code, and where it found the value, without its message.
func refusedCode(refused *pgconn.PgError) string {
	says := []string{"the database refuses a value: SQLSTATE " + refused.Code}
	for _, at := range []struct{ what, name string }{
		{"table", refused.TableName}, {"column", refused.ColumnName}, {"constraint", refused.ConstraintName},
	} {
		if at.name != "" {
			says = append(says, at.what+" "+at.name)
		}
	}
	return strings.Join(says, ", ")
}
