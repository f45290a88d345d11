package projections

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// tableShape is what a comparison needs to know about a table.
type tableShape struct {
	Name    string   // in the database
	Columns []string // all columns, in the order of the definition
	Key     []string // of the primary key; all columns if none exists
}

// inDatabase returns a table's name in the database, which folds unquoted names to lower case.
func inDatabase(table string) string { return strings.ToLower(table) }

// readShape reads the columns and the key of a table.
func readShape(ctx context.Context, tx pgx.Tx, schema, table string) (tableShape, error) {
	shape := tableShape{Name: inDatabase(table)}
	err := tx.QueryRow(ctx, `
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

// tenantColumn is the column that names the agency of a row.
const tenantColumn = "parent_account"

func (t tableShape) tenant() string {
	if slices.Contains(t.Columns, tenantColumn) {
		return "coalesce(" + tenantColumn + ", '')"
	}
	return "''"
}

// each applies a function to the quoted name of each column and joins the results.
func each(columns []string, expression func(quoted string) string) string {
	parts := make([]string, len(columns))
	for i, column := range columns {
		parts[i] = expression(pgx.Identifier{column}.Sanitize())
	}
	return strings.Join(parts, ", ")
}

// rows returns a subquery r on the rows of the table in a schema.
func (t tableShape) rows(schema string) string {
	columns := each(t.Columns, func(quoted string) string { return quoted })
	return "(select " + columns + " from " + pgx.Identifier{schema, t.Name}.Sanitize() + ") r"
}

// digest is the number of a tenant's rows and the sum of their hashes, in any order.
type digest struct {
	Rows int64
	Sum  int64 // modulo 2^63
}

func (d digest) plus(o digest) digest {
	return digest{d.Rows + o.Rows, (d.Sum + o.Sum) & math.MaxInt64}
}

// digests reads the digest of each tenant. The server computes the hashes, so rows are neither
// converted to text nor sent. Each comparison has another seed, so that no one can choose rows that
// collide.
func (t tableShape) digests(ctx context.Context, tx pgx.Tx, schema string, seed int64) (map[string]digest, error) {
	type row struct {
		Tenant string
		Digest digest
	}
	rows, err := pg.List(ctx, tx, "digest "+schema+"."+t.Name, func(r pgx.CollectableRow) (d row, err error) {
		return d, r.Scan(&d.Tenant, &d.Digest.Rows, &d.Digest.Sum)
	}, `select `+t.tenant()+`, count(*), mod(sum(hash_record_extended(r, $1)), 9223372036854775808)::bigint from `+t.rows(schema)+` group by 1`, seed)
	digests := map[string]digest{}
	for _, d := range rows {
		digests[d.Tenant] = digest{}.plus(d.Digest)
	}
	return digests, err
}

// firstDifference returns the first differing row of a tenant, by key. The rows that the log gives
// are in the temporary table.
func (t tableShape) firstDifference(ctx context.Context, tx pgx.Tx, schema, tenant string, seed int64) (*Difference, error) {
	type pair struct {
		Key           []string
		Table, Folded map[string]json.RawMessage
	}
	key := "array[" + each(t.Key, func(quoted string) string { return quoted + "::text" }) + "]"
	keyedRows := func(schema string) string {
		return `(select ` + key + ` as key, hash_record_extended(r, $2) as hash, to_jsonb(r) as row from ` + t.rows(schema) + ` where ` + t.tenant() + ` = $1)`
	}
	found, differs, err := pg.Find(ctx, tx, "compare rows of "+schema+"."+t.Name, pgx.RowToStructByPos[pair], `
		select key, a.row, b.row from `+keyedRows(schema)+` a full join `+keyedRows(temporary)+` b using (key)
		where a.hash is distinct from b.hash order by key collate "C" limit 1`, tenant, seed)
	if err != nil || !differs { // duplicate keys: only the counts differ
		return nil, err
	}
	d := &Difference{Tenant: tenant, Key: map[string]string{}, In: inBoth, Event: eventBehind(found.Table, found.Folded)}
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

// differingTenants returns the tenants with different digests, sorted.
func differingTenants(a, b map[string]digest) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(tenant string) bool {
		_, inA := a[tenant]
		_, inB := b[tenant]
		return inA && inB && a[tenant] == b[tenant]
	})
}
