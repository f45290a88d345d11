package commands

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ImportWorld is what an import knows: the entities and the texts of posts in the log, overlaid by those
// in the files. It finds what lines do not state about their owners.
type ImportWorld struct {
	states    map[string]importState            // of entities and texts, by key
	entities  map[string]domain.DirectoryEntity // of the kinds that lines refer to, by key
	index     *importIndex                      // nil until a post or reading needs it
	published map[string]time.Time              // posts in the files, by [domain.PostID]
}

type importState struct {
	domain.CompactedRecord

	digest uint64 // of the entity or the texts
}

// importIndex finds entities by attributes other than their keys.
type importIndex struct {
	accounts      map[int64][]string // row id → account ids
	subscriptions map[string][]domain.DirectorySubscription
}

// NewImportWorld returns an empty directory.
func NewImportWorld() *ImportWorld {
	return &ImportWorld{
		states: map[string]importState{}, entities: map[string]domain.DirectoryEntity{}, published: map[string]time.Time{},
	}
}

// Stored records the state of a key in the log. Call it in log order. nil is a tombstone.
func (i *ImportWorld) Stored(key string, data domain.Data, at time.Time) {
	delete(i.states, key)
	i.Put(key, data, at)
}

// Put records a state, unless a later one is recorded. It reports whether the state is a change. nil is
// a tombstone.
func (i *ImportWorld) Put(key string, data domain.Data, at time.Time) (changed bool) {
	before, exists := i.states[key]
	next := importState{CompactedRecord: domain.CompactedRecord{At: at, Erased: data == nil}, digest: stateDigest(data)}
	if exists && !next.Replaces(before.CompactedRecord) {
		return false
	}
	i.states[key] = next
	i.refer(key, data)
	if next.Erased {
		return exists && !before.Erased
	}
	return !exists || before.Erased || before.digest != next.digest
}

// refer lets lines refer to the entity of a key. A text of a post must not cost a new index.
func (i *ImportWorld) refer(key string, data domain.Data) {
	before := len(i.entities)
	delete(i.entities, key)
	switch e := data.(type) {
	case domain.DirectoryAccount, domain.DirectoryUser, domain.DirectoryMember, domain.DirectorySocialAccount,
		domain.DirectoryConnection, domain.DirectorySubscription:
		i.entities[key], _ = e.(domain.DirectoryEntity)
		i.index = nil
	}
	if len(i.entities) < before {
		i.index = nil
	}
}

// Admit puts the event of a line and reports whether it is to be appended. An entity or text that
// differs from another one with the same time is refused.
func (i *ImportWorld) Admit(d domain.Draft) (changed bool, err error) {
	before, exists := i.states[d.Key]
	content, isContent := d.Data.(domain.PostContent)
	switch {
	case isContent && i.erasesContent(content.PostRef):
		return false, nil
	case d.Data != nil && exists && !before.Erased && before.At.Equal(d.Envelope.Time) && before.digest != stateDigest(d.Data):
		return false, errors.New("differs from another state with the same updated_at, or registered_at")
	}
	return i.Put(d.Key, d.Data, d.Envelope.Time), nil
}

// stateDigest returns a digest of what two states of a key must agree on. The client of a text may
// differ if the page has moved.
func stateDigest(data domain.Data) uint64 {
	if content, ok := data.(domain.PostContent); ok {
		return Digest(content.PostTexts)
	}
	return Digest(data)
}

// Accept notes when a post was published, for its readings without that time. post is that of a line
// that is imported.
func (i *ImportWorld) Accept(post domain.Data) {
	if post, ok := post.(domain.PostRegistered); ok && post.PublishedAt != nil {
		i.published[domain.PostID(post.SocialAccount, post.ExternalID)] = *post.PublishedAt
	}
}

func find[T domain.DirectoryEntity](w *ImportWorld, kind string, id any) (T, bool) {
	entity, ok := w.entities[domain.DirectoryKey(kind, fmt.Sprint(id))].(T)
	return entity, ok
}

