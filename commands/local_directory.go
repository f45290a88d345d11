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

// Errors of [LocalDirectory] and of the init command.
var (
	// ErrDirectoryElsewhere (conflict): a main application manages accounts and users.
	ErrDirectoryElsewhere = domain.NewError(domain.CodeConflict,
		"Accounts and users come from the main application (LEDGERBOARD_DIRECTORY=main_app). Add them there. "+
			"The main application sends them with POST /api/directory.")
	errNotOfAgency = domain.NewError(domain.CodeUnprocessable,
		"The account is not the agency or one of its clients. Use an id from GET /api/accounts, "+
			"or omit the account to invite a colleague.").
		WithField("account", "is not the agency or one of its clients")
	errNoSuchAccount = domain.NewError(domain.CodeNotFound, "There is no such account. Use an id from GET /api/accounts.")
	errEmailTaken    = domain.NewError(domain.CodeConflict,
		"A user of the agency already has this email address. See GET /api/users.").
		WithField("email", "already belongs to a user of the agency")
	errBeingAdded = domain.NewError(domain.CodeConflict,
		"Another request is adding a user with this email address. See GET /api/users in a moment.").
		WithField("email", "is being added by another request")
	errKeyUsed = domain.NewError(domain.CodeUnprocessable,
		"This Idempotency-Key was used for another request. Use a new key for a new request.")
	// errNotConfirmed (unavailable): the entity may or may not have been added.
	errNotConfirmed = domain.NewError(domain.CodeUnavailable, "The log did not acknowledge the change, which may still take effect. "+
		"Send the same request again if it has an Idempotency-Key. Otherwise, first check whether the change took effect.")
)

// LocalDirectory adds clients and people if ledgerboard manages the directory
// (LEDGERBOARD_DIRECTORY=local).
type LocalDirectory struct {
	Log    Appender
	Tables DirectoryTables
	Local  bool // if false, everything is refused with [ErrDirectoryElsewhere]
	Now    func() time.Time
	// Gate returns an error while the tables may lack clients and people that were added earlier,
	// because they could then be added twice. A nil Gate never refuses.
	Gate func() error
	// Reserve reserves a key for the id that is about to be added, until the tables show it. It returns
	// false if the key is reserved for another id. A nil Reserve reserves nothing.
	Reserve func(ctx context.Context, key, id string) (bool, error)
}

// NewClient describes a client to add.
type NewClient struct {
	Name    string
	Email   string // may be empty, like Phone and Address
	Phone   string
	Address string
	// TimeZone is an IANA name; "" for that of the agency.
	TimeZone string
	Key      string // idempotency key; "" for none
}

// NewPerson describes a person to invite.
type NewPerson struct {
	AccountID string // "" for the agency itself: a colleague
	Name      string
	Email     string
	Phone     string // may be empty
	Key       string // idempotency key; "" for none
}

// AddClient adds a client of the caller's agency. A repetition with the same key returns the client
// of the first request; a different request with the key is unprocessable.
func (l LocalDirectory) AddClient(ctx context.Context, c Caller, add NewClient) (domain.DirectoryAccount, error) {
	if !l.Local {
		return domain.DirectoryAccount{}, ErrDirectoryElsewhere
	}
	var bad domain.FieldErrors
	checkName(&bad, "name", &add.Name, true)
	checkEmail(&bad, &add.Email, false)
	checkName(&bad, "phone", &add.Phone, false)
	checkName(&bad, "address", &add.Address, false)
	checkTimeZone(&bad, add.TimeZone)
	if err := bad.Err(); err != nil {
		return domain.DirectoryAccount{}, err
	}
	id := newHexID(l.Now(), domain.KindAccount, c.ParentAccount, add.Key)
	account := domain.DirectoryAccount{
		ID: id, RowID: domain.ComputedRow(id), ParentAccount: c.ParentAccount,
		Name: add.Name, Email: add.Email, Phone: add.Phone, Address: add.Address, TimeZone: add.TimeZone, Active: true,
	}
	same := func(domain.DirectoryEntity) domain.DirectoryEntity { return account }
	return account, l.add(ctx, c, account, same, func() error { return nil })
}

// SetTimeZone sets the time zone of the caller's agency or of one of its clients; "" removes it.
// Errors: those of AddClient, and not found.
func (l LocalDirectory) SetTimeZone(ctx context.Context, c Caller, id, zone string) (domain.DirectoryAccount, error) {
	var bad domain.FieldErrors
	checkTimeZone(&bad, zone)
	return l.changeAccount(ctx, c, id, bad.Err(), func(a *domain.DirectoryAccount) { a.TimeZone = zone })
}

