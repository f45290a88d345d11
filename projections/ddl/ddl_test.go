package ddl_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

// Every statement below the line of the keys is found once, in order, with a table of the
// definition: a rebuild would not execute a statement without a table.
func TestKeysByTableFindsEveryKeyStatement(t *testing.T) {
	t.Parallel()
	comment := regexp.MustCompile(`(?m)--.*$`)
	files, err := filepath.Glob("*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(file, ".sql")
		definition := ddl.Of(name)
		var all []string
		for statement := range strings.SplitSeq(comment.ReplaceAllString(definition.Keys(), ""), ";") {
			if statement = strings.TrimSpace(statement); statement != "" {
				all = append(all, statement)
			}
		}
		var found []string
		tables := map[string]bool{}
		for _, keys := range definition.KeysByTable() {
			require.Contains(t, definition.Tables(), "create table "+keys.Table+" (", name)
			require.False(t, tables[keys.Table], keys.Table)
			tables[keys.Table] = true
			rest := all
			for statement := range strings.SplitSeq(strings.TrimSpace(keys.SQL), ";") {
				if statement = strings.TrimSpace(statement); statement == "" {
					continue
				}
				require.Regexp(t, `\b`+keys.Table+`\b`, statement)
				require.Contains(t, rest, statement, "in the order of the definition")
				for rest[0] != statement {
					rest = rest[1:]
				}
				rest = rest[1:]
				found = append(found, statement)
			}
		}
		require.NotEmpty(t, all, name)
		require.ElementsMatch(t, all, found, name)
	}
}

// A statement without a known table panics at once, instead of being missing only in rebuilt
// tables.
func TestKeysByTablePanicsOnUnknownTable(t *testing.T) {
	t.Parallel()
	for _, keys := range []string{"alter table a add primary key (id);\ncluster a;", "create index on a (id)"} {
		require.Panics(t, func() { ddl.Definition("create table a (id int);\n-- +keys\n" + keys).KeysByTable() }, keys)
	}
}
