package domain

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// Dashboard is the preferences document of one sub-account under one agency. Its lists are sets:
// sorted, without repeats, never missing. It is the row of `dashboard_preferences`, the answer's `data`
// of a PUT, and what history shows before and after a change.
type Dashboard struct {
	// 24 hex digits; the old system's, or made of the two accounts' ids. `id` is the same: frontends read either. A generator that drops
	// leading underscores needs another name for it: openapi-generator takes --name-mappings _id=documentId.
	DocumentID           string    `json:"_id"`
	ID                   string    `json:"id"` // the same as `_id`
	SubAccountID         string    `json:"sub_account_id"`
	ParentAccount        string    `json:"parent_account"`
	SubAccountIDs        []string  `json:"sub_account_ids"` // the linked set, itself included
	Users                []string  `json:"users"`
	MainPOC              []string  `json:"main_poc"`
	AllowClientDashboard bool      `json:"allow_client_dashboard"`
	Scopes               []string  `json:"scopes"`
	CreatedAt            time.Time `json:"created_at"`
	UpdatedAt            time.Time `json:"updated_at"`

	Version int64 `json:"-"` // of the last record that changed this dashboard: the ETag
}

// NewDashboardID derives the id of a dashboard that is created here. It is a function of what is
// unique about the dashboard, so that a retried or replayed creation gives the same id.
func NewDashboardID(parentAccount, subAccount string) string {
	sum := sha256.Sum256([]byte("dashboard\x00" + parentAccount + "\x00" + subAccount))
	return hex.EncodeToString(sum[:HexIDLength/2])
}

// DashboardDefaults are the configured values a new dashboard starts with.
type DashboardDefaults struct {
	Scopes []string // CLIENT_DASHBOARD_SCOPES
}

// DashboardFacts is all that a decision about dashboards may look at: one consistent view of the
// agency, loaded in one transaction together with the stream's head.
type DashboardFacts struct {
	ParentAccount string
	// Dashboards holds, by sub-account, the dashboards of the primary, of every requested account,
	// and of every account in one of their sets; an account without one is absent.
	Dashboards map[string]Dashboard
	// Accounts holds those of the named sub-accounts that belong to the agency.
	Accounts map[string]bool
	// UserAccounts maps every user of the agency or of one of its accounts, who is named in the
	// request or on one of the lists, to the account that the user belongs to.
	UserAccounts map[string]string
	// OrderPOC holds, by sub-account, the distinct users assigned to its managed-subscription orders.
	OrderPOC map[string][]string
	Defaults DashboardDefaults
}

// dashboard returns the present dashboard, or the one that a GET would create.
func (f DashboardFacts) dashboard(subAccount string) (d Dashboard, exists bool) {
	if d, ok := f.Dashboards[subAccount]; ok {
		return d, true
	}
	id := NewDashboardID(f.ParentAccount, subAccount)
	return Dashboard{
		DocumentID: id, ID: id,
		SubAccountID:  subAccount,
		ParentAccount: f.ParentAccount,
		SubAccountIDs: []string{subAccount},
		Users:         []string{},
		MainPOC:       set(f.OrderPOC[subAccount]),
		Scopes:        set(f.Defaults.Scopes),
	}, false
}

// set returns the sorted distinct elements of all lists; never nil.
func set(lists ...[]string) []string {
	out := slices.Concat(lists...)
	if out == nil {
		return []string{}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// shared is the list as a set, itself where it is one: nobody changes the lists of changes and dashboards in place. A replay
// folds them by the hundred thousand. Never nil.
func shared(list []string) []string {
	if list == nil {
		return []string{}
	}
	return ascending(list)
}

// among tells who is on a list, quickly also where both have thousands.
func among(list []string) func(string) bool {
	on := make(map[string]bool, len(list))
	for _, id := range list {
		on[id] = true
	}
	return func(id string) bool { return on[id] }
}

// without returns the elements of list that are not in any of the others; never nil.
func without(list []string, drop func(string) bool) []string {
	return append([]string{}, slices.DeleteFunc(slices.Clone(list), drop)...)
}

// equalContent compares what a record can change: times and version follow from the record.
func equalContent(a, b *Dashboard) bool {
	return a.DocumentID == b.DocumentID &&
		a.AllowClientDashboard == b.AllowClientDashboard &&
		slices.Equal(a.SubAccountIDs, b.SubAccountIDs) &&
		slices.Equal(a.Users, b.Users) &&
		slices.Equal(a.MainPOC, b.MainPOC) &&
		slices.Equal(a.Scopes, b.Scopes)
}

// ScopePattern is the form of a scope.
const ScopePattern = `^[a-z][a-z0-9_.-]{0,63}$`

var scopeForm = regexp.MustCompile(ScopePattern)

// maxScopes bounds what every linked dashboard, and every record and answer about it, carries along: a
// body of 1 MiB has room for a hundred thousand.
const maxScopes = 100

// ScopeErrors returns what is wrong with the form of scopes.
func ScopeErrors(scopes []string) (errs []FieldError) {
	for i, scope := range scopes {
		if !scopeForm.MatchString(scope) {
			errs = append(errs, FieldError{
				fmt.Sprintf("scopes[%d]", i), "is not a scope: use 1 to 64 of a-z 0-9 _ . - and begin with a letter",
			})
		}
	}
	if n := len(set(scopes)); n > maxScopes {
		errs = append(errs, FieldError{"scopes", fmt.Sprintf("are %d; use at most %d", n, maxScopes)})
	}
	return errs
}
