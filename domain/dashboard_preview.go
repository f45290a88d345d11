package domain

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// DashboardPreview is what a change would do: decided as the change itself, and appended nowhere.
type DashboardPreview struct {
	ParentAccount string
	Primary       string
	EventType     string // of the record; "": nothing would change
	Head          int64  // version of the agency's stream on which it was decided
	Version       int64  // of the primary's dashboard, its ETag; 0: there is none yet
	Decision      string // names the decision, see [UpdateDashboard]; "": nothing would change
	Revisions     []DashboardRevision
	Access        []AccessChange
	LostAccess    []string // who would get a notice (rule 5)
}

// AccessChange is what a user sees by a change: accounts on dashboards that the user may open (rule 11). Both lists are sorted, and both
// are empty for a user who keeps what it sees.
type AccessChange struct {
	User         string
	Gains, Loses []string
}

// PreviewOf tells what an event would do to the facts that it was decided on; nil: nothing would change.
func PreviewOf(view FactsView, primary string, event DashboardEvent) (DashboardPreview, error) {
	f := view.Facts
	p := DashboardPreview{
		ParentAccount: f.ParentAccount, Primary: primary, Head: view.Head.Version, Version: f.Dashboards[primary].Version,
	}
	var err error
	if event != nil {
		change := event.Change()
		p.EventType, p.LostAccess = event.EventType(), change.LostAccess
		if p.Decision, err = decision(event); err != nil {
			return p, err
		}
		if p.Revisions, err = change.Fold(f.ParentAccount, view.Head.Version+1, view.Head.Time, f.Dashboards); err != nil {
			return p, fmt.Errorf("fold previewed change: %w", err)
		}
	}
	p.Access = f.accessChanges(primary, p.Revisions)
	return p, nil
}

// decision is the hex SHA-256 of everything that an event would record: also of the dashboards that it was decided on.
func decision(event DashboardEvent) (string, error) {
	payload, err := json.Marshal(event)
	if err != nil {
		return "", fmt.Errorf("name the decision: %w", err)
	}
	sum := sha256.Sum256(slices.Concat([]byte("ledgerboard decision v1\x00"+event.EventType()+"\x00"), payload))
	return hex.EncodeToString(sum[:]), nil
}

// accessChanges are those of everybody who sees something before or after on one of the dashboards that are changed, or on the primary's.
func (f DashboardFacts) accessChanges(primary string, revisions []DashboardRevision) []AccessChange {
	before, after := map[string]Dashboard{}, map[string]Dashboard{}
	if d, there := f.Dashboards[primary]; there {
		before[primary], after[primary] = d, d
	}
	for _, r := range revisions {
		after[r.After.SubAccountID] = r.After
		if r.Before != nil {
			before[r.After.SubAccountID] = *r.Before
		}
	}
	// Linked dashboards that the change leaves as they are show what they showed.
	for id, d := range f.Dashboards {
		if _, changed := after[id]; !changed && (slices.Contains(before[primary].SubAccountIDs, id) || slices.Contains(after[primary].SubAccountIDs, id)) {
			before[id], after[id] = d, d
		}
	}
	was, is := f.seen(before), f.seen(after)
	changes := []AccessChange{}
	for _, user := range set(slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is))) {
		gains, loses := between(was[user], is[user])
		changes = append(changes, AccessChange{User: user, Gains: gains, Loses: loses})
	}
	return changes
}

// seen are the accounts that each user sees on some dashboards, as sets.
func (f DashboardFacts) seen(dashboards map[string]Dashboard) map[string][]string {
	views := map[string]map[string][]string{} // by user, and by the linked set: dashboards that are linked share one
	for _, d := range dashboards {
		if !d.AllowClientDashboard {
			continue
		}
		linked, key := among(d.SubAccountIDs), strings.Join(d.SubAccountIDs, " ")
		for _, user := range d.Users {
			if account, known := f.UserAccounts[user]; !known || !linked(account) {
				continue
			}
			if views[user] == nil {
				views[user] = map[string][]string{}
			}
			views[user][key] = d.SubAccountIDs
		}
	}
	seen := make(map[string][]string, len(views))
	for user, lists := range views {
		seen[user] = set(slices.Collect(maps.Values(lists))...)
	}
	return seen
}
