package domain

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// DashboardChange is the payload of all events on `dashboards`. It carries results, not requests,
// so folding it needs only the dashboards before it. Values shared by the linked set are stored
// once, so a record grows linearly with the number of accounts.
type DashboardChange struct {
	Primary string   `json:"primary"` // the account in the path
	Linked  []string `json:"linked"`  // the linked set after the change, including the primary
	Users   []string `json:"users"`   // the user list of every linked dashboard
	// Whether the dashboard is open to its clients.
	AllowClientDashboard bool                `json:"allow_client_dashboard"`
	Scopes               []string            `json:"scopes"`                // what the dashboard shows to its clients
	MainPOC              map[string][]string `json:"main_poc"`              // points of contact of each linked account
	Split                []SplitDashboard    `json:"split,omitempty"`       // accounts that left the set
	Created              map[string]string   `json:"created,omitempty"`     // sub-account → id of a new dashboard
	LostAccess           []string            `json:"lost_access,omitempty"` // users who were removed from a list

	// dashboards is set only by [DashboardsImported], which has its own payload shape.
	dashboards []ImportedDashboard
}

// SplitDashboard is the state of a dashboard that an unlink removed from the set. Its linked set is
// now its own account. Its other values stay unchanged.
type SplitDashboard struct {
	SubAccountID string   `json:"sub_account_id"` // the client of the dashboard, 24 hex digits
	Users        []string `json:"users"`          // ids of the users on the list, 24 hex digits each
}

// DashboardEvent is an event on `dashboards`, including [DashboardsImported].
type DashboardEvent interface {
	Data
	Change() DashboardChange
}

// The events on `dashboards`. A change with several effects is named after the first that applies:
// unlinked, linked, users, settings.
type (
	// DashboardOpened records that an agency's first GET created a dashboard with its defaults.
	DashboardOpened struct{ DashboardChange }
	// AccountsLinked records that a linked set grew.
	AccountsLinked struct{ DashboardChange }
	// AccountsUnlinked records that accounts left a linked set.
	AccountsUnlinked struct{ DashboardChange }
	// DashboardUsersChanged records that user lists changed but links did not.
	DashboardUsersChanged struct{ DashboardChange }
	// DashboardSettingsChanged records that only the allow flag, scopes or points of contact
	// changed.
	DashboardSettingsChanged struct{ DashboardChange }
)

// EventType implements [Data].
func (DashboardOpened) EventType() string { return "dashboard.opened.v1" }

// EventType implements [Data].
func (AccountsLinked) EventType() string { return "dashboard.accounts_linked.v1" }

// EventType implements [Data].
func (AccountsUnlinked) EventType() string { return "dashboard.accounts_unlinked.v1" }

// EventType implements [Data].
func (DashboardUsersChanged) EventType() string { return "dashboard.users_changed.v1" }

// EventType implements [Data].
func (DashboardSettingsChanged) EventType() string { return "dashboard.settings_changed.v1" }

// Change implements [DashboardEvent].
func (d DashboardChange) Change() DashboardChange { return d }

// Validate checks what a fold depends on.
func (d DashboardChange) Validate() error {
	if !slices.Contains(d.Linked, d.Primary) {
		return fmt.Errorf("the linked set does not contain the primary %q", d.Primary)
	}
	for _, id := range d.AffectedAccounts() {
		if err := checkHexID("account ", id); err != nil {
			return err
		}
	}
	for _, s := range d.Split {
		if slices.Contains(d.Linked, s.SubAccountID) {
			return fmt.Errorf("account %q is both linked and split off", s.SubAccountID)
		}
		if err := checkLengths(s.Users...); err != nil {
			return fmt.Errorf("users of split-off account: %w", err)
		}
	}
	if len(asSet(d.LostAccess)) != len(d.LostAccess) {
		return errors.New("lost_access names a user twice; each user gets one notice per change")
	}
	return cmp.Or(checkLengths(d.Users...), checkLengths(d.LostAccess...))
}

// AffectedAccounts returns the accounts whose dashboards the change can alter: linked, split off or
// imported. The result can share memory with the change.
func (d DashboardChange) AffectedAccounts() []string {
	touched := slices.Clip(d.Linked)
	for _, s := range d.Split {
		touched = append(touched, s.SubAccountID)
	}
	for _, imported := range d.dashboards {
		touched = append(touched, imported.SubAccountID)
	}
	return touched
}

// DashboardRevision is one dashboard before and after a record.
type DashboardRevision struct {
	Before *Dashboard // nil: the record created it
	After  Dashboard
}

// Fold applies the change to the agency's dashboards. It returns a revision for each dashboard
// whose content changed, ordered by sub-account id, or an error if the record names a dashboard
// that neither exists nor is created by it.
func (d DashboardChange) Fold(
	parent string, version int64, at time.Time, present map[string]Dashboard,
) ([]DashboardRevision, error) {
	touched := d.AffectedAccounts()
	ids := asSet(touched)
	revisions := make([]DashboardRevision, len(ids))
	after := func(id string) *Dashboard {
		i, _ := slices.BinarySearch(ids, id)
		return &revisions[i].After
	}
	for _, imported := range d.dashboards {
		*after(imported.SubAccountID) = imported.document(parent)
	}
	for _, id := range touched[:len(d.Linked)+len(d.Split)] {
		board, err := d.base(parent, id, at, present)
		if err != nil {
			return nil, err
		}
		*after(id) = board
	}
	linked, users, scopes := asSet(d.Linked), asSet(d.Users), asSet(d.Scopes)
	for _, id := range d.Linked {
		board := after(id)
		board.SubAccountIDs, board.Users, board.Scopes = linked, users, scopes
		board.AllowClientDashboard, board.MainPOC = d.AllowClientDashboard, asSet(d.MainPOC[id])
	}
	for _, s := range d.Split {
		board := after(s.SubAccountID)
		board.SubAccountIDs, board.Users = []string{s.SubAccountID}, asSet(s.Users)
	}
	changed, befores := revisions[:0], make([]Dashboard, 0, len(ids))
	for i := range revisions {
		r := &revisions[i]
		if before, existed := present[ids[i]]; existed {
			if equalContent(&before, &r.After) {
				continue
			}
			befores = append(befores, before)
			r.Before = &befores[len(befores)-1]
		}
		if r.After.Version = version; d.dashboards == nil {
			r.After.UpdatedAt = at
		}
		changed = append(changed, *r)
	}
	return changed, nil
}

// base returns the dashboard to which the change applies: the current one, or a new one if the
// record creates it.
func (d DashboardChange) base(parent, id string, at time.Time, present map[string]Dashboard) (Dashboard, error) {
	if board, ok := present[id]; ok {
		return board, nil
	}
	documentID, ok := d.Created[id]
	if !ok {
		return Dashboard{}, fmt.Errorf("account %s has no dashboard, and the record does not create one", id)
	}
	return Dashboard{
		DocumentID: documentID, ID: documentID, SubAccountID: id, ParentAccount: parent, CreatedAt: at,
	}, nil
}