// SetBrand sets the color (#rrggbb) and the logo (a data URI) of the caller's agency. Nil leaves one as
// it is, "" removes it. Errors: those of AddClient.
func (l LocalDirectory) SetBrand(ctx context.Context, c Caller, color, logo *string) (domain.DirectoryAccount, error) {
	var bad domain.FieldErrors
	if color != nil {
		if err := domain.CheckColor(*color); err != nil {
			bad.Addf("colour", "%s", err.Error())
		}
	}
	if logo != nil {
		if err := checkLogo(*logo); err != nil {
			bad.Addf("logo", "%s", err.Error())
		}
	}
	return l.changeAccount(ctx, c, c.ParentAccount, bad.Err(), func(a *domain.DirectoryAccount) {
		if color != nil {
			a.Color = *color
		}
		if logo != nil {
			a.Logo = *logo
		}
	})
}

// changeAccount appends an account of the caller's agency as change leaves it, unless invalid is set.
func (l LocalDirectory) changeAccount(
	ctx context.Context, c Caller, id string, invalid error, change func(*domain.DirectoryAccount),
) (account domain.DirectoryAccount, err error) {
	if !l.Local {
		return account, ErrDirectoryElsewhere
	}
	if invalid != nil {
		return account, invalid
	}
	if l.Gate != nil {
		if err := l.Gate(); err != nil {
			return account, err
		}
	}
	switch ours, err := l.Tables.HasAccount(ctx, c.ParentAccount, id); {
	case err != nil:
		return account, err
	case !ours:
		return account, errNoSuchAccount
	}
	key := domain.DirectoryKey(domain.KindAccount, id)
	entities, err := l.Tables.EntitiesByKey(ctx, []string{key})
	if err != nil {
		return account, err
	}
	stored, known := entities[key].Entity.(domain.DirectoryAccount)
	if !known { // erased since
		return account, errNoSuchAccount
	}
	account = stored
	if change(&account); account == stored {
		return account, nil
	}
	draft := EntityDraft(account, l.Now())
	c.sign(&draft.Envelope)
	return account, l.append(ctx, draft)
}

func checkTimeZone(bad *domain.FieldErrors, name string) {
	if name == "" {
		return
	}
	if _, err := domain.LoadTimeZone(name); err != nil {
		bad.Addf("time_zone", "%s", err.Error())
	}
}

