package commands

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/legacy"
)

// ImportWorld is the directory as an import sees it: what the log holds, and on top of it what the files
// bring. Old rows say of whom they are in the old system's words; it knows what those mean.
type ImportWorld struct {
	states        map[string]uint64 // by directory key: digest of the last state
	accounts      map[string]domain.DirectoryAccount
	rows          map[int64][]string // row id → account ids
	users         map[string]domain.DirectoryUser
	members       map[int64]domain.DirectoryMember
	socials       map[int64]domain.DirectorySocialAccount
	connections   map[int64]domain.DirectoryConnection
	subscriptions map[string][]domain.DirectorySubscription // by account
}

// NewImportWorld returns an empty directory.
func NewImportWorld() *ImportWorld {
	return &ImportWorld{
		states: map[string]uint64{}, accounts: map[string]domain.DirectoryAccount{}, rows: map[int64][]string{},
		users: map[string]domain.DirectoryUser{}, members: map[int64]domain.DirectoryMember{}, socials: map[int64]domain.DirectorySocialAccount{},
		connections: map[int64]domain.DirectoryConnection{}, subscriptions: map[string][]domain.DirectorySubscription{},
	}
}

// Put notes the last state of an entity, and tells whether it is another one than before. A nil entity
// is a tombstone of the key.
func (w *ImportWorld) Put(key string, entity domain.DirectoryEntity) (changed bool) {
	if entity == nil {
		_, had := w.states[key]
		w.forget(key)
		return had
	}
	state := digest(entity)
	if known, ok := w.states[key]; ok && known == state {
		return false
	}
	w.forget(key)
	w.states[key] = state
	w.note(entity)
	return true
}

func digest(entity domain.DirectoryEntity) uint64 {
	h := fnv.New64a()
	if err := json.NewEncoder(h).Encode(entity); err != nil {
		return 0 // what cannot be encoded is refused when it is appended
	}
	return h.Sum64()
}

func (w *ImportWorld) note(entity domain.DirectoryEntity) {
	switch e := entity.(type) {
	case domain.DirectoryAccount:
		w.accounts[e.ID] = e
		w.rows[e.RowID] = append(w.rows[e.RowID], e.ID)
	case domain.DirectoryUser:
		w.users[e.ID] = e
	case domain.DirectoryMember:
		w.members[e.ID] = e
	case domain.DirectorySocialAccount:
		w.socials[e.ID] = e
	case domain.DirectoryConnection:
		w.connections[e.ID] = e
	case domain.DirectorySubscription:
		w.subscriptions[e.AccountID] = append(w.subscriptions[e.AccountID], e)
	}
}

func (w *ImportWorld) forget(key string) {
	delete(w.states, key)
	kind, id, err := domain.SplitDirectoryKey(key)
	if err != nil {
		return
	}
	var number int64
	_, _ = fmt.Sscan(id, &number) // 0 for the kinds whose ids are no numbers
	switch kind {
	case domain.KindAccount:
		if row := w.accounts[id].RowID; w.accounts[id].ID != "" {
			w.rows[row] = slices.DeleteFunc(w.rows[row], func(other string) bool { return other == id })
		}
		delete(w.accounts, id)
	case domain.KindUser:
		delete(w.users, id)
	case domain.KindMember:
		delete(w.members, number)
	case domain.KindSocialAccount:
		delete(w.socials, number)
	case domain.KindConnection:
		delete(w.connections, number)
	case domain.KindSubscription:
		for account, list := range w.subscriptions {
			w.subscriptions[account] = slices.DeleteFunc(list, func(s domain.DirectorySubscription) bool { return s.ID == number })
		}
	}
}

// Keeping returns an entity with the references to its secrets that the directory knows, where it names
// none itself: the main application's own exports know nothing of them.
func (w *ImportWorld) Keeping(entity domain.DirectoryEntity) domain.DirectoryEntity {
	switch e := entity.(type) {
	case domain.DirectoryUser:
		e.PasswordRef = cmp.Or(e.PasswordRef, w.users[e.ID].PasswordRef)
		return e
	case domain.DirectoryConnection:
		e.SecretRef = cmp.Or(e.SecretRef, w.connections[e.ID].SecretRef)
		return e
	default:
		return entity
	}
}

