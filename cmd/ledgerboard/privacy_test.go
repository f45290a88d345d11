package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// docs/privacy.md names each topic and table that the program creates, and nothing else, in rows
// with every column filled.
func TestPrivacyListsEveryTopicAndTable(t *testing.T) {
	text := readFile(t, "../../docs/privacy.md")
	topics, err := assembly.Topics()
	require.NoError(t, err)
	var names []string
	for _, topic := range topics {
		names = append(names, topic.Name)
	}
	require.ElementsMatch(t, names, listedIn(t, text, "## Topics"))
	formatList := listedIn(t, text, "## Tables")
	withService(t, newStorage(t), func(a *process, _ string) {
		require.ElementsMatch(t, tablesOf(t, a), formatList, "every table has a row, every row its table")
		a.exec(t, `create table kept.people_in_secret (name text)`)
		require.Equal(t, []string{"kept.people_in_secret"}, slices.DeleteFunc(tablesOf(t, a), func(table string) bool {
			return slices.Contains(formatList, table)
		}), "a new table is found")
	})
}

var generationSchema = regexp.MustCompile(`^lb_(.+)_g\d+(_retired)?$`)

// tablesOf returns all tables of all schemas in lower case; generations have the name of their
// projection.
func tablesOf(t *testing.T, a *process) []string {
	t.Helper()
	tables := ledgertest.Column[string](t, a.KeptPool, `
		select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p', 'm', 'f') and not c.relispartition and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`)
	for i, table := range tables {
		schema, name, _ := strings.Cut(table, ".")
		tables[i] = generationSchema.ReplaceAllString(schema, "$1") + "." + name
	}
	slices.Sort(tables)
	return slices.Compact(tables)
}

// listedIn returns the names, in lower case, in the rows of the table below a heading; each row has
// six filled columns, and one or more names in the first.
func listedIn(t *testing.T, text, heading string) (names []string) {
	t.Helper()
	_, section, found := strings.Cut(text, heading+"\n")
	require.True(t, found, heading)
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		require.Len(t, cells, 6, line)
		for _, cell := range cells {
			require.NotEmpty(t, strings.TrimSpace(cell), line)
		}
		for name := range strings.SplitSeq(strings.TrimSpace(cells[0]), ", ") {
			names = append(names, strings.ToLower(strings.Trim(name, "`")))
		}
	}
	return names
}
