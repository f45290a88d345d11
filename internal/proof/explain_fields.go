package proof

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// unseenDiffers stands for what a hash covers and the tables do not hold: ce_source, ce_subject, the
// idempotency key, bytes of the value that mean nothing.
const unseenDiffers = "a header or value that the tables do not hold"

// fields says in what one version differs between the log and the tables.
func (c *comparison) fields(ctx context.Context, s sides, version int64) ([]string, error) {
	var record eventlog.Record
	log, tables := map[string]HistoryRow{}, map[string]HistoryRow{}
	err := c.replay(ctx, s.agency, s.partition, func(r eventlog.Record, head domain.StreamHead, made folded) {
		if head.Version == version {
			record = r
			for _, row := range made.rows {
				log[row.SubAccount] = row
			}
		}
	})
	if err != nil {
		return nil, err
	}
	err = c.tables.History(ctx, s.agency, version, version, func(r HistoryRow) error {
		tables[r.SubAccount] = r
		return nil
	})
	if err != nil || len(tables) == 0 {
		return nil, err
	}
	differs := map[string]bool{}
	recorded, _ := c.source.Decode(record) // the envelope is there even if the payload cannot be read
	for _, row := range tables {
		compareEnvelopes(recorded.Envelope, row, differs)
	}
	switch {
	case len(log) == 0 && len(differs) == 0, len(log) > 0 && otherDocuments(log, tables, differs["time"]):
		differs["data"] = true
	case len(differs) == 0:
		differs[unseenDiffers] = true
	}
	return slices.Sorted(maps.Keys(differs)), nil
}

func compareEnvelopes(e domain.Envelope, row HistoryRow, differs map[string]bool) {
	for name, pair := range map[string][2]string{
		"ce_id": {e.ID, row.EventID}, "ce_type": {e.Type, row.EventType}, "actor": {e.Audit.Actor, row.Actor}, "role": {e.Audit.Role, row.Role},
		"on_behalf_of": {e.Audit.OnBehalfOf, row.OnBehalfOf}, "command_id": {e.Audit.CommandID, row.CommandID},
		"request_id": {e.Audit.RequestID, row.RequestID},
	} {
		if pair[0] != pair[1] {
			differs[name] = true
		}
	}
	if !e.Time.Equal(row.Time) {
		differs["time"] = true
	}
}

// otherDocuments compares what the record made of the dashboards. Their times follow the record's: where
// that differs they are left out.
func otherDocuments(log, tables map[string]HistoryRow, timeDiffers bool) bool {
	if len(log) != len(tables) {
		return true
	}
	for sub, b := range tables {
		a, ok := log[sub]
		if !ok {
			return true
		}
		if timeDiffers {
			b.After.UpdatedAt, b.After.CreatedAt = a.After.UpdatedAt, a.After.CreatedAt
		}
		if !bytes.Equal(putDashboard(nil, &a.After), putDashboard(nil, &b.After)) || !bytes.Equal(putDashboard(nil, a.Before), putDashboard(nil, b.Before)) {
			return true
		}
	}
	return false
}

// wrong names what of an agency, besides its history, is not what the log makes of it: dashboards, the
// first command that is remembered otherwise, the first record that is skipped without an operator's word.
func (c *comparison) wrong(ctx context.Context, f *agencyFold) (text string) {
	if f == nil {
		return ""
	}
	var dashboards []string
	err := c.tables.Preferences(ctx, f.parent, func(d domain.Dashboard) error {
		if want, ok := f.dashboards[d.SubAccountID]; !ok || !bytes.Equal(putPreference(nil, want), putPreference(nil, d)) {
			dashboards = append(dashboards, d.SubAccountID)
		}
		return nil
	})
	if err == nil && len(dashboards) > 0 {
		text += "; dashboards: " + strings.Join(dashboards[:min(len(dashboards), 5)], ", ")
	}
	commands := map[int64]CommandRow{} // in the end those that differ
	for _, row := range f.remembered() {
		commands[row.Version] = row
	}
	err = c.tables.Commands(ctx, f.parent, func(row CommandRow) error {
		if want, ok := commands[row.Version]; ok && bytes.Equal(putCommand(nil, want), putCommand(nil, row)) {
			delete(commands, row.Version)
		} else {
			commands[row.Version] = row
		}
		return nil
	})
	if err == nil && len(commands) > 0 {
		text += fmt.Sprintf("; commands: the first that differs is that of version %d", slices.Min(slices.Collect(maps.Keys(commands))))
	}
	if row := f.unexcused(); row != nil {
		text += fmt.Sprintf("; the record at partition %d offset %d is skipped, and no operator's record in the log says so", row.Partition, row.Offset)
	}
	return text
}
