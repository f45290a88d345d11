package commands

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Errors of [LocalDirectory] and of init.
var (
	// ErrDirectoryElsewhere (conflict): a main application makes accounts and users.
	ErrDirectoryElsewhere = domain.NewError(domain.CodeConflict,
		"Accounts and users come from the main application (LEDGERBOARD_DIRECTORY=main_app). Add them there; it sends them with POST /api/directory.")
	errNotOfAgency = domain.NewError(domain.CodeUnprocessable,
		"account: is not the agency or one of its clients. Take an id of GET /api/accounts, or leave it out for a colleague.").
		WithField("account", "is not the agency or one of its clients")
	errEmailTaken = domain.NewError(domain.CodeConflict,
		"Somebody of the agency has this e-mail address already. See GET /api/users.").WithField("email", "is somebody's of the agency already")
	errKeyUsed = domain.NewError(domain.CodeUnprocessable,
		"This Idempotency-Key was used for another request. Use a new key for a new request.")
)

// LocalDirectory adds clients and people where the directory is made here, LEDGERBOARD_DIRECTORY=local.
type LocalDirectory struct {
	Log   Appender
	Told  DirectoryTables
	Local bool // false: everything is refused, [ErrDirectoryElsewhere]
	Now   func() time.Time
}

// NewClient is a client to add.
type NewClient struct {
	Name    string
	Email   string // may be empty, as what follows
	Phone   string
	Address string
	Key     string // of idempotency; "": none
}

// NewPerson is a person to invite.
type NewPerson struct {
	AccountID string // "": the agency's own, a colleague
	Name      string
	Email     string
	Phone     string // may be empty
	Key       string // of idempotency; "": none
}

// AddClient makes a client of the caller's agency. A repetition with the same key answers what the first has made. Errors: conflict
// ([ErrDirectoryElsewhere]), invalid, unprocessable (another request had the key), [errNotAppended].
func (d LocalDirectory) AddClient(ctx context.Context, c Caller, add NewClient) (domain.DirectoryAccount, error) {
	if !d.Local {
		return domain.DirectoryAccount{}, ErrDirectoryElsewhere
	}
	var bad domain.FieldErrors
	checkName(&bad, "name", &add.Name, true)
	checkEmail(&bad, &add.Email, false)
	checkName(&bad, "phone", &add.Phone, false)
	checkName(&bad, "address", &add.Address, false)
	if err := bad.Err(); err != nil {
		return domain.DirectoryAccount{}, err
	}
	id := newHexID(d.Now(), domain.KindAccount, c.ParentAccount, add.Key)
	account := domain.DirectoryAccount{
		ID: id, RowID: domain.ComputedRow(id), ParentAccount: c.ParentAccount, Name: add.Name, Email: add.Email, Phone: add.Phone,
		Address: add.Address, Active: true,
	}
	return account, d.add(ctx, c, account, func(domain.DirectoryEntity) domain.DirectoryEntity { return account }, func() error { return nil })
}

// Invite makes a user of the caller's agency, or of one of its clients. The person signs in by the identity provider, a link
// or a token. Errors: as of AddClient; unprocessable: the account is not the agency's; conflict: the address is taken.
func (d LocalDirectory) Invite(ctx context.Context, c Caller, invite NewPerson) (domain.DirectoryUser, error) {
	if !d.Local {
		return domain.DirectoryUser{}, ErrDirectoryElsewhere
	}
	var bad domain.FieldErrors
	checkName(&bad, "name", &invite.Name, true)
	checkEmail(&bad, &invite.Email, true)
	checkName(&bad, "phone", &invite.Phone, false)
	account := bad.HexID("account", cmp.Or(invite.AccountID, c.ParentAccount))
	if err := bad.Err(); err != nil {
		return domain.DirectoryUser{}, err
	}
	if err := d.ofAgency(ctx, c, account); err != nil {
		return domain.DirectoryUser{}, err
	}
	now := stored(d.Now())
	user := domain.DirectoryUser{
		ID: newHexID(now, domain.KindUser, c.ParentAccount, invite.Key), AccountID: account, Name: invite.Name, Email: invite.Email,
		Phone: invite.Phone, Active: true, CreatedAt: now, UpdatedAt: now,
	}
	again := func(before domain.DirectoryEntity) domain.DirectoryEntity { // made at another time
		if known, ok := before.(domain.DirectoryUser); ok {
			user.CreatedAt, user.UpdatedAt = known.CreatedAt, known.UpdatedAt
		}
		return user
	}
	err := d.add(ctx, c, user, again, func() error {
		taken, err := d.Told.HasEmail(ctx, c.ParentAccount, user.Email)
		if err == nil && taken {
			err = errEmailTaken
		}
		return err
	})
	return user, err
}

