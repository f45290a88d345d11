package domain

import (
	"fmt"
	"slices"
	"time"
)

// The rules that decide a PUT. The code below, the tests and other packages cite their numbers.
//
//  1. The main account has no dashboard settings.
//  2. Linking unites the sets of the primary and of every requested account.
//  3. Unlinking keeps exactly the requested accounts and the primary. Every other account gets a
//     set of its own.
//  4. If the request has no users, linked dashboards share the union of their lists.
//  5. Users in the request replace the list of every linked dashboard. An unlink removes the users
//     of accounts that are no longer linked. A user who is removed from an affected list loses
//     access. The loss is recorded once per change.
//  6. Points of contact come from each account's own orders.
//  7. Settings that are absent keep the primary's values. The result applies to every linked
//     dashboard.
//  8. One PUT is one record. Without a change there is no record.
//  9. If-Match compares the version of the last record that changed this dashboard. If-Preview
//     compares the whole decision.
//  10. Every named account and user must belong to the caller's agency. Foreign and unknown ids get
//      the same response.
//  11. A client user can open a dashboard that is open, lists the user, and belongs to the user's
//      account or is linked with it.

// UpdateDashboard is the command of a PUT. Fields that were absent from the body are nil.
type UpdateDashboard struct {
	Primary              string
	AllowClientDashboard *bool
	SubAccountIDs        *[]string
	Users                *[]string
	Scopes               *[]string
	Unlink               bool
	IfMatch              *VersionMatch
	// Decision is the decision of a [DashboardPreview] that was shown. A different decision is
	// refused. "" allows any.
	Decision string
}

// VersionMatch is a parsed If-Match header: any existing dashboard, or one of the versions.
type VersionMatch struct {
	Any      bool
	Versions []int64
}

// DecideUpdate decides a PUT. It returns the event to append, nil if nothing would change (rule 8),
// or an [Error]. It never modifies f.
func DecideUpdate(f DashboardFacts, c UpdateDashboard) (DashboardEvent, error) {
	if c.Primary == f.ParentAccount {
		return nil, ErrMainAccount // rule 1
	}
	if !f.Accounts[c.Primary] {
		return nil, ErrDashboardNotFound // rule 10, path
	}
	if err := checkNamed(f, c); err != nil {
		return nil, err
	}
	primary, exists := f.dashboard(c.Primary)
	if c.IfMatch != nil && (!exists || !c.IfMatch.Any && !slices.Contains(c.IfMatch.Versions, primary.Version)) {
		return nil, NewError(CodePreconditionFailed,
			"The dashboard has changed since you read it. Read it again and repeat your change.") // rule 9
	}
	linked, split, err := linkedSet(f, c, primary)
	if err != nil {
		return nil, err
	}
	users, err := usersAfterLink(f, c, linked, split)
	if err != nil {
		return nil, err
	}
	change := DashboardChange{
		Primary: c.Primary, Linked: linked, Users: users,
		AllowClientDashboard: valueOr(c.AllowClientDashboard, primary.AllowClientDashboard), // rule 7
		Scopes:               set(valueOr(c.Scopes, primary.Scopes)),
		MainPOC:              map[string][]string{},
		Created:              map[string]string{},
	}
	for _, id := range linked {
		change.MainPOC[id] = set(f.OrderPOC[id]) // rule 6
		if d, exists := f.dashboard(id); !exists {
			change.Created[id] = d.DocumentID
		}
	}
	oldSet := primary.SubAccountIDs
	for _, id := range split {
		d, _ := f.dashboard(id)
		change.Split = append(change.Split, SplitDashboard{SubAccountID: id, Users: splitUsers(f, d, oldSet)})
	}
	event, err := nameChange(f, change)
	if err != nil || c.Decision == "" {
		return event, err
	}
	current, err := f.decision(event)
	if err != nil {
		return nil, err
	}
	if current != c.Decision { // If-Match covers one dashboard, but a change may affect several
		return nil, NewError(CodePreconditionFailed,
			"The change no longer matches its preview, because the data has changed. Nothing was changed. "+
				"Preview the change again.")
	}
	return event, nil
}

