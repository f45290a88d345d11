package domain

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// The rules for importing legacy dashboards. A repair never shows a person more than before: it
// removes links, ids and scopes, and adds only a dashboard's own account to its set.
//
//  1. A document is refused if its times are in the future, or if its account does not belong to
//     the agency, is the agency itself, or has another document that was changed later. If two
//     documents were changed at the same time, the one with the smaller id is kept.
//  2. A link is kept if both dashboards name each other, and a set is kept if all of its dashboards
//     name each other. If an account is in two sets, the set of the dashboard that was changed last
//     keeps it.
//  3. A user or point of contact is kept if it belongs to the agency or to one of its accounts,
//     unless the link to that account was removed.
//  4. A scope is kept if its form is valid.
//  5. A dashboard that was changed in ledgerboard stays unchanged, and so do its links. A dashboard
//     that was only opened in ledgerboard takes the values, id and times of the legacy document.

// ImportFacts is the input of the decision about an agency's legacy dashboards.
type ImportFacts struct {
	ParentAccount string
	Accounts      map[string]bool   // the sub-accounts of the agency
	UserAccounts  map[string]string // users of the agency and of its accounts → their account
	Present       map[string]PresentDashboard
	Now           time.Time
}

// PresentDashboard is a dashboard that is already in the log.
type PresentDashboard struct {
	Dashboard

	OnlyOpened bool // not changed since it was opened
}

// ImportNote is a repair or a refusal.
type ImportNote struct {
	SubAccountID string `json:"sub_account_id,omitempty"` // absent from a refusal that is not of a dashboard
	Field        string `json:"field,omitempty"`          // sub_account_ids, users, main_poc, scopes; "" for the whole document
	// ID is the id or scope that the note is about; for a refusal, the document's id.
	ID     string `json:"id,omitempty"`
	Reason string `json:"reason"`
}

// ImportPlan is the result of the decision about an agency's legacy dashboards.
type ImportPlan struct {
	// Sets are the dashboards to append, by linked set, ordered by their first account.
	Sets      [][]ImportedDashboard
	Unchanged int          // dashboards that the log already holds with the same content
	Kept      []ImportNote // dashboards that were changed in ledgerboard and stay unchanged (rule 5)
	Repairs   []ImportNote
	Refused   []ImportNote
}

// PlanImport decides how to import an agency's legacy dashboards.
func PlanImport(f ImportFacts, documents []ImportedDashboard) ImportPlan {
	var plan ImportPlan
	admitted := f.admit(documents, &plan)
	sets, notes := f.repair(admitted, nil)
	kept := map[string]bool{}
	for _, d := range slices.Concat(sets...) {
		present, ok := f.Present[d.SubAccountID]
		if !ok || present.OnlyOpened {
			continue
		}
		kept[d.SubAccountID] = true
		after := d.document(f.ParentAccount)
		if equalContent(&present.Dashboard, &after) &&
			present.CreatedAt.Equal(after.CreatedAt) && present.UpdatedAt.Equal(after.UpdatedAt) {
			plan.Unchanged++
			continue
		}
		plan.Kept = append(plan.Kept, ImportNote{
			SubAccountID: d.SubAccountID, Reason: "was already changed in ledgerboard and stays unchanged",
		})
	}
	admitted = slices.DeleteFunc(admitted, func(d ImportedDashboard) bool { return kept[d.SubAccountID] })
	plan.Sets, plan.Repairs = f.repair(admitted, kept)
	for _, note := range notes { // include repairs of kept dashboards, so that each run reports the same
		if kept[note.SubAccountID] {
			plan.Repairs = append(plan.Repairs, note)
		}
	}
	for _, notes := range [][]ImportNote{plan.Repairs, plan.Kept, plan.Refused} {
		slices.SortStableFunc(notes, func(a, b ImportNote) int {
			return cmp.Or(
				cmp.Compare(a.SubAccountID, b.SubAccountID), cmp.Compare(a.Field, b.Field), cmp.Compare(a.ID, b.ID),
			)
		})
	}
	return plan
}

// admit applies rule 1.
func (i ImportFacts) admit(documents []ImportedDashboard, plan *ImportPlan) []ImportedDashboard {
	newest := slices.Clone(documents)
	slices.SortStableFunc(newest, newestFirst)
	var admitted []ImportedDashboard
	admittedIDs := map[string]bool{}
	for _, d := range newest {
		reason := ""
		switch {
		case d.SubAccountID == i.ParentAccount:
			reason = "is the agency's own account, which has no dashboard"
		case !i.Accounts[d.SubAccountID]:
			reason = "is not an account of agency " + i.ParentAccount
		case admittedIDs[d.SubAccountID]:
			reason = "has another document that was changed later or at the same time"
		case d.CreatedAt.After(i.Now) || d.UpdatedAt.After(i.Now):
			reason = "has a creation or change time in the future"
		}
		if reason != "" {
			note := ImportNote{SubAccountID: d.SubAccountID, ID: d.DocumentID, Reason: reason}
			plan.Refused = append(plan.Refused, note)
			continue
		}
		admittedIDs[d.SubAccountID] = true
		admitted = append(admitted, d)
	}
	return admitted
}

