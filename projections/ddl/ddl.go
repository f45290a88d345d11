package ddl

import (
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Definition defines the tables of a projection: SQL, with keys and indexes below the line "--
// +keys".
type Definition string

// keysBelow is the line after which a definition has its keys and indexes.
const keysBelow = "-- +keys\n"

// Tables returns the statements that create the tables, without keys and indexes.
func (d Definition) Tables() string {
	tables, _, _ := strings.Cut(string(d), keysBelow)
	return tables
}

// Keys returns the statements that create the keys and indexes of the tables.
func (d Definition) Keys() string {
	_, keys, _ := strings.Cut(string(d), keysBelow)
	return keys
}

// TableKeys are the statements that create the keys and indexes of one table, in order.
type TableKeys struct{ Table, SQL string }

// KeysByTable returns the statements of [Definition.Keys] by table, so that tables can get their
// keys independently. It panics if it cannot find the table of a statement, which is a mistake in a
// definition.
func (d Definition) KeysByTable() []TableKeys {
	var tables []TableKeys
	for statement := range strings.SplitAfterSeq(comment.ReplaceAllString(d.Keys(), ""), ";") {
		found := keyedTable.FindStringSubmatch(statement)
		switch {
		case found == nil && strings.TrimSpace(statement) == "":
			continue // the rest after the last statement
		case found == nil: // otherwise only rebuilt tables would lack it
			panic(fmt.Sprintf("ddl: cannot find the table of statement %q below the keys", strings.TrimSpace(statement)))
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
	// keyedTable matches a statement below "-- +keys" and captures its table.
	keyedTable = regexp.MustCompile(`^\s*(?:alter table|create (?:unique )?index \w+ on|delete from) (\w+)`)
)

//go:embed *.sql
var files embed.FS

// Of returns the definition of a projection.
func Of(projection string) Definition {
	sql, err := files.ReadFile(projection + ".sql")
	if err != nil {
		panic(fmt.Sprintf("ddl: %v", err)) // a mistake in a projector
	}
	return Definition(sql)
}

// Schema returns the name of the schema with the tables of a generation.
func Schema(projection string, generation int) string {
	return fmt.Sprintf("lb_%s_g%d", projection, generation)
}

// ViewSchema returns the name of the schema that readers of a projection version use: its views
// show one generation.
func ViewSchema(projection string, version int) string {
	return fmt.Sprintf("lb_%s_v%d", projection, version)
}

// Relations returns the names of the tables and views in a definition, without partitions.
func (d Definition) Relations() (names []string) {
	for _, found := range relation.FindAllStringSubmatch(d.Tables(), -1) {
		names = append(names, strings.ToLower(found[1]))
	}
	return names
}

var relation = regexp.MustCompile(`(?m)^create (?:table|view) (\w+)(?: \(| as)`)

// Views returns the statements that point the views of a projection version to a generation. The
// views <projection>_checkpoints and <projection>_parked show its progress; their names differ by
// projection because a search path finds only the first of equal names. The connection's search
// path is that of the engine's schema.
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
