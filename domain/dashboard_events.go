package domain

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// DashboardChange is the payload shape that all events on `dashboards` share. One accepted command
// is one record, however many facts it changes, and it carries results, not requests: folding it
// needs nothing but the dashboards before it. Values common to the linked set stand once, so that a
// record grows with the number of accounts, not with its square.
type DashboardChange struct {
	Primary              string              `json:"primary"` // the account in the path
	Linked               []string            `json:"linked"`  // the linked set after the change, the primary included
	Users                []string            `json:"users"`   // the list of every linked dashboard
	AllowClientDashboard bool                `json:"allow_client_dashboard"`
	Scopes               []string            `json:"scopes"`
	MainPOC              map[string][]string `json:"main_poc"`          // by linked account, resolved from orders
	Split                []SplitDashboard    `json:"split,omitempty"`   // accounts that left the set: each alone now
	Created              map[string]string   `json:"created,omitempty"` // sub-account → id of a dashboard that did not exist
	LostAccess           []string            `json:"lost_access,omitempty"`

	// imported is set by [DashboardsImported] alone, whose payload has a shape of its own.
	imported []ImportedDashboard
}

// SplitDashboard is what an unlink leaves of a dashboard that left the set; its other values stay.
type SplitDashboard struct {
	SubAccountID string   `json:"sub_account_id"`
	Users        []string `json:"users"`
}

// DashboardEvent is an event on `dashboards`; [DashboardsImported] is one too.
type DashboardEvent interface {
	Data
	Change() DashboardChange
}

// The events on `dashboards`. A change that has several sides takes the name of its gravest one:
// unlinked before linked before users before settings.
type (
	// DashboardOpened says that a dashboard was created with its defaults, by an agency's first GET.
	DashboardOpened struct{ DashboardChange }
	// AccountsLinked says that a linked set grew.
	AccountsLinked struct{ DashboardChange }
	// AccountsUnlinked says that accounts left a linked set.
	AccountsUnlinked struct{ DashboardChange }
	// DashboardUsersChanged says that lists of users changed, and no links.
	DashboardUsersChanged struct{ DashboardChange }
	// DashboardSettingsChanged says that the allow flag, scopes or points of contact changed, and nothing else.
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
func (c DashboardChange) Change() DashboardChange { return c }

// Validate checks what a fold relies on.
func (c DashboardChange) Validate() error {
	if !slices.Contains(c.Linked, c.Primary) {
		return fmt.Errorf("the linked set does not hold the primary %q", c.Primary)
	}
	for _, id := range c.Touched() {
		if err := checkHexID("account ", id); err != nil {
			return err
		}
	}
	for _, s := range c.Split {
		if slices.Contains(c.Linked, s.SubAccountID) {
			return fmt.Errorf("account %q is both linked and split off", s.SubAccountID)
		}
		if err := checkLengths(s.Users...); err != nil {
			return fmt.Errorf("users of split-off account: %w", err)
		}
	}
	if len(shared(c.LostAccess)) != len(c.LostAccess) {
		return errors.New("a user is named twice in lost_access, and gets one notice per change")
	}
	return cmp.Or(checkLengths(c.Users...), checkLengths(c.LostAccess...))
}

// Touched returns the accounts whose dashboards the change may alter: linked, split off, imported. The list may be the
// change's own.
func (c DashboardChange) Touched() []string {
	touched := slices.Clip(c.Linked)
	for _, s := range c.Split {
		touched = append(touched, s.SubAccountID)
	}
	for _, d := range c.imported {
		touched = append(touched, d.SubAccountID)
	}
	return touched
}

// DashboardRevision is one dashboard before and after a record.
type DashboardRevision struct {
	Before *Dashboard // nil: the record created it
	After  Dashboard
}

// Fold applies the change to the dashboards of the agency and returns a revision for each dashboard
// whose content changed, in the order of the sub-accounts' ids. It is the one definition of what a
// record means: projection, rebuild, replay and tests use it. A record that names a dashboard that
// is neither present nor created by it gives an error and no revision.
func (c DashboardChange) Fold(parent string, version int64, at time.Time, present map[string]Dashboard) ([]DashboardRevision, error) {
	touched := c.Touched()
	ids := shared(touched)
	revisions := make([]DashboardRevision, len(ids))
	after := func(id string) *Dashboard {
		i, _ := slices.BinarySearch(ids, id)
		return &revisions[i].After
	}
	for _, d := range c.imported {
		*after(d.SubAccountID) = d.document(parent)
	}
	for _, id := range touched[:len(c.Linked)+len(c.Split)] {
		d, err := c.base(parent, id, at, present)
		if err != nil {
			return nil, err
		}
		*after(id) = d
	}
	linked, users, scopes := shared(c.Linked), shared(c.Users), shared(c.Scopes)
	for _, id := range c.Linked {
		d := after(id)
		d.SubAccountIDs, d.Users, d.Scopes = linked, users, scopes
		d.AllowClientDashboard, d.MainPOC = c.AllowClientDashboard, shared(c.MainPOC[id])
	}
	for _, s := range c.Split {
		d := after(s.SubAccountID)
		d.SubAccountIDs, d.Users = []string{s.SubAccountID}, shared(s.Users)
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
		if r.After.Version = version; c.imported == nil {
			r.After.UpdatedAt = at
		}
		changed = append(changed, *r)
	}
	return changed, nil
}

func (c DashboardChange) base(parent, id string, at time.Time, present map[string]Dashboard) (Dashboard, error) {
	if d, ok := present[id]; ok {
		return d, nil
	}
	documentID, ok := c.Created[id]
	if !ok {
		return Dashboard{}, fmt.Errorf("account %s has no dashboard and the record does not create it", id)
	}
	return Dashboard{DocumentID: documentID, ID: documentID, SubAccountID: id, ParentAccount: parent, CreatedAt: at}, nil
}
