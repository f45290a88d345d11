package commands

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// EntityLine makes the event of one line of a file of entities, of a post two: the registration, and what the post says, which stands
// in the same line:
//
//	{"type":"directory.account.v1","data":{…}}
//	{"type":"directory.user.v1","id":"…","erase":true}
//	{"type":"metrics.post_registered.v1","data":{…,"content":"…","media_url":"…","permalink":"…"}}
//
// The error says why the line cannot be taken.
func EntityLine(line []byte, registry *domain.Registry, now time.Time) ([]domain.Draft, error) {
	var l struct {
		Type  string          `json:"type"`
		Data  json.RawMessage `json:"data"`
		ID    string          `json:"id"`    // with Erase
		Erase bool            `json:"erase"` // append a tombstone
	}
	if err := json.Unmarshal(line, &l); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("is not a JSON object: %w", err)
	}
	if l.Erase {
		l.Data = json.RawMessage("{}")
	}
	data, err := registry.Decode(l.Type, l.Data)
	if err != nil {
		return nil, err
	}
	entity, isEntity := data.(domain.DirectoryEntity)
	switch post, isPost := data.(domain.PostRegistered); {
	case l.Erase && (!isEntity || l.ID == ""):
		return nil, errors.New("an erasure needs a type directory.… and an id")
	case l.Erase:
		if err := ofMainApplication(domain.EntityKind(entity), l.ID); err != nil {
			return nil, err
		}
		id, err := canonicalErasure(domain.EntityKind(entity), l.ID)
		return []domain.Draft{EraseDraft(domain.EntityKind(entity), id, now)}, err
	case isPost:
		var texts domain.PostTexts
		if err := json.Unmarshal(l.Data, &texts); err != nil {
			return nil, fmt.Errorf("what the post says: %w", err)
		}
		return []domain.Draft{NewDraft(domain.TopicMetrics, post.Key(), post, now), contentOf(post, texts)}, nil
	case !isEntity:
		return nil, fmt.Errorf("type %s is neither a reference entity (directory.…) nor metrics.post_registered.v1", l.Type)
	}
	if id := entity.EntityID(); id == "" || id == "0" || id[0] == '-' {
		return nil, errors.New("the entity has no id, or one below 1")
	}
	if err := ofMainApplication(domain.EntityKind(entity), entity.EntityID()); err != nil {
		return nil, err
	}
	if entity, err = canonicalEntity(entity); err != nil {
		return nil, err
	}
	return []domain.Draft{EntityDraft(entity, now)}, nil
}

// ofMainApplication refuses ids that are computed where something is connected here: the main application's stay below.
func ofMainApplication(kind, id string) error {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil && domain.Computed(n) {
		return fmt.Errorf("%s %s: ids from %d on are of what was connected here; leave the line out, and use ids below that", kind, id, domain.FirstComputedID)
	}
	return nil
}

// canonicalEntity checks the ids of accounts and users that an entity names, and lower-cases them: two
// spellings would be two accounts, and the log refuses the second one in the middle of an import.
func canonicalEntity(entity domain.DirectoryEntity) (_ domain.DirectoryEntity, err error) {
	switch e := entity.(type) {
	case domain.DirectoryAccount:
		err = errors.Join(required("id", &e.ID), optional("parent_account", &e.ParentAccount))
		entity = e
	case domain.DirectoryUser:
		err = errors.Join(required("id", &e.ID), required("account_id", &e.AccountID))
		entity = e
	case domain.DirectoryOrder:
		e.ID = lowerHexID(e.ID)
		err = errors.Join(required("buyer", &e.Buyer), required("seller", &e.Seller))
		for i := range e.AssignedUsers {
			err = errors.Join(err, required(fmt.Sprintf("assigned_users[%d]", i), &e.AssignedUsers[i]))
		}
		entity = e
	case domain.DirectorySession:
		e.ID = lowerHexID(e.ID)
		err = required("user_id", &e.UserID)
		entity = e
	case domain.DirectoryMember:
		err = errors.Join(required("account_id", &e.AccountID), optional("user_id", &e.UserID))
		entity = e
	case domain.DirectorySocialAccount:
		err = errors.Join(required("parent_account", &e.ParentAccount), required("account_id", &e.AccountID))
		entity = e
	case domain.DirectoryPlannedPost:
		err = required("account_id", &e.AccountID)
		entity = e
	case domain.DirectorySubscription:
		err = required("account_id", &e.AccountID)
		entity = e
	}
	return entity, err
}

// canonicalErasure does the same for an id of a kind.
func canonicalErasure(kind, id string) (string, error) {
	if kind != domain.KindAccount && kind != domain.KindUser {
		return lowerHexID(id), nil
	}
	err := required("id", &id)
	return id, err
}

// lowerHexID lower-cases what has the form of an id of the main application's database; ids of orders
// and sessions may have others.
func lowerHexID(id string) string {
	if hex, ok := domain.HexID(id); ok {
		return hex
	}
	return id
}

func required(field string, id *string) error {
	hex, ok := domain.HexID(*id)
	if !ok {
		return fmt.Errorf("%s %.40q is not an id of 24 hex digits", field, *id)
	}
	*id = hex
	return nil
}

func optional(field string, id *string) error {
	if *id == "" {
		return nil
	}
	return required(field, id)
}
