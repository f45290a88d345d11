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

// ImportWorld is the directory as seen by an import: the entities in the log, overlaid by those in
// the files. It resolves the legacy ids with which legacy rows name their owners.
type ImportWorld struct {
	states    map[string]importState            // by directory key
	entities  map[string]domain.DirectoryEntity // by directory key, only of kinds that rows refer to
	index     *importIndex                      // nil if it must be rebuilt
	published map[string]time.Time              // posts in the files, by [domain.PostID]
}

type importState struct {
	domain.CompactedRecord

	digest uint64 // of the entity
}

// importIndex finds entities by attributes other than their keys.
type importIndex struct {
	accounts      map[int64][]string // row id → account ids
	subscriptions map[string][]domain.DirectorySubscription
}

// NewImportWorld returns an empty directory.
func NewImportWorld() *ImportWorld {
	return &ImportWorld{
		states: map[string]importState{}, entities: map[string]domain.DirectoryEntity{},
		published: map[string]time.Time{},
	}
}

// Clone returns an independent copy with the same entities.
func (w *ImportWorld) Clone() *ImportWorld {
	return &ImportWorld{
		states: maps.Clone(w.states), entities: maps.Clone(w.entities), published: map[string]time.Time{},
	}
}

// Stored records an entity's state in the log. Call it in log order. A nil entity is a tombstone.
func (w *ImportWorld) Stored(key string, entity domain.DirectoryEntity, at time.Time) {
	delete(w.states, key)
	w.Put(key, entity, at)
}

// Put records an entity's state at a time, unless a later state is recorded. It reports whether the
// entity has changed. A nil entity is a tombstone.
func (w *ImportWorld) Put(key string, entity domain.DirectoryEntity, at time.Time) (changed bool) {
	before, exists := w.states[key]
	next := importState{CompactedRecord: domain.CompactedRecord{At: at, Erased: entity == nil}}
	if exists && !next.Replaces(before.CompactedRecord) {
		return false
	}
	if entity == nil {
		w.states[key] = next
		delete(w.entities, key)
		w.index = nil
		return exists && !before.Erased
	}
	next.digest = digest(entity)
	w.states[key] = next
	if exists && !before.Erased && before.digest == next.digest {
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
		return 0 // an entity that cannot be encoded is refused when it is appended
	}
	return h.Sum64()
}

func find[T domain.DirectoryEntity](w *ImportWorld, kind string, id any) (T, bool) {
	entity, ok := w.entities[domain.DirectoryKey(kind, fmt.Sprint(id))].(T)
	return entity, ok
}

func (w *ImportWorld) indexed() *importIndex {
	if w.index == nil {
		w.index = &importIndex{
			accounts: map[int64][]string{}, subscriptions: map[string][]domain.DirectorySubscription{},
		}
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

// Facts returns the facts in the directory for the decision about an agency's legacy dashboards.
func (w *ImportWorld) Facts(parent string, now time.Time) domain.ImportFacts {
	f := domain.ImportFacts{
		ParentAccount: parent, Accounts: map[string]bool{}, UserAccounts: map[string]string{}, Now: now,
	}
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

// Tenant returns the owner of a legacy row at its capture. The attributes in the row take
// precedence over those in the directory.
func (w *ImportWorld) Tenant(o legacy.Owner) (domain.Tenant, domain.AccountType, error) {
	social, known := find[domain.DirectorySocialAccount](w, domain.KindSocialAccount, o.SocialAccount)
	if known && social.Platform != o.Platform {
		return domain.Tenant{}, 0, fmt.Errorf("social account %d is on %s in the directory, but on %s in the row",
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
	if agency := account.ParentAccount; id != parent && agency != "" && agency != parent {
		return domain.Tenant{}, 0, fmt.Errorf("account %s does not belong to agency %s", id, parent)
	}
	t := domain.Tenant{
		ParentAccount: parent, AccountID: id,
		MemberID: cmp.Or(o.MemberID, social.MemberID), SocialAccount: o.SocialAccount,
	}
	if t.MemberID == 0 {
		return t, 0, fmt.Errorf("memberId is missing, and social account %d is not in the directory", o.SocialAccount)
	}
	return t, cmp.Or(o.AccountType, social.AccountType), t.Validate()
}

// account resolves a legacy row's account. If the row names none, it returns fallback.
func (w *ImportWorld) account(ref legacy.AccountRef, fallback string) (string, error) {
	switch ids := w.indexed().accounts[ref.RowID]; {
	case ref.ID != "":
		return ref.ID, nil
	case ref.RowID == 0 && fallback != "":
		return fallback, nil
	case ref.RowID == 0:
		return "", errors.New("is missing, and the directory does not know the social account")
	case len(ids) == 0:
		return "", fmt.Errorf("no account has the row id %d; import the accounts first", ref.RowID)
	case len(ids) > 1:
		return "", fmt.Errorf("row id %d belongs to %d accounts; use the account's id", ref.RowID, len(ids))
	default:
		return ids[0], nil
	}
}

// Subscribed reports whether an account, or its agency, had an active subscription at a time.
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
