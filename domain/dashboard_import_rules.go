package domain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// The rules by which legacy dashboards are taken over. A repair never lets anybody see more
// than before: it takes links and names away and adds none.
//
//  1. A document is refused when its account is not one of the agency's, is the agency itself, or stands
//     in another document that was changed later (of one instant: the one with the smaller id stays).
//  2. A link stays when both dashboards name each other, and a set stays when all of its dashboards do.
//     Where an account stands in two sets, the dashboard that was changed last keeps it.
//  3. A user or point of contact stays when it belongs to the agency or to one of its accounts; not when
//     it belongs to an account whose link was taken away.
//  4. A scope stays when it has the form of one.
//  5. A dashboard that was changed here is left as it is, and so are its links. One that was only opened
//     here, by somebody's look at it, takes the legacy one's place, id and times.

// ImportFacts is what the decision about an agency's legacy dashboards may look at.
type ImportFacts struct {
	ParentAccount string
	Accounts      map[string]bool   // the sub-accounts of the agency
	UserAccounts  map[string]string // users of the agency and of its accounts → their account
	Present       map[string]PresentDashboard
	Now           time.Time
}

// PresentDashboard is a dashboard that the log holds already.
type PresentDashboard struct {
	Dashboard

	OnlyOpened bool // nobody changed it since it was opened
}

// ImportNote is a repair or a refusal.
type ImportNote struct {
	SubAccountID string `json:"sub_account_id"`
	Field        string `json:"field,omitempty"` // sub_account_ids, users, main_poc, scopes; "" for the whole document
	ID           string `json:"id,omitempty"`    // what was taken away
	Reason       string `json:"reason"`
}

// ImportPlan is what becomes of an agency's legacy dashboards.
type ImportPlan struct {
	// Sets are to be appended, each linked set together, in the order of its first account.
	Sets      [][]ImportedDashboard
	Unchanged int          // are in the log as they are in the files
	Kept      []ImportNote // were changed here and stay as they are (rule 5)
	Repairs   []ImportNote
	Refused   []ImportNote
}

// PlanImport decides what becomes of an agency's legacy dashboards. It is a function of what is given, so
// that the same files on the same log give the same plan.
func PlanImport(f ImportFacts, documents []ImportedDashboard) ImportPlan {
	var plan ImportPlan
	admitted := f.admit(documents, &plan)
	sets, notes := f.repair(admitted, nil)
	here := map[string]bool{}
	for _, d := range slices.Concat(sets...) {
		there, ok := f.Present[d.SubAccountID]
		if !ok || there.OnlyOpened {
			continue
		}
		here[d.SubAccountID] = true
		if sameAs(there.Dashboard, d, f.ParentAccount) {
			plan.Unchanged++
			continue
		}
		plan.Kept = append(plan.Kept, ImportNote{SubAccountID: d.SubAccountID, Reason: "was changed here already and stays as it is"})
	}
	plan.Sets, plan.Repairs = f.repair(slices.DeleteFunc(admitted, func(d ImportedDashboard) bool { return here[d.SubAccountID] }), here)
	for _, note := range notes { // of those that are here: the same report at every repetition
		if here[note.SubAccountID] {
			plan.Repairs = append(plan.Repairs, note)
		}
	}
	for _, notes := range [][]ImportNote{plan.Repairs, plan.Kept, plan.Refused} {
		slices.SortStableFunc(notes, compareNotes)
	}
	return plan
}

func compareNotes(a, b ImportNote) int {
	return cmp.Or(cmp.Compare(a.SubAccountID, b.SubAccountID), cmp.Compare(a.Field, b.Field), cmp.Compare(a.ID, b.ID))
}

func sameAs(there Dashboard, d ImportedDashboard, parent string) bool {
	after := d.document(parent)
	return equalContent(&there, &after) && there.CreatedAt.Equal(after.CreatedAt) && there.UpdatedAt.Equal(after.UpdatedAt)
}