// OpenDashboard decides an agency's GET of a dashboard. It returns the event that creates the
// dashboard, or nil if the dashboard exists.
func OpenDashboard(f DashboardFacts, subAccount string) (DashboardEvent, error) {
	if !f.Accounts[subAccount] {
		return nil, ErrDashboardNotFound
	}
	d, exists := f.dashboard(subAccount)
	if exists {
		return nil, nil
	}
	return DashboardOpened{DashboardChange{
		Primary: subAccount, Linked: d.SubAccountIDs, Users: d.Users, Scopes: d.Scopes,
		MainPOC: map[string][]string{subAccount: d.MainPOC},
		Created: map[string]string{subAccount: d.DocumentID},
	}}, nil
}

// checkNamed applies rule 10 to the body and checks the form of scopes. A user who is already on the
// list may be named, even if the directory no longer knows the user: GET returns that id, so that a
// frontend that sends the list back removes nobody by accident.
func checkNamed(f DashboardFacts, c UpdateDashboard) error {
	e := NewError(CodeUnprocessable, "The change names invalid accounts, users or scopes; see errors.")
	e = refuse(e, "sub_account_ids", c.SubAccountIDs, func(id string) bool { return !f.Accounts[id] },
		"is not a sub-account of your agency")
	primary, _ := f.dashboard(c.Primary)
	listed := inList(primary.Users)
	unknown := func(user string) bool { _, known := f.UserAccounts[user]; return !known && !listed(user) }
	e = refuse(e, "users", c.Users, unknown, "is not a user of your agency or of one of its accounts")
	e.Fields = append(e.Fields, ScopeErrors(valueOr(c.Scopes, nil))...)
	return refusal(e)
}

func refuse(e *Error, field string, list *[]string, wrong func(string) bool, detail string) *Error {
	for i, name := range valueOr(list, nil) {
		if wrong(name) {
			e = e.WithField(fmt.Sprintf("%s[%d]", field, i), detail)
		}
	}
	return e
}

func refusal(e *Error) error {
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}

// linkedSet applies rules 2 and 3. split holds the accounts that leave the set.
func linkedSet(f DashboardFacts, c UpdateDashboard, primary Dashboard) (linked, split []string, err error) {
	present := set(primary.SubAccountIDs, []string{c.Primary})
	if c.SubAccountIDs == nil {
		return present, nil, nil
	}
	requested := set(*c.SubAccountIDs, []string{c.Primary})
	if !c.Unlink {
		linked = present
		for _, id := range requested {
			d, _ := f.dashboard(id)
			linked = set(linked, d.SubAccountIDs, []string{id})
		}
		return linked, nil, nil
	}
	e := NewError(CodeUnprocessable, "An unlink can name only accounts that are currently linked; see errors.")
	linkedNow := inList(present)
	e = refuse(e, "sub_account_ids", c.SubAccountIDs, func(id string) bool { return !linkedNow(id) },
		"is not linked to this dashboard")
	return requested, removeIDs(present, inList(requested)), refusal(e)
}

// usersAfterLink applies rules 4 and 5 to the linked dashboards.
func usersAfterLink(f DashboardFacts, c UpdateDashboard, linked, split []string) ([]string, error) {
	leaves := func(user string) bool {
		account, known := f.UserAccounts[user]
		return known && slices.Contains(split, account)
	}
	if c.Users != nil {
		e := NewError(CodeUnprocessable,
			"A user of an account that this change unlinks cannot stay on the list; see errors.")
		e = refuse(e, "users", c.Users, leaves, "belongs to an account that this change unlinks")
		return set(*c.Users), refusal(e)
	}
	var lists [][]string
	for _, id := range linked {
		d, _ := f.dashboard(id)
		lists = append(lists, d.Users)
	}
	return removeIDs(set(lists...), leaves), nil
}

