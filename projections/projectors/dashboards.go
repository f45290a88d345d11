package projectors

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// Dashboards projects topic `dashboards` into preferences, history, heads, remembered commands and
// access notices. They share one checkpoint because a command loads state and head together.
// partitions is the partition count of the topic, which the verdict on a record needs. The name,
// version and tables do not depend on it, so callers that need only these may pass 0.
func Dashboards(partitions int32) fold.Projector {
	return fold.Projector{
		Name: "dashboards", Version: 7 + ahead, Topic: domain.TopicDashboards,
		Definition: ddl.Of("dashboards"),
		Tables: []string{
			"dashboard_preferences", "dashboard_history", "dashboard_listed", "dashboard_allowed", "dashboard_heads",
			"dashboard_commands", "access_notices",
		},
		Begin: func(generation int) fold.Fold {
			return &dashboardsFold{
				generation: generation, partitions: partitions,
				streams: map[string]*stream{}, commands: map[commandScope]commandRow{}, access: newAccessSpans(),
			}
		},
		// A record in the wrong partition, or with a key that is not an agency id, blocks no
		// stream.
		Blocks: func(key string, partition int32) bool {
			id, ok := domain.HexID(key)
			return ok && id == key && eventlog.PartitionOf([]byte(key), partitions) == partition
		},
	}
}

type stream struct {
	head       domain.StreamHead
	moved      bool
	parked     bool
	stored     map[string]domain.Dashboard // before the batch
	dashboards map[string]domain.Dashboard
	changed    map[string]bool
}

type dashboardsFold struct {
	loadsNothing

	generation int
	partitions int32
	streams    map[string]*stream
	history    []historyRow
	access     accessSpans
	commands   map[commandScope]commandRow
	notices    []noticeRow
}

var _ fold.Chained = (*dashboardsFold)(nil)

// Apply implements [fold.Fold]. It first determines the verdict, which depends only on raw bytes:
// even a record that cannot be decoded becomes the head.
func (f *dashboardsFold) Apply(ev fold.Event) error {
	s, err := f.streamOf(ev)
	if err != nil {
		return err
	}
	verdict, next, reason := eventlog.Judge(s.head, ev.Raw, f.partitions)
	switch verdict {
	case eventlog.Stale, eventlog.Invalid:
		return fold.ErrStale
	case eventlog.Broken:
		s.parked = true
		return &fold.ParkError{Reason: fold.ReasonChainBroken, Detail: reason}
	}
	s.head, s.moved = next, true
	if isSkip(ev.Data) {
		return f.skip(ev, next) // the engine executes it
	}
	if s.parked {
		return &fold.ParkError{Reason: fold.ReasonBehind, Detail: "an earlier event of this stream is parked"}
	}
	if err := f.content(s, ev, next); err != nil {
		s.parked = true
		return err
	}
	return nil
}

// streamOf returns the stream of a record, or an error if the record belongs to none: a record in
// the wrong partition must not park its stream in the right one.
func (f *dashboardsFold) streamOf(ev fold.Event) (*stream, error) {
	if verdict, _, _ := eventlog.Judge(domain.StreamHead{}, ev.Raw, f.partitions); verdict == eventlog.Invalid {
		return nil, fold.ErrStale
	}
	key := string(ev.Raw.Key)
	if id, ok := domain.HexID(key); !ok || id != key {
		detail := fmt.Sprintf("key %q is not the id of an agency", key)
		return nil, &fold.ParkError{Reason: fold.ReasonMalformed, Detail: detail}
	}
	if f.streams[key] == nil {
		f.streams[key] = &stream{
			head:   domain.StreamHead{Hash: eventlog.Genesis(domain.TopicDashboards, key)},
			stored: map[string]domain.Dashboard{}, dashboards: map[string]domain.Dashboard{}, changed: map[string]bool{},
		}
	}
	return f.streams[key], nil
}

func (f *dashboardsFold) Pass(ev fold.Event) {
	s, err := f.streamOf(ev)
	if err != nil {
		return
	}
	if verdict, next, _ := eventlog.Judge(s.head, ev.Raw, f.partitions); verdict == eventlog.Effective {
		s.head, s.moved, s.parked = next, true, true
	}
}

// Resume implements [fold.Chained]. The record was effective when it was parked, so its headers
// determine the head that it created.
func (f *dashboardsFold) Resume(ev fold.Event) error {
	s, err := f.streamOf(ev)
	if err != nil {
		return err
	}
	if ev.Err != nil {
		return ev.Err
	}
	link := ev.Envelope.Chain
	head := domain.StreamHead{
		Version: link.Version, Hash: eventlog.RecordHash(link.Prev, ev.Raw), Time: ev.Envelope.Time,
	}
	if isSkip(ev.Data) {
		return f.skip(ev, head)
	}
	return f.content(s, ev, head)
}

func (f *dashboardsFold) Release(key string) {
	if s := f.streams[key]; s != nil {
		s.parked = false
	}
}

func isSkip(data domain.Data) bool {
	_, ok := data.(domain.ParkedSkipped)
	return ok
}