func newestFirst(a, b ImportedDashboard) int {
	return cmp.Or(b.UpdatedAt.Compare(a.UpdatedAt), cmp.Compare(a.DocumentID, b.DocumentID))
}

// repair applies rules 2 to 4 to documents in the order of [newestFirst]. kept holds the accounts
// whose dashboards rule 5 excludes.
func (i ImportFacts) repair(
	documents []ImportedDashboard, kept map[string]bool,
) (sets [][]ImportedDashboard, notes []ImportNote) {
	byAccount := map[string]ImportedDashboard{}
	for _, d := range documents {
		byAccount[d.SubAccountID] = d
	}
	both := func(a, b string) bool {
		return slices.Contains(byAccount[a].SubAccountIDs, b) && slices.Contains(byAccount[b].SubAccountIDs, a)
	}
	linked := map[string][]string{}
	for _, d := range documents {
		if linked[d.SubAccountID] != nil {
			continue
		}
		members := []string{d.SubAccountID}
		for _, id := range set(d.SubAccountIDs) {
			_, known := byAccount[id]
			fits := known && id != d.SubAccountID && linked[id] == nil &&
				!slices.ContainsFunc(members, func(m string) bool { return !both(m, id) })
			if fits {
				members = append(members, id)
			}
		}
		members = set(members)
		for _, id := range members {
			linked[id] = members
		}
	}
	unlinked := func(account, other string) string {
		_, known := byAccount[other]
		switch {
		case !i.Accounts[other]:
			return "is not an account of this agency"
		case kept[other]:
			return "has a dashboard in ledgerboard that the import does not change"
		case !known:
			return "has no dashboard in the files"
		case !both(account, other):
			return fmt.Sprintf("does not name %s in return", account)
		default:
			return "is in another set, or is not named by every dashboard of this set"
		}
	}
	for _, first := range slices.Sorted(maps.Keys(linked)) {
		if linked[first][0] != first {
			continue
		}
		var together []ImportedDashboard
		for _, id := range linked[first] {
			d, repairs := i.repairDocument(byAccount[id], linked[first], unlinked)
			together, notes = append(together, d), append(notes, repairs...)
		}
		sets = append(sets, together)
	}
	return sets, notes
}

func (i ImportFacts) repairDocument(
	d ImportedDashboard, linked []string, unlinked func(account, other string) string,
) (_ ImportedDashboard, notes []ImportNote) {
	note := func(field, id, reason string) {
		notes = append(notes, ImportNote{SubAccountID: d.SubAccountID, Field: field, ID: id, Reason: reason})
	}
	unlinkedAccounts := map[string]bool{}
	if !slices.Contains(d.SubAccountIDs, d.SubAccountID) {
		note("sub_account_ids", d.SubAccountID,
			"was missing and was added: the set of a dashboard includes the dashboard's own account")
	}
	for _, id := range set(d.SubAccountIDs) {
		if !slices.Contains(linked, id) {
			unlinkedAccounts[id] = true
			note("sub_account_ids", id, unlinked(d.SubAccountID, id))
		}
	}
	people := func(field string, ids []string) []string {
		return removeIDs(set(ids), func(id string) bool {
			account, known := i.UserAccounts[id]
			switch {
			case !known:
				note(field, id, "is not a user of this agency or of one of its accounts")
			case unlinkedAccounts[account]:
				note(field, id, "belongs to account "+account+", which is no longer linked")
			default:
				return false
			}
			return true
		})
	}
	d.SubAccountIDs, d.Users, d.MainPOC = slices.Clone(linked), people("users", d.Users), people("main_poc", d.MainPOC)
	d.Scopes = removeIDs(set(d.Scopes), func(scope string) bool {
		if scopeForm.MatchString(scope) {
			return false
		}
		note("scopes", fmt.Sprintf("%.64q", scope), "is not a scope")
		return true
	})
	return d, notes
}

// DashboardsImported records that dashboards were imported from the legacy system with their ids,
// times and lists. One record holds whole linked sets.
type DashboardsImported struct {
	Dashboards []ImportedDashboard `json:"dashboards"` // the imported dashboards
}