// ofAgency refuses an account that is neither the caller's agency nor one of its clients.
func (d LocalDirectory) ofAgency(ctx context.Context, c Caller, id string) error {
	its, err := d.Told.HasAccount(ctx, c.ParentAccount, id)
	if err == nil && !its {
		err = errNotOfAgency
	}
	return err
}

// add appends an entity if it may be made, unless a request with the same key has made it: that one is what again makes of the one before.
func (d LocalDirectory) add(
	ctx context.Context, c Caller, entity domain.DirectoryEntity, again func(before domain.DirectoryEntity) domain.DirectoryEntity, may func() error,
) error {
	key := domain.EntityKey(entity)
	told, err := d.Told.Told(ctx, []string{key})
	if err != nil {
		return err
	}
	if before := told[key].Entity; before != nil {
		if before != again(before) {
			return errKeyUsed
		}
		return nil
	}
	if err := may(); err != nil {
		return err
	}
	draft := EntityDraft(entity, d.Now())
	c.sign(&draft.Envelope)
	if err := d.Log.Append(ctx, draft); err != nil {
		return fmt.Errorf("%w (%w)", errNotAppended, err)
	}
	awaitEntities(ctx, d.Told, draft)
	return nil
}

// NewAgency makes an agency and its first person, who has all rights in it: what `ledgerboard init` appends. Errors: invalid.
func NewAgency(name string, first NewPerson, now time.Time) (agency domain.DirectoryAccount, person domain.DirectoryUser, err error) {
	var bad domain.FieldErrors
	checkName(&bad, "name of the agency", &name, true)
	checkName(&bad, "name", &first.Name, true)
	checkEmail(&bad, &first.Email, true)
	id := newHexID(now, domain.KindAccount, "", "")
	agency = domain.DirectoryAccount{ID: id, RowID: domain.ComputedRow(id), Name: name, Email: first.Email, Active: true}
	person = domain.DirectoryUser{
		ID: newHexID(now, domain.KindUser, "", ""), AccountID: id, Name: first.Name, Email: first.Email, IsOwner: true, Active: true,
		CreatedAt: stored(now), UpdatedAt: stored(now),
	}
	return agency, person, bad.Err()
}

// newHexID is a new id as MongoDB makes them: the second, and what is random. With a key it is the same for the same key.
func newHexID(now time.Time, kind, agency, key string) string {
	var id [domain.HexIDLength / 2]byte
	if key == "" {
		binary.BigEndian.PutUint32(id[:], uint32(now.Unix())) // until 2106
		_, _ = rand.Read(id[4:])                              // it never fails
		return hex.EncodeToString(id[:])
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{"ledgerboard", kind, agency, key}, "\x00")))
	copy(id[:], sum[:])
	return hex.EncodeToString(id[:])
}

// MaxName bounds names, addresses and the like, in characters.
const MaxName = 200

// checkName trims a text and refuses one that no person could have meant.
func checkName(bad *domain.FieldErrors, field string, text *string, wanted bool) {
	*text = strings.TrimSpace(*text)
	switch {
	case *text == "" && wanted:
		bad.Addf(field, "is missing; give one")
	case utf8.RuneCountInString(*text) > MaxName, !utf8.ValidString(*text), strings.ContainsFunc(*text, func(r rune) bool { return r < ' ' }):
		bad.Addf(field, "is not a text of at most %d characters on one line", MaxName)
	}
}

// checkEmail refuses what is not an e-mail address. The case of letters stays as given.
func checkEmail(bad *domain.FieldErrors, email *string, wanted bool) {
	checkName(bad, "email", email, wanted)
	if parsed, err := mail.ParseAddress(*email); *email != "" && (err != nil || parsed.Address != *email) {
		bad.Addf("email", "is not an e-mail address, like jonas@example.com")
	}
}
