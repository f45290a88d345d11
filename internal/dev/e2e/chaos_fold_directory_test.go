//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"
)

// chaosEntity says how the record of an entity that counts becomes a row: column ← member of the payload and
// how its absence is shown.
type chaosEntity struct {
	table   string
	columns map[string]chaosColumn
}

type chaosColumn struct {
	member string // "" for the column's own name
	kind   int
}

const (
	chaosEmptyText  = iota // absent: ''
	chaosNullText          // absent or '': null
	chaosZero              // absent: 0
	chaosNullNumber        // absent: null
	chaosFalse             // absent: false
	chaosNullTime          // absent: null
	chaosList              // absent: {}
)

func chaosColumns(kind int, names ...string) map[string]chaosColumn {
	columns := map[string]chaosColumn{}
	for _, name := range names {
		columns[name] = chaosColumn{name, kind}
	}
	return columns
}

func chaosTable(table string, groups ...map[string]chaosColumn) chaosEntity {
	all := map[string]chaosColumn{}
	for _, group := range groups {
		maps.Copy(all, group)
	}
	return chaosEntity{table, all}
}

var chaosEntities = map[string]chaosEntity{
	"account": chaosTable("accounts",
		chaosColumns(chaosEmptyText, "id", "name", "email", "phone", "address", "custom_domain", "white_label_url", "colour"),
		chaosColumns(chaosNullText, "parent_account"), chaosColumns(chaosZero, "row_id"), chaosColumns(chaosFalse, "active")),
	"user": chaosTable("users",
		chaosColumns(chaosEmptyText, "id", "account_id", "name", "email", "phone", "image", "meeting_link", "role", "company"),
		chaosColumns(chaosFalse, "is_owner", "active", "reset_pending"), chaosColumns(chaosNullTime, "created_at", "updated_at")),
	"order": chaosTable("orders",
		chaosColumns(chaosEmptyText, "id", "buyer", "seller", "product_type"), chaosColumns(chaosList, "assigned_users")),
	"session": chaosTable("sessions", chaosColumns(chaosEmptyText, "id", "user_id"), chaosColumns(chaosNullTime, "login_at")),
	"member": chaosTable("members", chaosColumns(chaosZero, "id"), chaosColumns(chaosEmptyText, "account_id", "name"),
		chaosColumns(chaosNullText, "user_id"), chaosColumns(chaosFalse, "active")),
	"connection": chaosTable("tmemberauth", chaosColumns(chaosZero, "id", "member_id", "p_id", "a_type"),
		chaosColumns(chaosEmptyText, "secret_ref"), chaosColumns(chaosNullTime, "expires_at", "created_at", "updated_at")),
	"default_account": chaosTable("tdefaultaccount", chaosColumns(chaosZero, "member_id", "social_account_id")),
	"social_account": chaosTable("tsaccounts",
		chaosColumns(chaosZero, "id", "member_id", "connection_id", "p_id", "a_type"),
		chaosColumns(chaosEmptyText, "parent_account", "account_id", "external_id", "name"),
		chaosColumns(chaosFalse, "connected"), chaosColumns(chaosNullTime, "created_at", "updated_at")),
	"planned_post": chaosTable("tcontentplanner", chaosColumns(chaosZero, "id", "social_account_id", "c_id"),
		chaosColumns(chaosEmptyText, "account_id", "external_id"), chaosColumns(chaosNullTime, "scheduled_at")),
	"subscription": chaosTable("tsubscriptions", chaosColumns(chaosZero, "id"), chaosColumns(chaosNullNumber, "price_minor"),
		chaosColumns(chaosEmptyText, "account_id", "plan", "currency"), chaosColumns(chaosNullTime, "starts_at", "ends_at")),
	"category": chaosTable("tdefaultcategories", chaosColumns(chaosZero, "id"), chaosColumns(chaosEmptyText, "name")),
}

func (c chaosColumn) value(payload map[string]any) any {
	given, there := payload[c.member]
	there = there && given != nil
	text, _ := given.(string)
	switch {
	case c.kind == chaosNullText && text == "":
		return nil
	case c.kind == chaosNullTime && there:
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			panic(err)
		}
		return at
	case there:
		return given
	}
	return map[int]any{
		chaosEmptyText: "", chaosZero: 0, chaosNullNumber: nil, chaosFalse: false, chaosNullTime: nil, chaosList: []any{},
	}[c.kind]
}

// foldDirectory demands one row per entity: of the last record of its key.
func (l *chaosLog) foldDirectory(until chaosVector, rows chaosRows) map[string]*chaosRecord {
	last := map[string]*chaosRecord{}
	l.each("directory", until, func(r *chaosRecord) {
		if last[r.key] = r; r.fields == nil {
			delete(last, r.key)
		}
	})
	for key, r := range last {
		kind, _, _ := strings.Cut(key, ":")
		row := chaosEntityRow(r)
		row["told_at"] = r.at.Truncate(time.Microsecond)
		rows.add(chaosEntities[kind].table, r, row)
	}
	return last
}

func chaosEntityRow(r *chaosRecord) map[string]any {
	kind, _, _ := strings.Cut(r.key, ":")
	entity, known := chaosEntities[kind]
	if !known {
		panic(fmt.Sprintf("an entity of an unknown kind: %s", r))
	}
	row := map[string]any{}
	for name, column := range entity.columns {
		row[name] = column.value(r.fields)
	}
	return row
}

// foldOperations demands the trail and the connections' states: the state with the latest time counts.
func (l *chaosLog) foldOperations(until chaosVector, rows chaosRows) {
	states := map[string]*chaosRecord{}
	at := func(r *chaosRecord) time.Time {
		t, err := time.Parse(time.RFC3339Nano, r.fields["at"].(string))
		if err != nil {
			panic(err)
		}
		return t
	}
	once := map[[2]string]bool{} // what is appended again has one row
	l.each("operations", until, func(r *chaosRecord) {
		if row := [2]string{r.key, r.id}; !once[row] {
			once[row] = true
			rows.add("operations_trail", r, map[string]any{
				"parent_account": r.key, "event_id": r.id, "event_type": r.kind,
				"time": r.at, "actor": r.header("ce_actor"), "role": r.header("ce_actorrole"), "request_id": r.header("ce_requestid"),
				"data": r.fields,
			})
		}
		if r.kind == "operations.connection_state_changed.v1" {
			id := r.fields["connection_id"].(json.Number).String()
			if w, ok := states[id]; !ok || chaosBefore(at(r), r.id, at(w), w.id) {
				states[id] = r
			}
		}
	})
	for _, r := range states {
		reason, _ := r.fields["reason"].(string)
		rows.add("connection_states", r, map[string]any{
			"connection_id": r.fields["connection_id"], "parent_account": r.key, "p_id": r.fields["p_id"],
			"state": r.fields["state"], "reason": reason, "at": at(r), "event_id": r.id,
		})
	}
}