// splitUsers applies rule 5 to a dashboard that leaves the set.
func splitUsers(f DashboardFacts, d Dashboard, oldSet []string) []string {
	return removeIDs(d.Users, func(user string) bool {
		account, known := f.UserAccounts[user]
		return known && account != d.SubAccountID && slices.Contains(oldSet, account)
	})
}

// nameChange folds the change to find out who loses access, and chooses the event type. The event
// is nil if nothing changes (rule 8).
func nameChange(f DashboardFacts, change DashboardChange) (DashboardEvent, error) {
	at := f.Dashboards[change.Primary].UpdatedAt // any time works: only the content is compared
	revisions, err := change.Fold(f.ParentAccount, 0, at, f.Dashboards)
	if err != nil {
		return nil, fmt.Errorf("fold decided change: %w", err)
	}
	if len(revisions) == 0 {
		return nil, nil
	}
	linksChanged, usersChanged := false, false
	for _, r := range revisions {
		before := Dashboard{SubAccountIDs: []string{r.After.SubAccountID}}
		if r.Before != nil {
			before = *r.Before
		}
		linksChanged = linksChanged || !slices.Equal(before.SubAccountIDs, r.After.SubAccountIDs)
		usersChanged = usersChanged || !slices.Equal(before.Users, r.After.Users)
	}
	change.LostAccess = lostAccess(revisions)
	switch {
	case len(change.Split) > 0:
		return AccountsUnlinked{change}, nil
	case linksChanged:
		return AccountsLinked{change}, nil
	case usersChanged:
		return DashboardUsersChanged{change}, nil
	default:
		return DashboardSettingsChanged{change}, nil
	}
}

func valueOr[T any](p *T, absent T) T {
	if p == nil {
		return absent
	}
	return *p
}

// FactsNeed names the facts that one decision needs.
type FactsNeed struct {
	ParentAccount  string
	Primary        string   // the account in the path
	Accounts       []string // the accounts in the body
	Users          []string // the users in the body
	Subject        string   // with IdempotencyKey: the user whose earlier command is looked up
	IdempotencyKey string   // in the form of [Audit].IdempotencyKey; "" to skip the lookup
	Partition      int32    // of the agency's stream

	// Skip is true for an operator's skip of an event. It is the only command that a stopped stream
	// accepts.
	Skip bool
}

// StreamHead is the end of an agency's stream, which the next record names as its predecessor.
type StreamHead struct {
	Version int64     // 0: no record yet
	Hash    [32]byte  // of the last record, or the stream's genesis hash if there is no record
	Time    time.Time // of the last record; the next one must be later
}

// FactsView is one consistent view of an agency: its facts and its stream head at one moment.
type FactsView struct {
	Facts DashboardFacts
	Head  StreamHead
	// Earlier is the earlier command with the same idempotency key, if any.
	Earlier *EarlierCommand
	// Refusal says why the stream accepts no commands now (stopped, paused, rebuilding); "" if it
	// accepts them.
	Refusal string
	// Stop is where the stream has stopped; nil if it has not.
	Stop *StreamStop
	// Folded is the first offset of the stream's partition that is not included in these facts.
	Folded int64
}

// Settlement says whether a stream has reached a version, and which record has the version.
type Settlement struct {
	Passed    bool   // the head has reached the version
	CommandID string // of the record with this version; "" if it is not folded
}

// PointOfContactProducts returns the managed products whose orders make the assigned person a point
// of contact: all except sites and listings.
func PointOfContactProducts(managed []string) []string {
	return slices.DeleteFunc(slices.Clone(managed), func(product string) bool {
		return product == "site" || product == "listings"
	})
}

// CommandMemory is how long an idempotency key is remembered, measured by the times of the agency's
// records.
const CommandMemory = 24 * time.Hour

// EarlierCommand is a remembered command.
type EarlierCommand struct {
	RequestDigest string
	SubAccount    string
	Version       int64
}
