//go:build e2e

package e2e_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// chaosDoc is a dashboard's document. It is never changed once it is made.
type chaosDoc struct {
	id, sub, parent            string
	linked, users, poc, scopes []string
	allow                      bool
	created, updated           time.Time
	version                    int64
}

func (d *chaosDoc) same(o *chaosDoc) bool {
	return d.id == o.id && d.allow == o.allow && slices.Equal(d.linked, o.linked) && slices.Equal(d.users, o.users) &&
		slices.Equal(d.poc, o.poc) && slices.Equal(d.scopes, o.scopes)
}

// json is the document as answers and history show it.
func (d *chaosDoc) json() map[string]any {
	return map[string]any{
		"_id": d.id, "id": d.id, "sub_account_id": d.sub, "parent_account": d.parent,
		"sub_account_ids": d.linked, "users": d.users, "main_poc": d.poc, "allow_client_dashboard": d.allow, "scopes": d.scopes,
		"created_at": d.created.UTC().Format(time.RFC3339Nano), "updated_at": d.updated.UTC().Format(time.RFC3339Nano),
	}
}

// chaosState is all dashboards of an agency at one version.
type chaosState map[string]*chaosDoc

// chaosEffective is one effective record and what it did.
type chaosEffective struct {
	*chaosRecord
	version       int64
	hash          []byte
	before, after chaosState
	changed       []string            // sub-accounts whose document it changed or made
	lost          []string            // users who lost access by it
	closed        map[string][]string // user → accounts whose dashboards it closed for them
	folded        bool                // false: it moved the head of a parked stream and did nothing else
}

func (e *chaosEffective) actor() string     { return e.header("ce_actor") }
func (e *chaosEffective) commandID() string { return e.header("ce_commandid") }
func (e *chaosEffective) requestID() string { return e.header("ce_requestid") }

// traceID is that of the request, "" when it sent none.
func (e *chaosEffective) traceID() string {
	parts := strings.Split(e.header("ce_traceparent"), "-")
	if len(parts) != 4 {
		return ""
	}
	return parts[1]
}

// scope is what its command is remembered by.
func (e *chaosEffective) scope() string {
	for _, name := range []string{"ce_idempotencykey", "ce_commandid", "ce_id"} {
		if value := e.header(name); value != "" {
			return e.actor() + " " + value
		}
	}
	return ""
}

// chaosStream is one agency's history: records[v-1] made version v.
type chaosStream struct {
	parent  string
	head    chaosHead
	records []*chaosEffective
	parked  bool
}

// state returns the dashboards as of a version.
func (s *chaosStream) state(version int64) chaosState {
	if version < 1 {
		return chaosState{}
	}
	return s.records[version-1].after
}

func chaosSet(lists ...[]string) []string {
	all := append([]string{}, slices.Concat(lists...)...)
	slices.Sort(all)
	return slices.Compact(all)
}

func chaosWithout(list []string, drop func(string) bool) []string {
	return append([]string{}, slices.DeleteFunc(slices.Clone(list), drop)...)
}

// apply makes the record's state of its predecessor's.
func (e *chaosEffective) apply(parent string) error {
	c := e.change
	e.after = maps.Clone(e.before)
	doc := func(sub string) (*chaosDoc, error) {
		if d, there := e.before[sub]; there {
			next := *d
			return &next, nil
		}
		id, created := c.Created[sub]
		if !created {
			return nil, fmt.Errorf("the record names dashboard %s, which is not there and is not made by it: %s", sub, e)
		}
		return &chaosDoc{id: id, sub: sub, parent: parent, created: e.at}, nil
	}
	touch := func(sub string, change func(*chaosDoc)) error {
		d, err := doc(sub)
		if err != nil {
			return err
		}
		change(d)
		if old, there := e.before[sub]; there && old.same(d) {
			return nil
		}
		d.updated, d.version = e.at, e.version
		e.after[sub] = d
		e.changed = append(e.changed, sub)
		return nil
	}
	for _, sub := range c.Linked {
		err := touch(sub, func(d *chaosDoc) {
			d.linked, d.users, d.scopes = chaosSet(c.Linked), chaosSet(c.Users), chaosSet(c.Scopes)
			d.poc, d.allow = chaosSet(c.MainPOC[sub]), c.Allow
		})
		if err != nil {
			return err
		}
	}
	for _, split := range c.Split {
		err := touch(split.SubAccountID, func(d *chaosDoc) {
			d.linked, d.users = []string{split.SubAccountID}, chaosSet(split.Users)
		})
		if err != nil {
			return err
		}
	}
	for _, sub := range e.changed {
		if old, there := e.before[sub]; there {
			e.lost = append(e.lost, chaosWithout(old.users, func(u string) bool { return slices.Contains(e.after[sub].users, u) })...)
		}
	}
	e.lost = chaosSet(e.lost)
	if !slices.Equal(e.lost, chaosSet(c.LostAccess)) {
		return fmt.Errorf("by the documents %v lost access, the record says %v: %s", e.lost, c.LostAccess, e)
	}
	e.closed = map[string][]string{}
	for _, sub := range chaosSet(e.changed) {
		if old, there := e.before[sub]; there && old.allow && !e.after[sub].allow {
			for _, user := range chaosWithout(old.users, func(u string) bool { return slices.Contains(e.lost, u) }) {
				e.closed[user] = append(e.closed[user], sub)
			}
		}
	}
	return nil
}

