package domain

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// DashboardsImported records that dashboards were imported from the legacy system with their ids,
// times and lists. One record holds whole linked sets.
type DashboardsImported struct {
	Dashboards []ImportedDashboard `json:"dashboards"`
}

// ImportedDashboard is a dashboard of the legacy system with repaired links.
type ImportedDashboard struct {
	DocumentID           string    `json:"_id"`
	SubAccountID         string    `json:"sub_account_id"`
	SubAccountIDs        []string  `json:"sub_account_ids"` // the linked set, including this account
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
	c := DashboardChange{dashboards: e.Dashboards}
	if len(e.Dashboards) > 0 {
		c.Primary = e.Dashboards[0].SubAccountID
	}
	return c
}

// Validate checks what a fold depends on.
func (e DashboardsImported) Validate() error {
	if len(e.Dashboards) == 0 {
		return errors.New("the record has no dashboards")
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
			return fmt.Errorf("the linked set of account %s does not contain the account itself", d.SubAccountID)
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
				return fmt.Errorf("accounts %s and %s are linked but have different sets", id, other)
			}
		}
	}
	return nil
}

// document returns the dashboard as the tables store it.
func (d ImportedDashboard) document(parent string) Dashboard {
	return Dashboard{
		DocumentID: d.DocumentID, ID: d.DocumentID, SubAccountID: d.SubAccountID, ParentAccount: parent,
		SubAccountIDs: set(d.SubAccountIDs), Users: set(d.Users), MainPOC: set(d.MainPOC), Scopes: set(d.Scopes),
		AllowClientDashboard: d.AllowClientDashboard, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
}

// DataImported records that an operator imports legacy data, or the main application's entities,
// from files. It is appended before the imported records, so an interrupted import is on record
// too. An import that changes nothing appends no record. The numbers are what the import is about
// to append.
type DataImported struct {
	Files           []ImportedFile `json:"files"`
	Entities        int            `json:"entities"`
	Connections     int            `json:"connections"`
	Tokens          int            `json:"tokens,omitempty"` // of connections, to be sealed; absent if absent
	Dashboards      int            `json:"dashboards"`
	Posts           int            `json:"posts"`
	AccountReadings int            `json:"account_readings"`
	PostReadings    int            `json:"post_readings"`
	Repaired        int            `json:"repaired"` // items removed from linked sets, users and scopes
	Refused         int            `json:"refused"`  // rows that are not imported
}

// ImportedFile is a file that was read. Its name does not include the directory.
type ImportedFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // hex
}

// EventType implements [Data].
func (DataImported) EventType() string { return "operations.data_imported.v1" }