func (f *dashboardsFold) skip(ev fold.Event, head domain.StreamHead) error {
	skip, err := json.Marshal(ev.Data)
	if err != nil {
		return refuse("%s", fold.WithoutValues(err))
	}
	f.history = append(f.history, historyRow{event: ev.Recorded, head: head, skip: skip})
	return nil
}

// content folds the content of an effective record. head is the head that the record created.
func (f *dashboardsFold) content(s *stream, ev fold.Event, head domain.StreamHead) error {
	if ev.Err != nil {
		return ev.Err
	}
	event, ok := ev.Data.(domain.DashboardEvent)
	if !ok {
		return errMisplaced(ev)
	}
	audit := ev.Envelope.Audit
	if err := indexable(audit.Actor, audit.IdempotencyKey, audit.CommandID, ev.Envelope.ID); err != nil {
		return err
	}
	change := event.Change()
	revisions, err := change.Fold(ev.Key, head.Version, ev.Envelope.Time, s.dashboards)
	if err != nil {
		return refuse("%s", fold.WithoutValues(err))
	}
	for _, r := range revisions {
		s.dashboards[r.After.SubAccountID] = r.After
		s.changed[r.After.SubAccountID] = true
		difference := domain.DifferenceBetween(r.Before, r.After)
		f.history = append(f.history, historyRow{
			event: ev.Recorded, head: head, after: r.After, changed: changedMembers(difference),
		})
		f.access.fold(head.Version, r.After, difference)
	}
	for _, n := range change.Notices(revisions) {
		f.notices = append(f.notices, noticeRow{ev.Key, head.Version, ev.Envelope.Time, n})
	}
	row := newCommandRow(ev, head, change.Primary)
	f.commands[row.scope()] = row
	return nil
}

func (f *dashboardsFold) Load(first *pgx.Batch, events []fold.Event) {
	var parents, subs []string
	for _, ev := range events {
		key := string(ev.Raw.Key)
		if _, err := f.streamOf(ev); err != nil {
			continue
		}
		if event, ok := ev.Data.(domain.DashboardEvent); ok {
			for _, id := range event.Change().AffectedAccounts() {
				parents, subs = append(parents, key), append(subs, id)
			}
		}
	}
	keys := slices.Sorted(maps.Keys(f.streams))
	f.queueHeads(first, keys)
	f.queueParked(first, keys)
	f.queueDashboards(first, parents, subs)
	f.access.load(first, parents, subs)
}

func (f *dashboardsFold) queueHeads(batch *pgx.Batch, keys []string) {
	batch.Queue(`select parent_account, version, hash, time from dashboard_heads where parent_account = any($1)`, keys).
		Query(func(rows pgx.Rows) error {
			var parent string
			var head domain.StreamHead
			var hash []byte
			_, err := pgx.ForEachRow(rows, []any{&parent, &head.Version, &hash, &head.Time}, func() error {
				copy(head.Hash[:], hash)
				f.streams[parent].head = head
				return nil
			})
			return err
		})
}

// queueParked queries which streams have parked events. Only events in the right partition of a
// stream count. A record in a wrong partition is parked there, and the result must not depend on
// whether that partition was already read.
func (f *dashboardsFold) queueParked(batch *pgx.Batch, keys []string) {
	partitions := make([]int32, len(keys))
	for i, key := range keys {
		partitions[i] = eventlog.PartitionOf([]byte(key), f.partitions)
	}
	batch.Queue(`
		select distinct p.stream_key from parked p join unnest($3::text[], $4::int[]) as k(stream_key, partition)
			on p.stream_key = k.stream_key and p.partition = k.partition
		where p.projection = $1 and p.generation = $2 and p.state = 'parked'`,
		Dashboards(f.partitions).Name, f.generation, keys, partitions).
		Query(func(rows pgx.Rows) error {
			var key string
			_, err := pgx.ForEachRow(rows, []any{&key}, func() error {
				f.streams[key].parked = true
				return nil
			})
			return err
		})
}

func (f *dashboardsFold) queueDashboards(batch *pgx.Batch, parents, subs []string) {
	batch.Queue(`
		select p.document_id, p.sub_account_id, p.parent_account, p.sub_account_ids, p.users, p.main_poc,
		       p.allow_client_dashboard, p.scopes, p.created_at, p.updated_at, p.version
		from dashboard_preferences p
		join (select distinct parent_account, sub_account_id
			  from unnest($1::text[], $2::text[]) as k(parent_account, sub_account_id)) k
			using (parent_account, sub_account_id)`,
		parents, subs).
		Query(func(rows pgx.Rows) error {
			var d domain.Dashboard
			targets := []any{
				&d.DocumentID, &d.SubAccountID, &d.ParentAccount, &d.SubAccountIDs, &d.Users, &d.MainPOC,
				&d.AllowClientDashboard, &d.Scopes, &d.CreatedAt, &d.UpdatedAt, &d.Version,
			}
			_, err := pgx.ForEachRow(rows, targets, func() error {
				d.ID = d.DocumentID
				s := f.streams[d.ParentAccount]
				s.stored[d.SubAccountID], s.dashboards[d.SubAccountID] = d, d
				// Clear the lists. Otherwise, the next row would be scanned into the same arrays.
				d.SubAccountIDs, d.Users, d.MainPOC, d.Scopes = nil, nil, nil, nil
				return nil
			})
			return err
		})
}
