package main

import (
	"errors"
	"fmt"

	"github.com/ledgerboard/ledgerboard/domain"
)

// canonicalEntity checks the ids of accounts and users that an entity names, and lower-cases them: two
// spellings would be two accounts, and the log refuses the second one in the middle of an import.
func canonicalEntity(entity domain.DirectoryEntity) (domain.DirectoryEntity, error) {
	var ids hexIDs
	switch e := entity.(type) {
	case domain.DirectoryAccount:
		ids.required("id", &e.ID)
		ids.optional("parent_account", &e.ParentAccount)
		return e, ids.err()
	case domain.DirectoryUser:
		ids.required("id", &e.ID)
		ids.required("account_id", &e.AccountID)
		return e, ids.err()
	case domain.DirectoryOrder:
		e.ID = lowerHexID(e.ID)
		ids.required("buyer", &e.Buyer)
		ids.required("seller", &e.Seller)
		for i := range e.AssignedUsers {
			ids.required(fmt.Sprintf("assigned_users[%d]", i), &e.AssignedUsers[i])
		}
		return e, ids.err()
	case domain.DirectorySession:
		e.ID = lowerHexID(e.ID)
		ids.required("user_id", &e.UserID)
		return e, ids.err()
	case domain.DirectoryMember:
		ids.required("account_id", &e.AccountID)
		ids.optional("user_id", &e.UserID)
		return e, ids.err()
	case domain.DirectorySocialAccount:
		ids.required("parent_account", &e.ParentAccount)
		ids.required("account_id", &e.AccountID)
		return e, ids.err()
	case domain.DirectoryPlannedPost:
		ids.required("account_id", &e.AccountID)
		return e, ids.err()
	case domain.DirectorySubscription:
		ids.required("account_id", &e.AccountID)
		return e, ids.err()
	default:
		return entity, nil
	}
}

// canonicalErasure does the same for an id of a kind.
func canonicalErasure(kind, id string) (string, error) {
	if kind != domain.KindAccount && kind != domain.KindUser {
		return lowerHexID(id), nil
	}
	var ids hexIDs
	ids.required("id", &id)
	return id, ids.err()
}

// lowerHexID lower-cases what has the form of an id of the main application's database; ids of orders
// and sessions may have others.
func lowerHexID(id string) string {
	if hex, ok := domain.HexID(id); ok {
		return hex
	}
	return id
}

// hexIDs collects the ids of an entity that are none.
type hexIDs struct{ wrong []error }

func (h *hexIDs) required(field string, id *string) {
	hex, ok := domain.HexID(*id)
	if !ok {
		h.wrong = append(h.wrong, fmt.Errorf("%s %.40q is not an id of 24 hex digits", field, *id))
		return
	}
	*id = hex
}

func (h *hexIDs) optional(field string, id *string) {
	if *id != "" {
		h.required(field, id)
	}
}

func (h *hexIDs) err() error { return errors.Join(h.wrong...) }
