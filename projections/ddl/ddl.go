package ddl

import (
	"embed"
	"fmt"
	"regexp"
	"slices"
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

// TableKeys are the statements that make the keys and indexes of one table, in their order.
type TableKeys struct{ Table, SQL string }

// KeysByTable are the statements of [Definition.Keys], by table: those of one need not wait for those of another. It panics at
// a statement whose table it cannot find: a mistake in a definition.
func (d Definition) KeysByTable() []TableKeys {
	var tables []TableKeys
	for statement := range strings.SplitAfterSeq(comment.ReplaceAllString(d.Keys(), ""), ";") {
		found := keyedTable.FindStringSubmatch(statement)
		switch {
		case found == nil && strings.TrimSpace(statement) == "":
			continue // what stands behind the last one
		case found == nil: // it would be missing in the tables of a rebuild alone
			panic(fmt.Sprintf("ddl: no table is found for the statement %q below the keys", strings.TrimSpace(statement)))
		}
		at := slices.IndexFunc(tables, func(t TableKeys) bool { return t.Table == found[1] })
		if at < 0 {
			at, tables = len(tables), append(tables, TableKeys{Table: found[1]})
		}
		tables[at].SQL += statement
	}
	return tables
}

var (
	comment = regexp.MustCompile(`(?m)--.*$`)
	// keyedTable finds the table that a statement below "-- +keys" is about.
	keyedTable = regexp.MustCompile(`^\s*(?:alter table|create (?:unique )?index \w+ on|delete from) (\w+)`)
)

//go:embed *.sql
var files embed.FS

// Of is the definition of a projection.
func Of(projection string) Definition {
	sql, err := files.ReadFile(projection + ".sql")
	if err != nil {
		panic(fmt.Sprintf("ddl: %v", err)) // a mistake in a projector
	}
	return Definition(sql)
}

// Schema is the name of the schema in which a generation of a projection has its tables.
func Schema(projection string, generation int) string {
	return fmt.Sprintf("lb_%s_g%d", projection, generation)
}

// ViewSchema is the name of the schema that readers of a projection version read: its views show one generation.
func ViewSchema(projection string, version int) string {
	return fmt.Sprintf("lb_%s_v%d", projection, version)
}

// Relations are the names of the tables and views that a definition makes, without partitions.
func (d Definition) Relations() (names []string) {
	for _, found := range relation.FindAllStringSubmatch(d.Tables(), -1) {
		names = append(names, strings.ToLower(found[1]))
	}
	return names
}

var relation = regexp.MustCompile(`(?m)^create (?:table|view) (\w+)(?: \(| as)`)

// Views are the statements that let the views of a projection version show a generation. Its progress is shown by
// <projection>_checkpoints and <projection>_parked: a search path finds only the first of equal names. The connection's
// search path is that of the engine's schema.
func (d Definition) Views(projection string, version, generation int) string {
	schema, tables := ViewSchema(projection, version), Schema(projection, generation)
	var sql strings.Builder
	fmt.Fprintf(&sql, "create schema if not exists %s;", schema)
	for _, name := range d.Relations() {
		fmt.Fprintf(&sql, "create or replace view %s.%s as select * from %s.%[2]s;", schema, name, tables)
	}
	for _, name := range []string{"checkpoints", "parked"} {
		fmt.Fprintf(&sql, "create or replace view %s.%s_%s as select * from %[3]s where projection = '%[2]s' and generation = %[4]d;",
			schema, projection, name, generation)
	}
	return sql.String()
}