// foldDashboards demands heads, preferences, history, commands, notices and parked records, and returns
// the streams. Only the stream that the test itself has tampered with may be broken.
func (l *chaosLog) foldDashboards(until chaosVector, rows chaosRows) (map[string]*chaosStream, error) {
	streams := map[string]*chaosStream{}
	var failed error
	l.each("dashboards", until, func(r *chaosRecord) {
		s := streams[r.key]
		if s == nil {
			s = &chaosStream{parent: r.key}
			streams[r.key] = s
		}
		if err := s.take(r, rows); err != nil && failed == nil {
			failed = err
		}
	})
	for _, s := range streams {
		s.demand(rows)
	}
	return streams, failed
}

func (s *chaosStream) take(r *chaosRecord, rows chaosRows) error {
	if r.partition != chaosPartitionOf(r.key, chaosPartitions[r.topic]) {
		return fmt.Errorf("a record lies in the wrong partition: %s", r)
	}
	verdict, next := s.head.judge(r)
	park := func(reason string) error {
		s.parked = true
		rows.add("parked", r, map[string]any{
			"projection": "dashboards", "generation": 1, "partition": r.partition, "log_offset": r.offset, "stream_key": r.key,
			"event_type": r.kind, "event_id": r.id, "event_time": r.at, "reason": reason, "state": "parked",
		})
		if s.parent != chaosTampered {
			return fmt.Errorf("a record is %s (head: version %d, hash %x): %s", reason, s.head.version, s.head.hash, r)
		}
		return nil
	}
	switch verdict {
	case "stale":
		return nil
	case "broken":
		return park("chain_broken")
	}
	s.head = next
	e := &chaosEffective{chaosRecord: r, version: next.version, hash: next.hash, before: chaosState{}}
	if len(s.records) > 0 {
		e.before = s.records[len(s.records)-1].after
	}
	s.records = append(s.records, e)
	if s.parked {
		e.after = e.before
		return park("behind")
	}
	if err := e.apply(s.parent); err != nil {
		return err
	}
	e.folded = true
	s.history(e, rows)
	return nil
}

func (s *chaosStream) history(e *chaosEffective, rows chaosRows) {
	for _, sub := range e.changed {
		var before any
		if old, there := e.before[sub]; there {
			before = old.json()
		}
		rows.add("dashboard_history", e.chaosRecord, map[string]any{
			"parent_account": s.parent, "sub_account_id": sub, "version": e.version, "event_id": e.id, "event_type": e.kind,
			"time": e.at, "actor": e.actor(), "role": e.header("ce_actorrole"), "on_behalf_of": e.header("ce_onbehalfof"),
			"command_id": e.commandID(), "request_id": e.requestID(), "hash": e.hash, "before": before, "after": e.after[sub].json(),
		})
	}
	for _, user := range e.lost {
		rows.add("access_notices", e.chaosRecord, map[string]any{
			"parent_account": s.parent, "version": e.version, "user_id": user, "time": e.at, "kind": "client_access_removed",
			"sub_account_ids": []string{},
		})
	}
	for user, accounts := range e.closed {
		rows.add("access_notices", e.chaosRecord, map[string]any{
			"parent_account": s.parent, "version": e.version, "user_id": user, "time": e.at, "kind": "board_closed", "sub_account_ids": accounts,
		})
	}
}

// demand adds the rows that show the stream's end.
func (s *chaosStream) demand(rows chaosRows) {
	if s.head.version == 0 {
		return
	}
	last := s.records[len(s.records)-1]
	rows.add("dashboard_heads", last.chaosRecord, map[string]any{
		"parent_account": s.parent, "version": s.head.version, "hash": s.head.hash, "time": s.head.at,
	})
	for sub, d := range last.after {
		rows.add("dashboard_preferences", s.records[d.version-1].chaosRecord, map[string]any{
			"parent_account": s.parent, "sub_account_id": sub, "document_id": d.id, "sub_account_ids": d.linked, "users": d.users,
			"main_poc": d.poc, "allow_client_dashboard": d.allow, "scopes": d.scopes, "created_at": d.created,
			"updated_at": d.updated, "version": d.version,
		})
	}
	// A command is remembered for 24 h of record time.
	commands := map[string]*chaosEffective{}
	for _, e := range s.records {
		if !e.folded || e.at.Before(s.head.at.Add(-24*time.Hour)) {
			continue
		}
		commands[e.scope()] = e
	}
	for _, e := range commands {
		key := e.header("ce_idempotencykey")
		if key == "" {
			key = e.commandID()
		}
		rows.add("dashboard_commands", e.chaosRecord, map[string]any{
			"parent_account": s.parent, "subject": e.actor(), "idempotency_key": key, "command_id": e.commandID(),
			"request_digest": e.header("ce_requestdigest"), "sub_account_id": e.change.Primary, "version": e.version, "time": e.at,
		})
	}
}