func (i *ImportWorld) indexed() *importIndex {
	if i.index == nil {
		i.index = &importIndex{
			accounts: map[int64][]string{}, subscriptions: map[string][]domain.DirectorySubscription{},
		}
		for _, entity := range i.entities {
			switch e := entity.(type) {
			case domain.DirectoryAccount:
				i.index.accounts[e.RowID] = append(i.index.accounts[e.RowID], e.ID)
			case domain.DirectorySubscription:
				i.index.subscriptions[e.AccountID] = append(i.index.subscriptions[e.AccountID], e)
			}
		}
	}
	return i.index
}

// Facts returns the facts in the directory for the decision about an agency's old dashboards.
func (i *ImportWorld) Facts(parent string, now time.Time) domain.ImportFacts {
	f := domain.ImportFacts{
		ParentAccount: parent, Accounts: map[string]bool{}, UserAccounts: map[string]string{}, Now: now,
	}
	for _, entity := range i.entities {
		if account, ok := entity.(domain.DirectoryAccount); ok && account.ParentAccount == parent {
			f.Accounts[account.ID] = true
		}
	}
	for _, entity := range i.entities {
		if user, ok := entity.(domain.DirectoryUser); ok && (user.AccountID == parent || f.Accounts[user.AccountID]) {
			f.UserAccounts[user.ID] = user.AccountID
		}
	}
	return f
}

// Tenant returns the owner of a post or reading. What a line states takes precedence over the
// directory.
func (i *ImportWorld) Tenant(o ImportedOwner) (t domain.Tenant, _ domain.AccountType, err error) {
	social, known := find[domain.DirectorySocialAccount](i, domain.KindSocialAccount, o.SocialAccount)
	t = o.Tenant
	switch rows := i.indexed().accounts[o.RowID]; {
	case known && social.Platform != o.Platform:
		return t, 0, fmt.Errorf("p_id is not that of the social account in the directory, %s", social.Platform)
	case o.RowID == 0:
		t.AccountID = cmp.Or(t.AccountID, social.AccountID)
	case len(rows) == 0:
		return t, 0, errors.New("account_row_id: no account has this row id; import the accounts first")
	case len(rows) > 1:
		return t, 0, fmt.Errorf("account_row_id: %d accounts have this row id; use account_id", len(rows))
	case t.AccountID != "" && t.AccountID != rows[0]:
		return t, 0, errors.New("account_row_id and account_id are two accounts")
	default:
		t.AccountID = rows[0]
	}
	account, _ := find[domain.DirectoryAccount](i, domain.KindAccount, t.AccountID)
	agency := cmp.Or(account.ParentAccount, account.ID) // an account without a parent is an agency
	t.ParentAccount = cmp.Or(t.ParentAccount, agency, social.ParentAccount)
	t.MemberID = cmp.Or(t.MemberID, social.MemberID)
	switch {
	case t.AccountID == "" || t.ParentAccount == "":
		err = errors.New("account_id is missing, and the directory does not know the social account")
	case t.MemberID == 0:
		err = errors.New("member_id is missing, and the directory does not know the social account")
	case agency != "" && agency != t.ParentAccount && t.AccountID != t.ParentAccount:
		err = errors.New("the account belongs to another agency in the directory")
	default:
		err = t.Validate()
	}
	return t, cmp.Or(o.AccountType, social.AccountType), err
}

// ErasedContents returns the keys of the texts whose owners were erased: their social accounts, or
// their agencies.
func (i *ImportWorld) ErasedContents() (keys []string) {
	for key, state := range i.states {
		post, _, err := domain.SplitContentKey(key)
		if err == nil && !state.Erased && i.erasesContent(post) {
			keys = append(keys, key)
		}
	}
	return keys
}

func (i *ImportWorld) erasesContent(post domain.PostRef) bool {
	social := domain.DirectoryKey(domain.KindSocialAccount, strconv.FormatInt(post.SocialAccount, 10))
	return i.states[social].Erased || i.states[domain.DirectoryKey(domain.KindAccount, post.ParentAccount)].Erased
}

// Subscribed reports whether an account, or its agency, had an active subscription at a time.
func (i *ImportWorld) Subscribed(t domain.Tenant, at time.Time) bool {
	for _, account := range []string{t.AccountID, t.ParentAccount} {
		for _, s := range i.indexed().subscriptions[account] {
			if !s.StartsAt.After(at) && (s.EndsAt == nil || s.EndsAt.After(at)) {
				return true
			}
		}
	}
	return false
}