// admit is rule 1.
func (f ImportFacts) admit(documents []ImportedDashboard, plan *ImportPlan) []ImportedDashboard {
	newest := slices.Clone(documents)
	slices.SortStableFunc(newest, newestFirst)
	var admitted []ImportedDashboard
	seen := map[string]bool{}
	for _, d := range newest {
		reason := ""
		switch {
		case d.SubAccountID == f.ParentAccount:
			reason = "is the agency's own account, which has no dashboard"
		case !f.Accounts[d.SubAccountID]:
			reason = "is not an account of agency " + f.ParentAccount
		case seen[d.SubAccountID]:
			reason = "stands in another document that was changed later"
		case d.CreatedAt.After(f.Now) || d.UpdatedAt.After(f.Now):
			reason = "was changed in the future"
		}
		if reason != "" {
			plan.Refused = append(plan.Refused, ImportNote{SubAccountID: d.SubAccountID, ID: d.DocumentID, Reason: reason})
			continue
		}
		seen[d.SubAccountID] = true
		admitted = append(admitted, d)
	}
	return admitted
}

func newestFirst(a, b ImportedDashboard) int {
	return cmp.Or(b.UpdatedAt.Compare(a.UpdatedAt), cmp.Compare(a.DocumentID, b.DocumentID))
}

// repair is rules 2 to 4 for documents in the order of [newestFirst]; here are the accounts whose
// dashboards stay out of it by rule 5.
func (f ImportFacts) repair(documents []ImportedDashboard, here map[string]bool) (sets [][]ImportedDashboard, notes []ImportNote) {
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
		case !f.Accounts[other]:
			return "is not an account of this agency"
		case here[other]:
			return "has a dashboard here that the import leaves as it is"
		case !known:
			return "has no dashboard in the files"
		case !both(account, other):
			return fmt.Sprintf("does not name %s in turn", account)
		default:
			return "stands in another set, or not all of this set name it"
		}
	}
	for _, first := range slices.Sorted(maps.Keys(linked)) {
		if linked[first][0] != first {
			continue
		}
		var together []ImportedDashboard
		for _, id := range linked[first] {
			d, mended := f.mend(byAccount[id], linked[first], unlinked)
			together, notes = append(together, d), append(notes, mended...)
		}
		sets = append(sets, together)
	}
	return sets, notes
}

// mend is what one document becomes, with a note for everything that was taken away.
func (f ImportFacts) mend(
	d ImportedDashboard, linked []string, unlinked func(account, other string) string,
) (_ ImportedDashboard, notes []ImportNote) {
	note := func(field, id, reason string) {
		notes = append(notes, ImportNote{SubAccountID: d.SubAccountID, Field: field, ID: id, Reason: reason})
	}
	parted := map[string]bool{}
	if !slices.Contains(d.SubAccountIDs, d.SubAccountID) {
		note("sub_account_ids", d.SubAccountID, "was missing: a set holds its own account")
	}
	for _, id := range set(d.SubAccountIDs) {
		if !slices.Contains(linked, id) {
			parted[id] = true
			note("sub_account_ids", id, unlinked(d.SubAccountID, id))
		}
	}
	people := func(field string, ids []string) []string {
		return without(set(ids), func(id string) bool {
			account, known := f.UserAccounts[id]
			switch {
			case !known:
				note(field, id, "is not a user of this agency or of one of its accounts")
			case parted[account]:
				note(field, id, "belongs to account "+account+", whose link was taken away")
			default:
				return false
			}
			return true
		})
	}
	d.SubAccountIDs, d.Users, d.MainPOC = slices.Clone(linked), people("users", d.Users), people("main_poc", d.MainPOC)
	d.Scopes = without(set(d.Scopes), func(scope string) bool {
		if scopeForm.MatchString(scope) {
			return false
		}
		note("scopes", fmt.Sprintf("%.64q", scope), "is not a scope")
		return true
	})
	return d, notes
}
