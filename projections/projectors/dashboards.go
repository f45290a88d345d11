package projectors

import (
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// Dashboards projects topic `dashboards` into preferences, history, remembered commands and access
// notices.
var Dashboards = fold.Projector{
	Name: "dashboards", Version: 9 + ahead, Topic: domain.TopicDashboards,
	Definition: ddl.Of("dashboards"),
	Tables: []string{
		"dashboard_preferences", "dashboard_history", "dashboard_listed", "dashboard_allowed", "dashboard_commands",
		"access_notices",
	},
	Ends: map[string]string{
		"dashboard_history": "version", "dashboard_listed": "to_version", "dashboard_allowed": "to_version",
		"access_notices": "version", // not dashboard_commands: later events forget them
	},
	Begin: func(int) fold.Fold {
		return &dashboardsFold{
			streams: map[string]*stream{}, commands: map[commandScope]commandRow{}, access: newAccessSpans(),
		}
	},
}

// stream is what the fold knows of an agency.
type stream struct {
	time       time.Time                   // of the last event
	stored     map[string]domain.Dashboard // before the batch
	dashboards map[string]domain.Dashboard
	changed    map[string]bool
}

type dashboardsFold struct {
	loadsNothing

	streams  map[string]*stream
	history  []historyRow
	access   accessSpans
	commands map[commandScope]commandRow
	notices  []noticeRow
}

func (d *dashboardsFold) stream(parent string) *stream {
	if d.streams[parent] == nil {
		d.streams[parent] = &stream{
			stored: map[string]domain.Dashboard{}, dashboards: map[string]domain.Dashboard{}, changed: map[string]bool{},
		}
	}
	return d.streams[parent]
}

func (d *dashboardsFold) Apply(ev fold.Event) error {
	audit := ev.Envelope.Audit
	if err := indexable(audit.Actor, audit.IdempotencyKey, audit.CommandID, ev.Envelope.ID); err != nil {
		return err
	}
	s := d.stream(ev.Key)
	switch event := ev.Data.(type) {
	case domain.DashboardEvent:
		return d.change(s, ev, event.Change())
	case domain.EventSkipped: // the engine leaves out the event that it names
		skip, err := json.Marshal(event)
		if err != nil {
			return fold.Refuse("not_encodable")
		}
		d.history = append(d.history, historyRow{event: new(ev.Recorded), head: ev.Head, skip: skip})
		d.command(s, ev, "")
		return nil
	default:
		return errMisplaced
	}
}

// command remembers the command that appended an event.
func (d *dashboardsFold) command(s *stream, ev fold.Event, primary string) {
	row := newCommandRow(ev, primary)
	d.commands[row.scope()], s.time = row, ev.Head.Time
}

func (d *dashboardsFold) change(s *stream, ev fold.Event, change domain.DashboardChange) error {
	revisions, err := change.Fold(ev.Key, ev.Head.Version, ev.Envelope.Time, s.dashboards)
	if err != nil {
		return fold.Refuse("no_dashboard")
	}
	recorded := new(ev.Recorded)
	for _, r := range revisions {
		s.dashboards[r.After.SubAccountID] = r.After
		s.changed[r.After.SubAccountID] = true
		difference := domain.DifferenceBetween(r.Before, r.After)
		d.history = append(d.history, historyRow{
			event: recorded, head: ev.Head, after: r.After, changed: changedMembers(difference),
		})
		d.access.fold(ev.Head.Version, r.After, difference)
	}
	for _, n := range change.Notices(revisions) {
		d.notices = append(d.notices, noticeRow{ev.Key, ev.Head.Version, ev.Envelope.Time, n})
	}
	d.command(s, ev, change.Primary)
	return nil
}

func (d *dashboardsFold) Load(first *pgx.Batch, events []fold.Event) {
	var parents, subs []string
	for _, ev := range events {
		if event, ok := ev.Data.(domain.DashboardEvent); ok {
			for _, id := range event.Change().AffectedAccounts() {
				parents, subs = append(parents, ev.Key), append(subs, id)
			}
		}
	}
	d.queueDashboards(first, parents, subs)
	d.access.load(first, parents, subs)
}

func (d *dashboardsFold) queueDashboards(batch *pgx.Batch, parents, subs []string) {
	batch.Queue(`
		select p.document_id, p.sub_account_id, p.parent_account, p.sub_account_ids, p.users, p.main_poc,
		       p.allow_client_dashboard, p.scopes, p.created_at, p.updated_at, p.version
		from dashboard_preferences p
		join (select distinct parent_account, sub_account_id
			  from unnest($1::text[], $2::text[]) as k(parent_account, sub_account_id)) k
			using (parent_account, sub_account_id)`,
		parents, subs).
		Query(func(rows pgx.Rows) error {
			var board domain.Dashboard
			targets := []any{
				&board.DocumentID, &board.SubAccountID, &board.ParentAccount, &board.SubAccountIDs, &board.Users, &board.MainPOC,
				&board.AllowClientDashboard, &board.Scopes, &board.CreatedAt, &board.UpdatedAt, &board.Version,
			}
			_, err := pgx.ForEachRow(rows, targets, func() error {
				board.ID = board.DocumentID
				s := d.stream(board.ParentAccount)
				s.stored[board.SubAccountID], s.dashboards[board.SubAccountID] = board, board
				// Clear the lists. Otherwise, the next row would be scanned into the same arrays.
				board.SubAccountIDs, board.Users, board.MainPOC, board.Scopes = nil, nil, nil, nil
				return nil
			})
			return err
		})
}