// Invite adds a user of the caller's agency or of one of its clients. Errors: those of AddClient,
// unprocessable for an account of another agency, and conflict if the email address is taken.
func (l LocalDirectory) Invite(ctx context.Context, c Caller, invite NewPerson) (domain.DirectoryUser, error) {
	if !l.Local {
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
	belongs, err := l.Tables.HasAccount(ctx, c.ParentAccount, account)
	if err == nil && !belongs {
		err = errNotOfAgency
	}
	if err != nil {
		return domain.DirectoryUser{}, err
	}
	now := stored(l.Now())
	user := domain.DirectoryUser{
		ID: newHexID(now, domain.KindUser, c.ParentAccount, invite.Key), AccountID: account,
		Name: invite.Name, Email: invite.Email, Phone: invite.Phone, Active: true, CreatedAt: now, UpdatedAt: now,
	}
	keepTimes := func(before domain.DirectoryEntity) domain.DirectoryEntity { // those of the first request
		if known, ok := before.(domain.DirectoryUser); ok {
			user.CreatedAt, user.UpdatedAt = known.CreatedAt, known.UpdatedAt
		}
		return user
	}
	err = l.add(ctx, c, user, keepTimes, func() error {
		taken, err := l.Tables.HasEmail(ctx, c.ParentAccount, user.Email)
		if err == nil && taken {
			err = errEmailTaken
		}
		if err != nil {
			return err
		}
		return l.reserve(ctx, "email\x00"+c.ParentAccount+"\x00"+strings.ToLower(user.Email), user.ID, errBeingAdded)
	})
	return user, err
}

// reserve returns the given error if another request is adding the same thing. The tables do not show
// yet what a concurrent request has added.
func (l LocalDirectory) reserve(ctx context.Context, key, id string, other error) error {
	if l.Reserve == nil {
		return nil
	}
	reserved, err := l.Reserve(ctx, key, id)
	if err == nil && !reserved {
		err = other
	}
	return err
}

// add appends an entity if allowed returns no error. If a request with the same key already added
// it, add compares the stored entity with expected(stored) instead.
func (l LocalDirectory) add(
	ctx context.Context, c Caller, entity domain.DirectoryEntity,
	expected func(before domain.DirectoryEntity) domain.DirectoryEntity, allowed func() error,
) error {
	if l.Gate != nil {
		if err := l.Gate(); err != nil {
			return err
		}
	}
	key := domain.EntityKey(entity)
	entities, err := l.Tables.EntitiesByKey(ctx, []string{key})
	if err != nil {
		return err
	}
	if before := entities[key].Entity; before != nil {
		if before != expected(before) {
			return errKeyUsed
		}
		return nil
	}
	if err := allowed(); err != nil {
		return err
	}
	draft := EntityDraft(entity, l.Now())
	c.sign(&draft.Envelope)
	return l.append(ctx, draft)
}

// append appends records in order, and waits for a limited time until the tables show them.
func (l LocalDirectory) append(ctx context.Context, drafts ...domain.Draft) error {
	for i, draft := range drafts {
		err := l.Log.Append(ctx, draft)
		if refused := notAppended(err); refused != nil && i == 0 {
			return fmt.Errorf("%w (%w)", refused, err)
		}
		if err != nil {
			return fmt.Errorf("%w (%w)", errNotConfirmed, err)
		}
	}
	awaitEntities(ctx, l.Tables, drafts...)
	return nil
}

// NewAgency returns an agency and its first user, who has all rights in it. Errors: invalid, with
// the fields "name of the agency", "name" and "email".
func NewAgency(
	name string, first NewPerson, now time.Time,
) (agency domain.DirectoryAccount, person domain.DirectoryUser, err error) {
	var bad domain.FieldErrors
	checkName(&bad, "name of the agency", &name, true)
	checkName(&bad, "name", &first.Name, true)
	checkEmail(&bad, &first.Email, true)
	id := newHexID(now, domain.KindAccount, "", "")
	agency = domain.DirectoryAccount{
		ID: id, RowID: domain.ComputedRow(id), Name: name, Email: first.Email, Active: true,
	}
	person = domain.DirectoryUser{
		ID: newHexID(now, domain.KindUser, "", ""), AccountID: id, Name: first.Name, Email: first.Email,
		IsOwner: true, Active: true, CreatedAt: stored(now), UpdatedAt: stored(now),
	}
	return agency, person, bad.Err()
}

// AgencyDrafts returns the records of a new agency and its first user. The agency is last, so that
// it never exists without a user.
func AgencyDrafts(agency domain.DirectoryAccount, person domain.DirectoryUser, now time.Time) []domain.Draft {
	drafts := []domain.Draft{EntityDraft(person, now), EntityDraft(agency, now)}
	for i := range drafts {
		drafts[i].Envelope.Audit.Actor = initActor
	}
	return drafts
}

// initActor is the actor of the records of a new agency, which has no user yet.
const initActor = "system:init"

var (
	errAgencyExists = domain.NewError(domain.CodeConflict,
		"An agency already exists. Sign in, or ask its staff to invite you.")
	errAgencyBeingAdded = domain.NewError(domain.CodeConflict,
		"Another request is creating the first agency. Open this page again in ten minutes if there is still no agency.")
)

// CreateFirst creates an agency and its first user, and waits for a limited time until the tables
// show them. It returns conflict if an account exists.
func (l LocalDirectory) CreateFirst(
	ctx context.Context, name string, first NewPerson,
) (user domain.DirectoryUser, err error) {
	if !l.Local {
		return user, ErrDirectoryElsewhere
	}
	agency, person, err := NewAgency(name, first, l.Now())
	if err != nil {
		return user, err
	}
	empty, err := l.Tables.Empty(ctx)
	if err == nil && !empty {
		err = errAgencyExists
	}
	if err == nil {
		err = l.reserve(ctx, "first agency", agency.ID, errAgencyBeingAdded)
	}
	if err != nil {
		return user, err
	}
	return person, l.append(ctx, AgencyDrafts(agency, person, l.Now())...)
}

// newHexID returns a new id in MongoDB's format: seconds and random bytes or, with a key, a hash.
func newHexID(now time.Time, kind, agency, key string) string {
	var id [domain.HexIDLength / 2]byte
	if key == "" {
		binary.BigEndian.PutUint32(id[:], uint32(now.Unix())) // valid until 2106
		_, _ = rand.Read(id[4:])                              // never fails
		return hex.EncodeToString(id[:])
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{"ledgerboard", kind, agency, key}, "\x00")))
	copy(id[:], sum[:])
	return hex.EncodeToString(id[:])
}

// MaxName bounds names, addresses and similar texts, in characters.
const MaxName = 200

func checkName(bad *domain.FieldErrors, field string, text *string, required bool) {
	*text = strings.TrimSpace(*text)
	switch {
	case *text == "" && required:
		bad.Addf(field, "is required")
	case *text == "":
	case utf8.RuneCountInString(*text) > MaxName:
		bad.Addf(field, "must be one line of at most %d characters", MaxName)
	default:
		if err := domain.CheckName(*text); err != nil {
			bad.Addf(field, "%s", err)
		}
	}
}

func checkEmail(bad *domain.FieldErrors, email *string, required bool) {
	checkName(bad, "email", email, required)
	if parsed, err := mail.ParseAddress(*email); *email != "" && (err != nil || parsed.Address != *email) {
		bad.Addf("email", "is not an email address like jonas@example.com")
	}
}
