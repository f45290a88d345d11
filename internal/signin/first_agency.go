package signin

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"strings"
	"sync"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/identity"
)

// FirstAgency creates the first agency and its first user for someone who has the code that the
// service logs while its directory is empty. The console offers it. It is safe for concurrent use.
type FirstAgency struct {
	Code      string // from [FirstAgencyCode]
	Directory commands.LocalDirectory
	Known     func() error // nil if the tables of the directory show the whole log

	creating sync.Mutex // a form that is sent twice creates one agency
}

// FirstAgencyCode returns the code: 16 letters and digits that all processes with the same secret
// share. It can be used once, because the directory is not empty afterward.
func FirstAgencyCode(secret []byte) string {
	sum := hmac.New(sha256.New, secret)
	sum.Write([]byte("ledgerboard first agency"))
	return base32.StdEncoding.EncodeToString(sum.Sum(nil))[:16]
}

// Wanted reports whether the directory is empty as far as the whole log is known.
func (f *FirstAgency) Wanted(ctx context.Context) (bool, error) {
	known := f.Known() == nil
	if !known {
		return false, nil
	}
	return f.Directory.Tables.Empty(ctx)
}

// Create creates the agency and returns its first user. Errors: invalid (fields code, and those of
// [commands.NewAgency]), unavailable (the log is not folded yet), and those of
// [commands.LocalDirectory.CreateFirst].
func (f *FirstAgency) Create(ctx context.Context, code, agency string, first commands.NewPerson) (identity.Person, error) {
	f.creating.Lock()
	defer f.creating.Unlock()
	if subtle.ConstantTimeCompare([]byte(strings.TrimSpace(code)), []byte(f.Code)) != 1 {
		return identity.Person{}, domain.InvalidField("code", "is not the code in the log of this service")
	}
	if err := f.Known(); err != nil {
		return identity.Person{}, err
	}
	user, err := f.Directory.CreateFirst(ctx, agency, first)
	if err != nil {
		return identity.Person{}, err
	}
	return identity.Person{UserID: user.ID, AccountID: user.AccountID, Role: string(api.RoleAgency)}, nil
}