// User returns a user whom the directory knows.
func (w *ImportWorld) User(id string) (domain.DirectoryUser, bool) {
	user, ok := w.users[id]
	return user, ok
}

// Facts are what a decision about an agency's old dashboards may look at in the directory.
func (w *ImportWorld) Facts(parent string, now time.Time) domain.ImportFacts {
	f := domain.ImportFacts{ParentAccount: parent, Accounts: map[string]bool{}, UserAccounts: map[string]string{}, Now: now}
	for id, account := range w.accounts {
		if account.ParentAccount == parent {
			f.Accounts[id] = true
		}
	}
	for id, user := range w.users {
		if user.AccountID == parent || f.Accounts[user.AccountID] {
			f.UserAccounts[id] = user.AccountID
		}
	}
	return f
}

// Tenant says to whom an old row belongs. What the row itself says was so at its capture and counts; the
// directory's social account says the rest, as it is today.
func (w *ImportWorld) Tenant(o legacy.Owner) (domain.Tenant, domain.AccountType, error) {
	social, known := w.socials[o.SocialAccount]
	if known && social.Platform != o.Platform {
		return domain.Tenant{}, 0, fmt.Errorf("social account %d is on %s in the directory, the row says %s", o.SocialAccount, social.Platform, o.Platform)
	}
	account, err := w.account(o.Account, social.AccountID)
	if err != nil {
		return domain.Tenant{}, 0, fmt.Errorf("accountId: %w", err)
	}
	parent, err := w.account(o.ParentAccount, cmp.Or(w.accounts[account].ParentAccount, social.ParentAccount))
	if err != nil {
		return domain.Tenant{}, 0, fmt.Errorf("parentAccount: %w", err)
	}
	if belongs := w.accounts[account].ParentAccount; account != parent && belongs != "" && belongs != parent {
		return domain.Tenant{}, 0, fmt.Errorf("account %s is not one of agency %s", account, parent)
	}
	t := domain.Tenant{
		ParentAccount: parent, AccountID: account, MemberID: cmp.Or(o.MemberID, social.MemberID), SocialAccount: o.SocialAccount,
	}
	if t.MemberID == 0 {
		return t, 0, fmt.Errorf("memberId is missing, and the directory does not know social account %d", o.SocialAccount)
	}
	return t, cmp.Or(o.AccountType, social.AccountType), t.Validate()
}

// account resolves an old row's account; otherwise stands in when the row names none.
func (w *ImportWorld) account(ref legacy.AccountRef, otherwise string) (string, error) {
	switch ids := w.rows[ref.RowID]; {
	case ref.ID != "":
		return ref.ID, nil
	case ref.RowID == 0 && otherwise != "":
		return otherwise, nil
	case ref.RowID == 0:
		return "", errors.New("is missing, and the directory does not know the social account")
	case len(ids) == 0:
		return "", fmt.Errorf("no account has the row id %d; import the accounts first", ref.RowID)
	case len(ids) > 1:
		return "", fmt.Errorf("row id %d is that of %d accounts; name the account by its id", ref.RowID, len(ids))
	default:
		return ids[0], nil
	}
}

// Subscribed tells whether an account, or its agency for it, had a subscription at a time.
func (w *ImportWorld) Subscribed(t domain.Tenant, at time.Time) bool {
	for _, account := range []string{t.AccountID, t.ParentAccount} {
		for _, s := range w.subscriptions[account] {
			if !s.StartsAt.After(at) && (s.EndsAt == nil || s.EndsAt.After(at)) {
				return true
			}
		}
	}
	return false
}

// Connection returns a connection that the directory knows.
func (w *ImportWorld) Connection(id int64) (domain.DirectoryConnection, bool) {
	c, ok := w.connections[id]
	return c, ok
}

// KnowsMember tells whether the directory knows a member.
func (w *ImportWorld) KnowsMember(id int64) bool {
	_, ok := w.members[id]
	return ok
}
