package proof

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// What tables and log are compared by: each value in one spelling, each text preceded by its length.

// rowSize is enough for most rows, so that one buffer serves for all.
const rowSize = 1 << 10

func putText(b []byte, texts ...string) []byte {
	for _, s := range texts {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

func putTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(t.UnixMicro()))
}

func putList(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	return putText(b, list...)
}

func putDashboard(b []byte, d *domain.Dashboard) []byte {
	if d == nil {
		return append(b, 0)
	}
	b = append(b, 1)
	b = putText(b, d.DocumentID, d.ID, d.SubAccountID, d.ParentAccount)
	b = putList(b, d.SubAccountIDs)
	b = putList(b, d.Users)
	b = putList(b, d.MainPOC)
	b = putList(b, d.Scopes)
	allow := byte(0)
	if d.AllowClientDashboard {
		allow = 1
	}
	return putTime(putTime(append(b, allow), d.CreatedAt), d.UpdatedAt)
}

func putHistory(b []byte, r *HistoryRow) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(r.Version))
	b = putText(b, r.SubAccount, r.EventID, r.EventType)
	b = putTime(b, r.Time)
	b = putText(b, r.Actor, r.Role, r.OnBehalfOf, r.CommandID, r.RequestID, string(r.Hash))
	return putDashboard(putDashboard(b, r.Before), &r.After)
}

func putCommand(b []byte, c CommandRow) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(c.Version))
	return putTime(putText(b, c.Subject, c.Key, c.CommandID, c.RequestDigest, c.SubAccount), c.Time)
}

func putHead(b []byte, h TableHead) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(h.Version))
	return putTime(putText(b, string(h.Hash)), h.Time)
}

func putPreference(b []byte, d domain.Dashboard) []byte {
	return putDashboard(binary.BigEndian.AppendUint64(b, uint64(d.Version)), &d)
}

func putNotice(b []byte, n NoticeRow) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(n.Version))
	return putTime(putText(b, n.User), n.Time)
}

// folded is what one record makes of the tables.
type folded struct {
	rows    []HistoryRow
	notices []NoticeRow
	command *CommandRow      // nil: the record is no command's
	skips   *domain.Position // nil: the record is no operator's word to skip another
}

// fold is one agency's read model, folded from the log as the projection does.
type fold struct {
	parent     string
	dashboards map[string]domain.Dashboard
}

func newFold(parent string) fold {
	return fold{parent: parent, dashboards: map[string]domain.Dashboard{}}
}

// apply folds an effective record. An error says why it makes no rows: the projection parks it.
func (f *fold) apply(recorded domain.Recorded, head domain.StreamHead) (folded, error) {
	if skip, ok := recorded.Data.(domain.ParkedSkipped); ok {
		return folded{skips: &skip.Position}, nil
	}
	event, ok := recorded.Data.(domain.DashboardEvent)
	if !ok {
		return folded{}, nil // an operator's record, which changes no dashboard
	}
	change := event.Change()
	revisions, err := f.revise(change, head.Version, recorded.Envelope.Time)
	if err != nil {
		return folded{}, err
	}
	var out folded
	e := recorded.Envelope
	for _, rev := range revisions {
		out.rows = append(out.rows, HistoryRow{
			Parent: f.parent, SubAccount: rev.After.SubAccountID, Version: head.Version,
			EventID: e.ID, EventType: e.Type, Time: e.Time,
			Actor: e.Audit.Actor, Role: e.Audit.Role, OnBehalfOf: e.Audit.OnBehalfOf,
			CommandID: e.Audit.CommandID, RequestID: e.Audit.RequestID,
			Hash: head.Hash[:], Before: rev.Before, After: rev.After,
		})
	}
	users := slices.Sorted(slices.Values(change.LostAccess))
	for _, user := range users {
		out.notices = append(out.notices, NoticeRow{Parent: f.parent, Version: head.Version, User: user, Time: e.Time})
	}
	out.command = &CommandRow{
		Parent: f.parent, Subject: e.Audit.Actor, Key: cmp.Or(e.Audit.IdempotencyKey, e.Audit.CommandID, e.ID),
		CommandID: e.Audit.CommandID, RequestDigest: e.Audit.RequestDigest, SubAccount: change.Primary, Version: head.Version, Time: e.Time,
	}
	return out, nil
}

// revise makes the dashboards those after a change, and returns what it changed.
func (f *fold) revise(change domain.DashboardChange, version int64, at time.Time) ([]domain.DashboardRevision, error) {
	revisions, err := change.Fold(f.parent, version, at, f.dashboards)
	for i := range revisions {
		f.dashboards[revisions[i].After.SubAccountID] = revisions[i].After
	}
	return revisions, err
}
