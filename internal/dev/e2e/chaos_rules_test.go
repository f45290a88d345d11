//go:build e2e

package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"regexp"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What a PUT must do, written down once more, to judge answers and records by.

// chaosPartitionOf is where a key belongs: murmur2, as every Kafka client has it.
func chaosPartitionOf(key string, partitions int32) int32 {
	p := kgo.StickyKeyPartitioner(nil).ForTopic("")
	return int32(p.Partition(&kgo.Record{Key: []byte(key)}, int(partitions)))
}

// chaosFacts is what a decision may look at beside the dashboards. Accounts and users are only ever
// added while the test runs, so that the latest facts also explain earlier decisions.
type chaosFacts struct {
	parent   string
	accounts map[string]bool     // sub-accounts of the agency
	users    map[string]string   // users of the agency and its accounts → account
	poc      map[string][]string // by buyer
}

// chaosManaged are the product types that make points of contact in the demo: MANAGED_SUBSCRIPTIONS
// without site and listings.
var chaosManaged = []string{"social_management", "seo_management", "ads_management"}

// chaosDefaults is CLIENT_DASHBOARD_SCOPES of the demo.
var chaosDefaults = []string{"analytics", "posts", "reports"}

// chaosFactsOf reads the facts of an agency from the last records of the directory.
func chaosFactsOf(parent string, directory map[string]*chaosRecord) chaosFacts {
	text := func(r *chaosRecord, name string) string {
		s, _ := r.fields[name].(string)
		return s
	}
	f := chaosFacts{parent: parent, accounts: map[string]bool{}, users: map[string]string{}, poc: map[string][]string{}}
	for _, r := range directory {
		if r.kind == "directory.account.v1" && text(r, "parent_account") == parent {
			f.accounts[text(r, "id")] = true
		}
	}
	for _, r := range directory {
		switch r.kind {
		case "directory.user.v1":
			if account := text(r, "account_id"); account == parent || f.accounts[account] {
				f.users[text(r, "id")] = account
			}
		case "directory.order.v1":
			if text(r, "seller") == parent && slices.Contains(chaosManaged, text(r, "product_type")) {
				assigned, _ := r.fields["assigned_users"].([]any)
				for _, user := range assigned {
					f.poc[text(r, "buyer")] = chaosSet(f.poc[text(r, "buyer")], []string{user.(string)})
				}
			}
		}
	}
	return f
}

// chaosRequest is the body of a PUT; nil members are absent.
type chaosRequest struct {
	Allow   *bool     `json:"allow_client_dashboard,omitempty"`
	SubIDs  *[]string `json:"sub_account_ids,omitempty"`
	Users   *[]string `json:"users,omitempty"`
	Scopes  *[]string `json:"scopes,omitempty"`
	Unlink  bool      `json:"unlink,omitempty"`
	ifMatch []int64   // nil: no header
}

var chaosScope = regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,63}$`)

// dashboard is the present one, or the one that a GET would create.
func (f chaosFacts) dashboard(state chaosState, sub string) *chaosDoc {
	if d, there := state[sub]; there {
		return d
	}
	id := sha256.Sum256([]byte("dashboard\x00" + f.parent + "\x00" + sub))
	return &chaosDoc{
		id: hex.EncodeToString(id[:12]), sub: sub, parent: f.parent, linked: []string{sub}, users: []string{},
		poc: chaosSet(f.poc[sub]), scopes: chaosSet(chaosDefaults),
	}
}

// decide says what a PUT of the agency does to a state: the status of its answer and, for 200, the
// dashboards afterwards (times and versions are not decided here).
func (f chaosFacts) decide(state chaosState, primary string, c chaosRequest) (int, chaosState) {
	list := func(p *[]string) []string {
		if p == nil {
			return nil
		}
		return *p
	}
	switch {
	case slices.ContainsFunc(list(c.Scopes), func(s string) bool { return !chaosScope.MatchString(s) }):
		return http.StatusBadRequest, nil // before any rule
	case primary == f.parent:
		return http.StatusForbidden, nil
	case !f.accounts[primary]:
		return http.StatusNotFound, nil
	}
	unknown := slices.ContainsFunc(list(c.SubIDs), func(id string) bool { return !f.accounts[id] }) ||
		slices.ContainsFunc(list(c.Users), func(id string) bool { return f.users[id] == "" })
	if unknown {
		return http.StatusUnprocessableEntity, nil
	}
	old := f.dashboard(state, primary)
	if _, there := state[primary]; c.ifMatch != nil && (!there || !slices.Contains(c.ifMatch, old.version)) {
		return http.StatusPreconditionFailed, nil
	}
	linked, split := chaosSet(old.linked), []string{}
	switch {
	case c.SubIDs == nil:
	case !c.Unlink:
		for _, id := range *c.SubIDs {
			linked = chaosSet(linked, f.dashboard(state, id).linked, []string{id})
		}
	default:
		if slices.ContainsFunc(*c.SubIDs, func(id string) bool { return !slices.Contains(linked, id) }) {
			return http.StatusUnprocessableEntity, nil
		}
		stay := chaosSet(*c.SubIDs, []string{primary})
		split = chaosWithout(linked, func(id string) bool { return slices.Contains(stay, id) })
		linked = stay
	}
	leaves := func(user string) bool { return slices.Contains(split, f.users[user]) }
	var users []string
	if c.Users != nil {
		if slices.ContainsFunc(*c.Users, leaves) {
			return http.StatusUnprocessableEntity, nil
		}
		users = chaosSet(*c.Users)
	} else {
		for _, id := range linked {
			users = chaosSet(users, f.dashboard(state, id).users)
		}
		users = chaosWithout(users, leaves)
	}
	allow, scopes := old.allow, old.scopes
	if c.Allow != nil {
		allow = *c.Allow
	}
	if c.Scopes != nil {
		scopes = chaosSet(*c.Scopes)
	}
	after := chaosState{}
	maps.Copy(after, state)
	for _, id := range linked {
		d := *f.dashboard(state, id)
		d.linked, d.users, d.allow, d.scopes, d.poc = linked, users, allow, scopes, chaosSet(f.poc[id])
		after[id] = &d
	}
	for _, id := range split {
		d := *f.dashboard(state, id)
		d.linked = []string{id}
		d.users = chaosWithout(d.users, func(user string) bool {
			account := f.users[user]
			return account != "" && account != id && slices.Contains(old.linked, account)
		})
		after[id] = &d
	}
	return http.StatusOK, after
}

// same tells whether two states hold the same contents.
func (s chaosState) same(o chaosState) bool {
	if len(s) != len(o) {
		return false
	}
	for id, d := range s {
		if e, there := o[id]; !there || !d.same(e) {
			return false
		}
	}
	return true
}
