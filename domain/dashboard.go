package domain

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// Dashboard is the preferences document of one sub-account in one agency. Its lists are sorted
// sets, and never null. It is the row of `dashboard_preferences`, the `data` of a PUT response, and
// the state before and after a change in the history.
type Dashboard struct {
	// 24 hex digits: the old system's id, or an id derived from those of the agency and the
	// sub-account. `id` has the same value, so frontends can read either field. If your client
	// generator drops leading underscores, rename this field; for openapi-generator, use
	// --name-mappings _id=documentId.
	DocumentID           string    `json:"_id"`
	ID                   string    `json:"id"`                     // the same as `_id`
	SubAccountID         string    `json:"sub_account_id"`         // the client of the dashboard, 24 hex digits
	ParentAccount        string    `json:"parent_account"`         // the agency, 24 hex digits
	SubAccountIDs        []string  `json:"sub_account_ids"`        // the linked set, including this account
	Users                []string  `json:"users"`                  // ids of the users on the list, 24 hex digits each
	MainPOC              []string  `json:"main_poc"`               // ids of the points of contact at the agency, 24 hex digits each
	AllowClientDashboard bool      `json:"allow_client_dashboard"` // whether the dashboard is open to its clients
	Scopes               []string  `json:"scopes"`                 // what the dashboard shows to its clients
	CreatedAt            time.Time `json:"created_at"`             // when it was created, UTC
	UpdatedAt            time.Time `json:"updated_at"`             // when it was last changed, UTC

	Version int64 `json:"-"` // of the last record that changed this dashboard; the ETag
}

// OpensFor reports whether a client user of an account may open the dashboard (rule 11): it is open
// to its clients, the user is on its list, and the account is linked.
func (d Dashboard) OpensFor(user, account string) bool {
	_, listed := slices.BinarySearch(d.openTo(), user)
	_, linked := slices.BinarySearch(d.SubAccountIDs, account)
	return listed && linked
}

// openTo returns the part of rule 11 that the records of dashboards decide. Which account a user
// belongs to is in the directory.
func (d Dashboard) openTo() []string {
	if !d.AllowClientDashboard {
		return nil
	}
	return d.Users
}

// NewDashboardID derives the id of a new dashboard from the ids that identify it, so a retried or
// replayed creation gives the same id.
func NewDashboardID(parentAccount, subAccount string) string {
	sum := sha256.Sum256([]byte("dashboard\x00" + parentAccount + "\x00" + subAccount))
	return hex.EncodeToString(sum[:HexIDLength/2])
}

// DashboardFacts is the only input of a decision about dashboards: one consistent view of the
// agency, loaded in one transaction with the stream's head.
type DashboardFacts struct {
	ParentAccount string
	// Dashboards maps sub-accounts to their dashboards. It holds those of the primary, of every
	// requested account, and of every account in their linked sets. Accounts without a dashboard
	// are absent.
	Dashboards map[string]Dashboard
	// Accounts holds the named sub-accounts that belong to the agency.
	Accounts map[string]bool
	// UserAccounts maps users to their accounts. It holds each user of the agency or of one of its
	// accounts who is named in the request or on the list of a dashboard.
	UserAccounts map[string]string
	// OrderPOC maps sub-accounts to the distinct users assigned to their managed-subscription
	// orders.
	OrderPOC map[string][]string
	// DefaultScopes are the scopes of a new dashboard: CLIENT_DASHBOARD_SCOPES.
	DefaultScopes []string
}

// dashboard returns the current dashboard, or the one that a GET would create.
func (d DashboardFacts) dashboard(subAccount string) (board Dashboard, exists bool) {
	if board, ok := d.Dashboards[subAccount]; ok {
		return board, true
	}
	id := NewDashboardID(d.ParentAccount, subAccount)
	return Dashboard{
		DocumentID: id, ID: id,
		SubAccountID:  subAccount,
		ParentAccount: d.ParentAccount,
		SubAccountIDs: []string{subAccount},
		Users:         []string{},
		MainPOC:       set(d.OrderPOC[subAccount]),
		Scopes:        set(d.DefaultScopes),
	}, false
}

// set returns the sorted distinct elements of all lists, never nil.
func set(lists ...[]string) []string {
	out := slices.Concat(lists...)
	if out == nil {
		return []string{}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// asSet returns the list as a set, never nil. It does not copy a list that is already a set: lists
// are never changed in place, and a replay folds hundreds of thousands of them.
func asSet(list []string) []string {
	if list == nil {
		return []string{}
	}
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			return set(list)
		}
	}
	return list
}

// inList returns a function that reports whether an id is on the list. A list may have thousands.
func inList(list []string) func(string) bool {
	listed := make(map[string]bool, len(list))
	for _, id := range list {
		listed[id] = true
	}
	return func(id string) bool { return listed[id] }
}

// removeIDs returns the elements of list for which drop is false, never nil.
func removeIDs(list []string, drop func(string) bool) []string {
	return append([]string{}, slices.DeleteFunc(slices.Clone(list), drop)...)
}

// equalContent compares the fields that a record can change.
func equalContent(a, b *Dashboard) bool {
	return a.DocumentID == b.DocumentID &&
		a.AllowClientDashboard == b.AllowClientDashboard &&
		slices.Equal(a.SubAccountIDs, b.SubAccountIDs) &&
		slices.Equal(a.Users, b.Users) &&
		slices.Equal(a.MainPOC, b.MainPOC) &&
		slices.Equal(a.Scopes, b.Scopes)
}

// ScopePattern is the regular expression of a scope.
const ScopePattern = `^[a-z][a-z0-9_.-]{0,63}$`

var scopeForm = regexp.MustCompile(ScopePattern)

// maxScopes bounds the scopes that every linked dashboard, record and response carries: a request
// body of 1 MiB has room for a hundred thousand.
const maxScopes = 100

// ScopeErrors returns an error for each malformed scope, and one if there are too many scopes.
func ScopeErrors(scopes []string) (errs []FieldError) {
	for i, scope := range scopes {
		if !scopeForm.MatchString(scope) {
			errs = append(errs, FieldError{
				fmt.Sprintf("scopes[%d]", i),
				"is not a scope: use 1 to 64 characters of a-z, 0-9 and _ . - and begin with a letter",
			})
		}
	}
	if n := len(set(scopes)); n > maxScopes {
		errs = append(errs, FieldError{"scopes", fmt.Sprintf("has %d scopes; use at most %d", n, maxScopes)})
	}
	return errs
}
