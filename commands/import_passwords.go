package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/legacy"
)

// ImportPasswords keeps password hashes in the secret store and nowhere else; the user's entity refers to
// its own by id.
type ImportPasswords struct {
	World    *ImportWorld
	Secrets  TokenStore       // nil: nothing is stored, for a dry run
	NoSecret func(error) bool // whether the store's error means that there is none under a ref
	Now      time.Time
}

// ErrNoUser refuses the password of a user whom nobody knows.
var ErrNoUser = errors.New("userId: the directory does not know this user; import the users first")

// User returns the user of a row as it is with a reference to its hash.
func (i ImportPasswords) User(row legacy.Password) (domain.DirectoryUser, error) {
	user, ok := i.World.User(row.UserID)
	if !ok {
		return user, ErrNoUser
	}
	if user.PasswordRef == "" {
		user.PasswordRef = importedRef(domain.KindUser, user.ID)
	}
	return user, nil
}

// Seal stores the hash under the user's reference, before the event that names it is appended, and tells
// whether another one, or none, was there.
func (i ImportPasswords) Seal(ctx context.Context, user domain.DirectoryUser, row legacy.Password) (changed bool, err error) {
	if i.Secrets == nil {
		return true, nil
	}
	stored, err := i.Secrets.Get(ctx, user.PasswordRef)
	switch {
	case err == nil && bytes.Equal(stored, []byte(row.Hash)):
		return false, nil
	case err != nil && !i.NoSecret(err):
		return false, fmt.Errorf("look for the password hash of user %s: %w", user.ID, err)
	}
	if err := i.Secrets.Put(ctx, user.PasswordRef, []byte(row.Hash), domain.SecretTimes{Taken: i.Now}); err != nil {
		return false, fmt.Errorf("store the password hash of user %s: %w", user.ID, err)
	}
	return true, nil
}
