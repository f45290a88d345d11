package commands

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/legacy"
)

// ImportWorld is the directory as an import sees it: what the log holds, and on top of it what the files
// bring. Legacy rows name their owners by legacy ids; it knows what those mean.
type ImportWorld struct {
	states    map[string]importState            // by directory key
	entities  map[string]domain.DirectoryEntity // by directory key, of the kinds that rows are looked up in
	index     *importIndex                      // nil: to be made anew
	published map[string]time.Time              // posts of the files, by [domain.PostID]
}

// importState is what counts of a key.
type importState struct {
	domain.CompactedRecord

	digest uint64 // of the entity
}

// importIndex finds entities otherwise than by their keys.
type importIndex struct {
	accounts      map[int64][]string // row id → account ids
	subscriptions map[string][]domain.DirectorySubscription
}

// NewImportWorld returns an empty directory.
func NewImportWorld() *ImportWorld {
	return &ImportWorld{states: map[string]importState{}, entities: map[string]domain.DirectoryEntity{}, published: map[string]time.Time{}}
}

// Clone returns a directory of the same entities that changes on its own.
func (w *ImportWorld) Clone() *ImportWorld {
	return &ImportWorld{states: maps.Clone(w.states), entities: maps.Clone(w.entities), published: map[string]time.Time{}}
}

// Stored notes the state that the log holds of an entity, in the order of its records; nil: a tombstone.
func (w *ImportWorld) Stored(key string, entity domain.DirectoryEntity, at time.Time) {
	delete(w.states, key)
	w.Put(key, entity, at)
}

// Put notes the state that an entity had at a time, and tells whether it counts and is another one than before. A nil entity
// is a tombstone of the key.
func (w *ImportWorld) Put(key string, entity domain.DirectoryEntity, at time.Time) (changed bool) {
	before, had := w.states[key]
	now := importState{CompactedRecord: domain.CompactedRecord{At: at, Erased: entity == nil}}
	if had && !now.Replaces(before.CompactedRecord) {
		return false
	}
	if entity == nil {
		w.states[key] = now
		delete(w.entities, key)
		w.index = nil
		return had && !before.Erased
	}
	now.digest = digest(entity)
	w.states[key] = now
	if had && !before.Erased && before.digest == now.digest {
		return false
	}
	switch entity.(type) {
	case domain.DirectoryAccount, domain.DirectoryUser, domain.DirectoryMember, domain.DirectorySocialAccount,
		domain.DirectoryConnection, domain.DirectorySubscription:
		w.entities[key] = entity
		w.index = nil
	}
	return true
}

func digest(entity domain.DirectoryEntity) uint64 {
	h := fnv.New64a()
	if err := json.NewEncoder(h).Encode(entity); err != nil {
		return 0 // what cannot be encoded is refused when it is appended
	}
	return h.Sum64()
}

// find returns an entity that the directory knows; the zero value when it does not.
func find[T domain.DirectoryEntity](w *ImportWorld, kind string, id any) (T, bool) {
	entity, ok := w.entities[domain.DirectoryKey(kind, fmt.Sprint(id))].(T)
	return entity, ok
}

func (w *ImportWorld) indexed() *importIndex {
	if w.index == nil {
		w.index = &importIndex{accounts: map[int64][]string{}, subscriptions: map[string][]domain.DirectorySubscription{}}
		for _, entity := range w.entities {
			switch e := entity.(type) {
			case domain.DirectoryAccount:
				w.index.accounts[e.RowID] = append(w.index.accounts[e.RowID], e.ID)
			case domain.DirectorySubscription:
				w.index.subscriptions[e.AccountID] = append(w.index.subscriptions[e.AccountID], e)
			}
		}
	}
	return w.index
}

// Facts are what a decision about an agency's legacy dashboards may look at in the directory.
func (w *ImportWorld) Facts(parent string, now time.Time) domain.ImportFacts {
	f := domain.ImportFacts{ParentAccount: parent, Accounts: map[string]bool{}, UserAccounts: map[string]string{}, Now: now}
	for _, entity := range w.entities {
		if account, ok := entity.(domain.DirectoryAccount); ok && account.ParentAccount == parent {
			f.Accounts[account.ID] = true
		}
	}
	for _, entity := range w.entities {
		if user, ok := entity.(domain.DirectoryUser); ok && (user.AccountID == parent || f.Accounts[user.AccountID]) {
			f.UserAccounts[user.ID] = user.AccountID
		}
	}
	return f
}

// Tenant says to whom a legacy row belongs. What the row itself says was so at its capture and counts; the
// directory's social account says the rest, as it is today.
func (w *ImportWorld) Tenant(o legacy.Owner) (domain.Tenant, domain.AccountType, error) {
	social, known := find[domain.DirectorySocialAccount](w, domain.KindSocialAccount, o.SocialAccount)
	if known && social.Platform != o.Platform {
		return domain.Tenant{}, 0, fmt.Errorf("social account %d is on %s in the directory, the row says %s",
			o.SocialAccount, social.Platform, o.Platform)
	}
	id, err := w.account(o.Account, social.AccountID)
	if err != nil {
		return domain.Tenant{}, 0, fmt.Errorf("accountId: %w", err)
	}
	account, _ := find[domain.DirectoryAccount](w, domain.KindAccount, id)
	parent, err := w.account(o.ParentAccount, cmp.Or(account.ParentAccount, social.ParentAccount))
	if err != nil {
		return domain.Tenant{}, 0, fmt.Errorf("parentAccount: %w", err)
	}
	if belongs := account.ParentAccount; id != parent && belongs != "" && belongs != parent {
		return domain.Tenant{}, 0, fmt.Errorf("account %s is not one of agency %s", id, parent)
	}
	t := domain.Tenant{
		ParentAccount: parent, AccountID: id, MemberID: cmp.Or(o.MemberID, social.MemberID), SocialAccount: o.SocialAccount,
	}
	if t.MemberID == 0 {
		return t, 0, fmt.Errorf("memberId is missing, and the directory does not know social account %d", o.SocialAccount)
	}
	return t, cmp.Or(o.AccountType, social.AccountType), t.Validate()
}

// account resolves a legacy row's account; otherwise stands in when the row names none.
func (w *ImportWorld) account(ref legacy.AccountRef, otherwise string) (string, error) {
	switch ids := w.indexed().accounts[ref.RowID]; {
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
		for _, s := range w.indexed().subscriptions[account] {
			if !s.StartsAt.After(at) && (s.EndsAt == nil || s.EndsAt.After(at)) {
				return true
			}
		}
	}
	return false
}
