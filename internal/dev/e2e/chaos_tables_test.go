//go:build e2e

package e2e_test

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// chaosTables are all tables of the read models with their primary keys.
var chaosTables = map[string][]string{
	"dashboard_heads":       {"parent_account"},
	"dashboard_preferences": {"parent_account", "sub_account_id"},
	"dashboard_history":     {"parent_account", "version", "sub_account_id"},
	"dashboard_commands":    {"parent_account", "subject", "idempotency_key"},
	"access_notices":        {"parent_account", "version", "user_id"},

	"tsaccountins":   {"social_account_id", "parent_account", "captured_at"},
	"account_months": {"social_account_id", "parent_account", "account_id", "member_id", "p_id", "metric", "kind", "month", "source", "window_name"},
	"account_newest": {"social_account_id", "parent_account", "account_id", "member_id"},

	"tsposts":        {"social_account_id", "external_id", "parent_account", "account_id"},
	"tspostinsights": {"social_account_id", "external_id", "parent_account", "captured_at"},
	"post_daily":     {"social_account_id", "external_id", "parent_account", "day", "account_id", "member_id"},
	"post_months":    {"social_account_id", "external_id", "parent_account", "month", "account_id", "member_id"},
	"post_gains":     {"social_account_id", "quarter", "parent_account", "account_id", "member_id", "p_id"},

	"post_contents": {"parent_account", "social_account_id", "external_id", "origin"},

	"account_erasures": {"social_account_id", "parent_account"},
	"post_erasures":    {"social_account_id", "parent_account"},

	"accounts": {"id"}, "users": {"id"}, "orders": {"id"}, "sessions": {"id"}, "members": {"id"}, "tmemberauth": {"id"},
	"tdefaultaccount": {"member_id"}, "tsaccounts": {"id"}, "tcontentplanner": {"id"}, "tsubscriptions": {"id"},
	"tdefaultcategories": {"id"},

	"operations_trail":  {"parent_account", "event_id"},
	"connection_states": {"connection_id"},

	"parked": {"projection", "generation", "partition", "log_offset"},
}

// chaosRow is a row that the oracle demands, and the event that it comes from.
type chaosRow struct {
	text string // as PostgreSQL prints the row as jsonb, every column of the table included
	from *chaosRecord
}

// chaosRows are the demanded rows by table.
type chaosRows map[string][]chaosRow

func (rows chaosRows) add(table string, from *chaosRecord, columns map[string]any) {
	var text strings.Builder
	chaosText(&text, columns)
	rows[table] = append(rows[table], chaosRow{text.String(), from})
}

// chaosDay is a value of a date column.
type chaosDay string

// chaosText prints a value as PostgreSQL prints jsonb: keys by length, then by bytes; one space after
// commas and colons.
func chaosText(out *strings.Builder, value any) {
	switch v := value.(type) {
	case nil:
		out.WriteString("null")
	case bool:
		out.WriteString(strconv.FormatBool(v))
	case int:
		out.WriteString(strconv.Itoa(v))
	case int32:
		out.WriteString(strconv.FormatInt(int64(v), 10))
	case int64:
		out.WriteString(strconv.FormatInt(v, 10))
	case *int64:
		if v == nil {
			out.WriteString("null")
			return
		}
		out.WriteString(strconv.FormatInt(*v, 10))
	case json.Number:
		out.WriteString(v.String())
	case string:
		chaosQuote(out, v)
	case chaosDay:
		chaosQuote(out, string(v))
	case time.Time:
		chaosQuote(out, v.UTC().Format("2006-01-02T15:04:05.999999+00:00"))
	case *time.Time:
		if v == nil {
			out.WriteString("null")
			return
		}
		chaosText(out, *v)
	case []byte: // bytea
		chaosQuote(out, `\x`+hex.EncodeToString(v))
	case []string:
		out.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				out.WriteString(", ")
			}
			chaosQuote(out, item)
		}
		out.WriteByte(']')
	case []any:
		out.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				out.WriteString(", ")
			}
			chaosText(out, item)
		}
		out.WriteByte(']')
	case map[string]any:
		names := slices.SortedFunc(maps.Keys(v), func(a, b string) int {
			return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
		})
		out.WriteByte('{')
		for i, name := range names {
			if i > 0 {
				out.WriteString(", ")
			}
			chaosQuote(out, name)
			out.WriteString(": ")
			chaosText(out, v[name])
		}
		out.WriteByte('}')
	default:
		panic(fmt.Sprintf("no text for a %T", value))
	}
}

