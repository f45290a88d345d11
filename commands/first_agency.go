package commands

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"strings"
	"sync"

	"github.com/ledgerboard/ledgerboard/domain"
)

// FirstAgency lets a person create the first agency and its first user in the console. The person
// needs the code that the service logs while its directory is empty. FirstAgency is safe for
// concurrent use.
type FirstAgency struct {
	Code      string // from [FirstAgencyCode]
	Directory LocalDirectory
	Known     func() error // returns an error unless the directory's tables show the whole log

	creating sync.Mutex // a form that is sent twice creates one agency
}

// FirstAgencyCode returns the code for creating the first agency: 16 letters and digits, the same
// in all processes with the same secret. The code can be used only once, because the directory is
// not empty afterward.
func FirstAgencyCode(secret []byte) string {
	sum := hmac.New(sha256.New, secret)
	sum.Write([]byte("ledgerboard first agency"))
	return base32.StdEncoding.EncodeToString(sum.Sum(nil))[:16]
}

// Wanted reports whether the directory is empty. It returns false while this is unknown.
func (f *FirstAgency) Wanted(ctx context.Context) (bool, error) {
	if known := f.Known() == nil; !known {
		return false, nil
	}
	return f.Directory.Tables.Empty(ctx)
}

// Create creates the agency and returns its first user. Errors: invalid (the field code),
// unavailable (the tables do not show the whole log yet), and those of
// [LocalDirectory.CreateFirst].
func (f *FirstAgency) Create(
	ctx context.Context, code, agency string, first NewPerson,
) (user domain.DirectoryUser, err error) {
	f.creating.Lock()
	defer f.creating.Unlock()
	if subtle.ConstantTimeCompare([]byte(strings.TrimSpace(code)), []byte(f.Code)) != 1 {
		return user, domain.InvalidField("code", "is not the code in the log of this service")
	}
	if err := f.Known(); err != nil {
		return user, err
	}
	return f.Directory.CreateFirst(ctx, agency, first)
}
