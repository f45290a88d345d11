package ddl

import (
	_ "embed"
	"fmt"
	"strings"
)

// Definition says what the tables of a projection are: SQL, with keys and indexes below the line "-- +keys".
type Definition string

// keysBelow is the line under which a definition has its keys and indexes.
const keysBelow = "-- +keys\n"

// Tables are the statements that make the tables, without keys and indexes.
func (d Definition) Tables() string {
	tables, _, _ := strings.Cut(string(d), keysBelow)
	return tables
}

// Keys are the statements that make the keys and indexes of the tables.
func (d Definition) Keys() string {
	_, keys, _ := strings.Cut(string(d), keysBelow)
	return keys
}

// The definitions, one for each projection.
var (
	//go:embed dashboards.sql
	dashboards string
	//go:embed account_insights.sql
	accountInsights string
	//go:embed post_insights.sql
	postInsights string
	//go:embed directory.sql
	directory string
	//go:embed operations.sql
	operations string
)

// All are the definitions by the name of their projection.
func All() map[string]Definition {
	return map[string]Definition{
		"dashboards": Definition(dashboards), "account_insights": Definition(accountInsights), "post_insights": Definition(postInsights),
		"directory": Definition(directory), "operations": Definition(operations),
	}
}

// Schema is the name of the schema in which a generation of a projection has its tables.
func Schema(projection string, generation int) string {
	return fmt.Sprintf("lb_%s_g%d", projection, generation)
}

// RetiredSchema is the name that [Schema] gets when the generation retires. A reader that still has the old name in
// its search path then fails at its next statement; it never reads tables that are no longer folded.
func RetiredSchema(projection string, generation int) string {
	return Schema(projection, generation) + "_retired"
}
