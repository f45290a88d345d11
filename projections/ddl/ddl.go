package ddl

import (
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Definition defines the tables of a projection in SQL. A line "-- +keys" separates the tables from
// their keys and indexes, and a line "-- +comments" these from the comments on the views for people.
type Definition string

const keysBelow, commentsBelow = "-- +keys\n", "-- +comments\n"

// Tables returns the statements that create the tables, without keys and indexes.
func (d Definition) Tables() string {
	tables, _, _ := strings.Cut(string(d), keysBelow)
	return tables
}

// Keys returns the statements that create the keys and indexes of the tables.
func (d Definition) Keys() string {
	_, keys, _ := strings.Cut(string(d), keysBelow)
	keys, _, _ = strings.Cut(keys, commentsBelow)
	return keys
}

// Comments returns the statements that describe the views for people. The search path of the
// connection must be their schema.
func (d Definition) Comments() string {
	_, comments, _ := strings.Cut(string(d), commentsBelow)
	return comments
}

// TableKeys are the statements that create the keys and indexes of one table, in order.
type TableKeys struct{ Table, SQL string }

// KeysByTable returns the statements of [Definition.Keys] by table, so that the keys of several
// tables can be created concurrently. It panics if it cannot find the table of a statement, which
// is an error in the definition.
func (d Definition) KeysByTable() []TableKeys {
	var tables []TableKeys
	for statement := range strings.SplitAfterSeq(comment.ReplaceAllString(d.Keys(), ""), ";") {
		found := keyedTable.FindStringSubmatch(statement)
		switch {
		case found == nil && strings.TrimSpace(statement) == "":
			continue // white space after the last statement
		case found == nil: // without the panic, only rebuilt tables would lack the key or index
			panic(fmt.Sprintf("ddl: cannot find the table of statement %q", strings.TrimSpace(statement)))
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

// Of returns the definition of a projection. It panics if the projection has no definition.
func Of(projection string) Definition {
	sql, err := files.ReadFile(projection + ".sql")
	if err != nil {
		panic(fmt.Sprintf("ddl: %v", err))
	}
	facts := strings.NewReplacer(
		"{platform of o.p_id}", platformName("o.p_id"), "{platform names}", strings.Join(domain.PlatformNames(), ", "))
	return Definition(facts.Replace(string(sql)))
}

// platformName returns an SQL expression for the name of a platform.
func platformName(column string) string {
	var names strings.Builder
	for _, p := range domain.Platforms() {
		fmt.Fprintf(&names, " when %d then '%s'", p, p)
	}
	return "case " + column + names.String() + " end"
}

// Schema returns the name of the schema that contains the tables of a generation.
func Schema(projection string, generation int) string {
	return fmt.Sprintf("lb_%s_g%d", projection, generation)
}

// ViewSchema returns the name of the schema that readers of a projector version use. Its views show
// one generation.
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

// Views returns the statements that make the views of a projector version show a generation. The
// views <projection>_generations, <projection>_checkpoints, <projection>_dead_letters and
// <projection>_streams show its state and progress; their names contain the projection because a
// search path finds only the first of equal names. The search path of the connection must be schema
// lb_engine.
func (d Definition) Views(projection string, version, generation int) string {
	schema, tables := ViewSchema(projection, version), Schema(projection, generation)
	var sql strings.Builder
	fmt.Fprintf(&sql, "create schema if not exists %s;", schema)
	for _, name := range d.Relations() {
		fmt.Fprintf(&sql, "create or replace view %s.%s as select * from %s.%[2]s;", schema, name, tables)
	}
	for _, name := range []string{"generations", "checkpoints", "dead_letters", "streams"} {
		fmt.Fprintf(&sql, "create or replace view %s.%s_%s as "+
			"select * from %[3]s where projection = '%[2]s' and generation = %[4]d;",
			schema, projection, name, generation)
	}
	return sql.String()
}