func chaosQuote(out *strings.Builder, s string) {
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\t':
			out.WriteString(`\t`)
		case r < ' ':
			fmt.Fprintf(out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
}

// chaosNormal is the same text for what was read from JSON.
func chaosNormal(value any) string {
	var text strings.Builder
	chaosText(&text, value)
	return text.String()
}

// compare reads every table in the transaction and demands exactly the rows of the oracle. The error
// names the first row that differs, by primary key, and its event.
func (rows chaosRows) compare(ctx context.Context, tx pgx.Tx, log *chaosLog) error {
	for _, table := range slices.Sorted(maps.Keys(chaosTables)) {
		if err := rows.compareTable(ctx, tx, log, table); err != nil {
			return err
		}
	}
	return nil
}

func (rows chaosRows) compareTable(ctx context.Context, tx pgx.Tx, log *chaosLog, table string) error {
	want := make(map[string]*chaosRecord, len(rows[table]))
	for _, row := range rows[table] {
		if _, twice := want[row.text]; twice {
			return fmt.Errorf("the test demands a row of %s twice: %s", table, row.text)
		}
		want[row.text] = row.from
	}
	var extra []string
	columns := "to_jsonb(t)"
	if table == "parked" {
		columns += " - 'detail'" // words for people
	}
	schema := "lb"
	if slices.Contains([]string{"parked", "checkpoints", "generations"}, table) {
		schema = "lb_engine"
	}
	found, err := tx.Query(ctx, "select ("+columns+")::text from "+schema+"."+table+" t")
	if err != nil {
		return fmt.Errorf("read %s: %w", table, err)
	}
	var text string
	if _, err := pgx.ForEachRow(found, []any{&text}, func() error {
		if _, right := want[text]; right {
			delete(want, text)
		} else {
			extra = append(extra, text)
		}
		return nil
	}); err != nil {
		return fmt.Errorf("read %s: %w", table, err)
	}
	if len(extra) == 0 && len(want) == 0 {
		return nil
	}
	return chaosDifference(log, table, want, extra)
}

// chaosDifference describes the first row, in the order of the primary key, that is not as it must be.
func chaosDifference(log *chaosLog, table string, missing map[string]*chaosRecord, extra []string) error {
	type pair struct {
		want, got map[string]any
		from      *chaosRecord
	}
	pairs := map[string]*pair{}
	at := func(text string) (*pair, map[string]any) {
		var columns map[string]any
		_ = chaosJSON([]byte(text), &columns)
		var key strings.Builder
		for _, name := range chaosTables[table] {
			value := chaosNormal(columns[name])
			if _, number := columns[name].(json.Number); number {
				value = fmt.Sprintf("%20s", value)
			}
			fmt.Fprintf(&key, "%s=%s ", name, value)
		}
		if pairs[key.String()] == nil {
			pairs[key.String()] = &pair{}
		}
		return pairs[key.String()], columns
	}
	for text, from := range missing {
		p, columns := at(text)
		p.want, p.from = columns, from
	}
	for _, text := range extra {
		p, columns := at(text)
		p.got = columns
	}
	key := slices.Min(slices.Collect(maps.Keys(pairs)))
	first := pairs[key]
	var out strings.Builder
	fmt.Fprintf(&out, "%s is not the fold of the log: %d rows differ (%d demanded ones are not there, %d others are); the first: %s\n",
		table, len(pairs), len(missing), len(extra), key)
	switch {
	case first.want == nil:
		first.from = log.eventOf(first.got)
		fmt.Fprintf(&out, "  the log does not demand it: %s\n", chaosNormal(first.got))
	case first.got == nil:
		fmt.Fprintf(&out, "  it is missing: %s\n", chaosNormal(first.want))
	default:
		columns := maps.Clone(first.want)
		maps.Copy(columns, first.got)
		for _, name := range slices.Sorted(maps.Keys(columns)) {
			if want, got := chaosNormal(first.want[name]), chaosNormal(first.got[name]); want != got {
				fmt.Fprintf(&out, "  %s must be %s, is %s\n", name, want, got)
			}
		}
	}
	fmt.Fprintf(&out, "  event: %s", first.from)
	return fmt.Errorf("%s", out.String())
}

// eventOf looks for the event that a row may come from which the oracle does not demand.
func (l *chaosLog) eventOf(row map[string]any) *chaosRecord {
	text := func(name string) string {
		if row[name] == nil {
			return "\x00"
		}
		return strings.Trim(chaosNormal(row[name]), `"`)
	}
	for _, partitions := range l.topics {
		for _, records := range partitions {
			for _, r := range records {
				switch {
				case r.id == text("event_id"),
					r.topic == "dashboards" && r.key == text("parent_account") && r.header("ce_chainversion") == text("version"),
					r.topic == "directory" && strings.HasSuffix(r.key, ":"+text("id")),
					r.reading != nil && r.key == text("social_account_id") && r.reading.ExternalID == text("external_id") &&
						chaosNormal(r.reading.CapturedAt) == chaosNormal(row["captured_at"]):
					return r
				}
			}
		}
	}
	return nil
}