// ImportedDashboard is a dashboard of the legacy system. In a record, its links have been repaired.
type ImportedDashboard struct {
	DocumentID           string    `json:"_id" hex:"required"`             // id of the document in the legacy system, 24 hex digits
	SubAccountID         string    `json:"sub_account_id" hex:"required"`  // the client of the dashboard, 24 hex digits
	SubAccountIDs        []string  `json:"sub_account_ids" hex:"required"` // the linked set, including this account
	Users                []string  `json:"users" hex:"required"`           // ids of the users on the list, 24 hex digits each
	MainPOC              []string  `json:"main_poc" hex:"required"`        // ids of the points of contact at the agency, 24 hex digits each
	AllowClientDashboard bool      `json:"allow_client_dashboard"`         // whether the dashboard is open to its clients
	Scopes               []string  `json:"scopes"`                         // what the dashboard shows to its clients
	CreatedAt            time.Time `json:"created_at"`                     // when it was created, UTC
	UpdatedAt            time.Time `json:"updated_at"`                     // when it was last changed, UTC
}

// EventType implements [Data].
func (DashboardsImported) EventType() string { return "dashboard.imported.v1" }

// Change implements [DashboardEvent].
func (d DashboardsImported) Change() DashboardChange {
	c := DashboardChange{dashboards: d.Dashboards}
	if len(d.Dashboards) > 0 {
		c.Primary = d.Dashboards[0].SubAccountID
	}
	return c
}

// Validate checks what a fold depends on.
func (d DashboardsImported) Validate() error {
	if len(d.Dashboards) == 0 {
		return errors.New("the record has no dashboards")
	}
	sets := map[string][]string{}
	for _, imported := range d.Dashboards {
		for _, id := range append([]string{imported.DocumentID, imported.SubAccountID}, imported.SubAccountIDs...) {
			if err := checkHexID("", id); err != nil {
				return err
			}
		}
		if sets[imported.SubAccountID] != nil {
			return fmt.Errorf("account %s is named twice", imported.SubAccountID)
		}
		if !slices.Contains(imported.SubAccountIDs, imported.SubAccountID) {
			return fmt.Errorf("the linked set of account %s does not contain the account itself", imported.SubAccountID)
		}
		texts := slices.Concat(imported.Users, imported.MainPOC, imported.Scopes)
		err := errors.Join(checkYear(imported.CreatedAt, 1), checkYear(imported.UpdatedAt, 1), checkLengths(texts...))
		if err != nil {
			return fmt.Errorf("account %s: %w", imported.SubAccountID, err)
		}
		sets[imported.SubAccountID] = set(imported.SubAccountIDs)
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

func (i ImportedDashboard) document(parent string) Dashboard {
	return Dashboard{
		DocumentID: i.DocumentID, ID: i.DocumentID, SubAccountID: i.SubAccountID, ParentAccount: parent,
		SubAccountIDs: set(i.SubAccountIDs), Users: set(i.Users), MainPOC: set(i.MainPOC), Scopes: set(i.Scopes),
		AllowClientDashboard: i.AllowClientDashboard, CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt,
	}
}

// SourceImport is the ce_source of records that an import appends. That of posts and readings also
// names the import ([ImportSource]).
const SourceImport = "/ledgerboard/import"

// ImportActor is the actor in records of an import: the command line has no user.
const ImportActor = "system:import"

// DataImported records that an operator imports legacy data, or the main application's entities,
// from files. It is appended before the imported records, so even an interrupted import is on
// record. An import that changes nothing appends no record. Except for Repaired and
// Refused, the numbers count the items that the import is about to append.
type DataImported struct {
	Files []ImportedFile `json:"files"` // the files that were read
	ImportCounts
	Repaired int `json:"repaired"` // repairs of dashboards: ids and scopes that were removed or added
	Refused  int `json:"refused"`  // rows that are not imported
}

// ImportCounts counts items by kind.
type ImportCounts struct {
	Entities        int `json:"entities"`         // entities of the main application
	Connections     int `json:"connections"`      // connections of people to platforms
	Tokens          int `json:"tokens,omitempty"` // tokens of connections; absent instead of 0
	Dashboards      int `json:"dashboards"`       // dashboards of the legacy system
	Posts           int `json:"posts"`            // published posts
	AccountReadings int `json:"account_readings"` // readings of the figures of accounts
	PostReadings    int `json:"post_readings"`    // readings of the figures of posts
}

// ImportedFile is a file that was read.
type ImportedFile struct {
	Name   string `json:"name"`   // file name without the directory
	Bytes  int64  `json:"bytes"`  // size in bytes
	SHA256 string `json:"sha256"` // hex SHA-256 of the content
}

// EventType implements [Data].
func (DataImported) EventType() string { return "operations.data_imported.v1" }
