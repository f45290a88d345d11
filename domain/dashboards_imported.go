package domain

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// DashboardsImported says that dashboards were taken over from the system before this one, as they were
// there: with their ids, times and lists. Whole linked sets stand in one record.
type DashboardsImported struct {
	Dashboards []ImportedDashboard `json:"dashboards"`
}

// ImportedDashboard is a dashboard as it was in the old system, its links repaired.
type ImportedDashboard struct {
	DocumentID           string    `json:"_id"`
	SubAccountID         string    `json:"sub_account_id"`
	SubAccountIDs        []string  `json:"sub_account_ids"` // the linked set, itself included
	Users                []string  `json:"users"`
	MainPOC              []string  `json:"main_poc"`
	AllowClientDashboard bool      `json:"allow_client_dashboard"`
	Scopes               []string  `json:"scopes"`
	CreatedAt            time.Time `json:"created_at"`
	UpdatedAt            time.Time `json:"updated_at"`
}

// EventType implements [Data].
func (DashboardsImported) EventType() string { return "dashboard.imported.v1" }

// Change implements [DashboardEvent].
func (e DashboardsImported) Change() DashboardChange {
	c := DashboardChange{imported: e.Dashboards}
	if len(e.Dashboards) > 0 {
		c.Primary = e.Dashboards[0].SubAccountID
	}
	return c
}

// Validate checks what a fold relies on.
func (e DashboardsImported) Validate() error {
	if len(e.Dashboards) == 0 {
		return errors.New("no dashboard is named")
	}
	sets := map[string][]string{}
	for _, d := range e.Dashboards {
		for _, id := range append([]string{d.DocumentID, d.SubAccountID}, d.SubAccountIDs...) {
			if err := checkHexID("", id); err != nil {
				return err
			}
		}
		if sets[d.SubAccountID] != nil {
			return fmt.Errorf("account %s is named twice", d.SubAccountID)
		}
		if !slices.Contains(d.SubAccountIDs, d.SubAccountID) {
			return fmt.Errorf("the linked set of account %s does not hold itself", d.SubAccountID)
		}
		texts := slices.Concat(d.Users, d.MainPOC, d.Scopes)
		if err := errors.Join(checkYear(d.CreatedAt, 1), checkYear(d.UpdatedAt, 1), checkLengths(texts...)); err != nil {
			return fmt.Errorf("account %s: %w", d.SubAccountID, err)
		}
		sets[d.SubAccountID] = set(d.SubAccountIDs)
	}
	for id, linked := range sets {
		for _, other := range linked {
			if !slices.Equal(sets[other], linked) {
				return fmt.Errorf("accounts %s and %s are linked and have different sets", id, other)
			}
		}
	}
	return nil
}

// document is the dashboard as the tables hold it.
func (d ImportedDashboard) document(parent string) Dashboard {
	return Dashboard{
		DocumentID: d.DocumentID, ID: d.DocumentID, SubAccountID: d.SubAccountID, ParentAccount: parent,
		SubAccountIDs: set(d.SubAccountIDs), Users: set(d.Users), MainPOC: set(d.MainPOC), Scopes: set(d.Scopes),
		AllowClientDashboard: d.AllowClientDashboard, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
}

// DataImported says that an operator brings in data of the system before this one, or the main
// application's entities from files. It stands before the first of them, so that what an interrupted
// import left behind is on record too; an import that changes nothing leaves none. Numbers are what is
// about to be appended.
type DataImported struct {
	Files           []ImportedFile `json:"files"`
	Entities        int            `json:"entities"`
	Connections     int            `json:"connections"`
	Tokens          int            `json:"tokens,omitempty"` // of connections, that are sealed; absent: none
	Dashboards      int            `json:"dashboards"`
	Posts           int            `json:"posts"`
	AccountReadings int            `json:"account_readings"`
	PostReadings    int            `json:"post_readings"`
	Repaired        int            `json:"repaired"` // what was taken out of link sets, users and scopes
	Refused         int            `json:"refused"`  // rows that are left out
}

// ImportedFile is a file as it was read. Its name is without its directory.
type ImportedFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // hex
}

// EventType implements [Data].
func (DataImported) EventType() string { return "operations.data_imported.v1" }
