package projections

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

type tableShape struct {
	Name    string   // in the database
	Columns []string // all columns, in the order of the definition
	Key     []string // columns of the primary key; all columns if the table has none
}

// inDatabase returns a table's name as the database stores it: unquoted names are converted to
// lower case.
func inDatabase(table string) string { return strings.ToLower(table) }

func readShape(ctx context.Context, conn *pgx.Conn, schema, table string) (tableShape, error) {
	shape := tableShape{Name: inDatabase(table)}
	err := conn.QueryRow(ctx, `
		select coalesce(array_agg(a.attname::text order by a.attnum), '{}'),
		       coalesce(array_agg(a.attname::text order by array_position(i.indkey::int2[], a.attnum))
		           filter (where a.attnum = any(i.indkey)), '{}')
		from pg_class c
		join pg_namespace n on n.oid = c.relnamespace
		join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
		left join pg_index i on i.indrelid = c.oid and i.indisprimary
		where n.nspname = $1 and c.relname = $2`, schema, shape.Name).Scan(&shape.Columns, &shape.Key)
	if err != nil {
		return shape, fmt.Errorf("read columns of %s.%s: %w", schema, table, err)
	}
	if len(shape.Key) == 0 {
		shape.Key = shape.Columns
	}
	return shape, nil
}

const tenantColumn = "parent_account"

func (t tableShape) tenant() string {
	if slices.Contains(t.Columns, tenantColumn) {
		return "coalesce(" + tenantColumn + ", '')"
	}
	return "''"
}

func each(columns []string, expression func(quoted string) string) string {
	parts := make([]string, len(columns))
	for i, column := range columns {
		parts[i] = expression(pgx.Identifier{column}.Sanitize())
	}
	return strings.Join(parts, ", ")
}

func (t tableShape) rows(schema string) string {
	columns := each(t.Columns, func(quoted string) string { return quoted })
	return "(select " + columns + " from " + pgx.Identifier{schema, t.Name}.Sanitize() + ") r"
}

// temporary is the schema of the tables with the rows that the log produces.
const temporary = "pg_temp"

// compare compares the rows of each tenant by number and sum of hashes, which do not depend on their
// order. The server computes the hashes, so rows are neither converted to text nor sent. Each
// comparison uses a different seed, so that no one can construct rows with equal hashes. If tenants
// differ, compare returns the first difference of one of them.
func (t tableShape) compare(ctx context.Context, tx pgx.Tx, schema string, seed int64) (r TableReport, err error) {
	digests := func(schema string) string {
		return `(select ` + t.tenant() + ` as tenant, count(*) as rows, sum(hash_record_extended(r, $1)) as hashes
			from ` + t.rows(schema) + ` group by 1)`
	}
	var differing string
	err = tx.QueryRow(ctx, `
		select coalesce(sum(a.rows), 0)::bigint, coalesce(sum(b.rows), 0)::bigint, count(*) filter (where differs),
		       coalesce(min(tenant) filter (where differs), '')
		from `+digests(schema)+` a full join `+digests(temporary)+` b using (tenant)
		cross join lateral (select (a.rows, a.hashes) is distinct from (b.rows, b.hashes) as differs) d`, seed).
		Scan(&r.Rows, &r.RowsLog, &r.TenantsDiffering, &differing)
	if err != nil {
		return r, fmt.Errorf("compare %s.%s: %w", schema, t.Name, err)
	}
	if r.Equal = r.TenantsDiffering == 0; !r.Equal {
		r.FirstDifference, err = t.firstDifference(ctx, tx, schema, differing, seed)
	}
	return r, err
}

// firstDifference returns the first differing row of a tenant, by key.
func (t tableShape) firstDifference(
	ctx context.Context, tx pgx.Tx, schema, tenant string, seed int64,
) (*Difference, error) {
	type pair struct {
		Key           []string
		Table, Folded map[string]json.RawMessage
	}
	key := "array[" + each(t.Key, func(quoted string) string { return quoted + "::text" }) + "]"
	keyedRows := func(schema string) string {
		return `(select ` + key + ` as key, hash_record_extended(r, $2) as hash, to_jsonb(r) as row
			from ` + t.rows(schema) + ` where ` + t.tenant() + ` = $1)`
	}
	found, differs, err := pg.Find(ctx, tx, "compare rows of "+schema+"."+t.Name, pgx.RowToStructByPos[pair], `
		select key, a.row, b.row from `+keyedRows(schema)+` a full join `+keyedRows(temporary)+` b using (key)
		where a.hash is distinct from b.hash order by key collate "C" limit 1`, tenant, seed)
	if err != nil || !differs { // with duplicate keys, only the counts differ
		return nil, err
	}
	d := &Difference{
		Tenant: tenant, Key: map[string]string{}, In: inBoth, Event: eventBehind(found.Table, found.Folded),
	}
	switch {
	case found.Folded == nil:
		d.In = inTable
	case found.Table == nil:
		d.In = inLog
	default:
		d.Columns = slices.DeleteFunc(slices.Sorted(maps.Keys(found.Table)), func(column string) bool {
			return bytes.Equal(found.Table[column], found.Folded[column])
		})
	}
	for i, column := range t.Key {
		d.Key[column] = found.Key[i]
	}
	return d, nil
}

// eventBehind returns the event id of the first row that has one.
func eventBehind(rows ...map[string]json.RawMessage) (id string) {
	for _, row := range rows {
		if json.Unmarshal(row["event_id"], &id) == nil && id != "" {
			return id
		}
	}
	return ""
}

// Report says whether the tables of a projection equal a fold of the log, and gives the first
// difference of each table.
type Report struct {
	ID         string    `json:"id"`
	At         time.Time `json:"at"`
	Projection string    `json:"projection"`
	Generation int       `json:"generation"` // that readers use
	Version    int       `json:"version"`    // of the projector
	// Positions are the offsets, by partition, up to which the log was folded.
	Positions map[int32]int64 `json:"positions"`
	Tables    []TableReport   `json:"tables"`
	Equal     bool            `json:"equal"`
	Took      string          `json:"took"`
	// Note says why nothing was compared; "" if the tables were compared.
	Note string `json:"note,omitempty"`
	// Behind says how many records after Positions were not compared, because they are not folded
	// yet.
	Behind string `json:"behind,omitempty"`
}

// TableReport is the comparison of one table.
type TableReport struct {
	Name             string      `json:"name"`
	Rows             int64       `json:"rows"`     // in the table
	RowsLog          int64       `json:"rows_log"` // in the fold of the log
	Equal            bool        `json:"equal"`
	TenantsDiffering int         `json:"tenants_differing"`
	FirstDifference  *Difference `json:"first_difference,omitempty"`
}

// Difference is a row that differs. It names columns but contains none of their values, because a
// report is kept when a person is erased.
type Difference struct {
	Tenant string            `json:"tenant"` // parent_account; "" if rows belong to no agency
	Key    map[string]string `json:"key"`
	// In says where the row exists: table, log, or both.
	In string `json:"in"`
	// Columns are the differing columns, sorted by name, if the row is in both.
	Columns []string `json:"columns,omitempty"`
	Event   string   `json:"event,omitempty"` // id of the event that produced the row, if the row has it
}

const (
	inTable = "table"
	inLog   = "log"
	inBoth  = "both"
)
