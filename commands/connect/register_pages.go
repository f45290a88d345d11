package connect

import (
	"cmp"
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// Registrations registers pages and profiles for which a main application handles the sign-in. Each
// page gets its own connection, so that a failing token affects no other page. The main application
// sends the tokens later with PUT /api/connections/{id}/tokens.
type Registrations struct {
	*Connect
	// EntitiesByKey returns stored entities by directory key.
	EntitiesByKey func(ctx context.Context, keys []string) (map[string]domain.RecordedEntity, error)
}

// Registration describes a page or profile of an account.
type Registration struct {
	By        domain.ConnectRequester // the main application
	AccountID string                  // the account that owns the page: a client, or the agency itself
	domain.PageRef
	Name   string
	UserID string // user of the account who owns the profile; "" for none
	// Ends is set if the page should no longer be read. Its tokens are deleted, and its figures
	// stay.
	Ends bool
}

// Registered is a page or profile as stored in the directory.
type Registered struct {
	SocialAccountID int64 `json:"social_account_id"` // the connected profile or page, by its id
	ConnectionID    int64 `json:"connection_id"`     // the connection for which tokens must be sent
	MemberID        int64 `json:"member_id"`         // id of the member who owns the connection
	Connected       bool  `json:"connected"`         // false if the page is no longer read
	// Changed is true if this request changed the directory.
	Changed bool `json:"changed"`
	// Subscribed is true if the account or its agency has an active subscription. Without one, the
	// page is not read.
	Subscribed bool `json:"subscribed"`
}

// maxRegistered bounds names and the platforms' ids, in characters.
const maxRegistered = 200

// Errors of registrations.
var (
	errNoUser = domain.NewError(domain.CodeUnprocessable,
		"user is not an active user of the account. Send the user first, or omit it.").
		WithField("user", "is not an active user of the account")
	errSignedIn = domain.NewError(domain.CodeConflict,
		"This page was connected by a sign-in in ledgerboard. Disconnect it first "+
			"(POST /api/platforms/{platformId}/disconnect). Nothing was changed.")
	errOtherClient = domain.NewError(domain.CodeConflict,
		"Another client of the agency owns this page. Send it with \"connected\":false for that client first. "+
			"Nothing was changed.")
	errNotRegistered = domain.NewError(domain.CodeNotFound,
		"This page was not registered. Check account, platform and external_id.")
)

// Register registers a page, or ends its registration. Repeating the call is safe. A page in the
// directory keeps its id, and also its connection if the main application sent the connection.
// Errors: invalid, not_found (the account, or the page to end), unprocessable (the user), conflict
// (the page was connected in ledgerboard, or another client owns it), unavailable (repeat the
// request).
func (r Registrations) Register(ctx context.Context, reg Registration) (done Registered, err error) {
	if reg.ExternalID, err = reg.check(); err != nil {
		return done, err
	}
	agency, names, err := r.agencyOf(ctx, reg)
	if err != nil {
		return done, err
	}
	reg.By.ParentAccount, reg.By.AccountID = agency, reg.AccountID
	known, err := r.Directory.PagesNamed(ctx, agency, []domain.PageRef{reg.PageRef})
	if err != nil {
		return done, err
	}
	page := r.page(reg, agency)
	if len(known) > 0 { // connected ones come first
		before := known[0]
		done = registered(before.DirectorySocialAccount, names)
		own := before.ConnectionID == page.ConnectionID
		switch {
		case before.Connected && domain.IsComputedID(before.ConnectionID) && !own:
			return Registered{}, errSignedIn
		case before.Connected && before.AccountID != reg.AccountID:
			return Registered{}, errOtherClient
		case reg.Ends && !own:
			return Registered{}, errNotRegistered
		case reg.Ends:
			done.Connected, done.Changed = false, before.Connected
			_, _, err := r.endReading(ctx, reg.By, before.DirectorySocialAccount, "")
			return done, err
		case before.Connected && (!own || before.Name == reg.Name && before.MemberID == page.MemberID):
			return done, nil
		}
		page.ID, page.CreatedAt = before.ID, before.CreatedAt // it keeps its id and history
	}
	if reg.Ends {
		return Registered{}, errNotRegistered
	}
	done = registered(page, names)
	done.Changed = true
	member := domain.DirectoryMember{
		ID: page.MemberID, AccountID: page.AccountID, UserID: reg.UserID, Name: page.Name, Active: true,
	}
	connection := domain.DirectoryConnection{
		ID: page.ConnectionID, MemberID: page.MemberID, Platform: page.Platform, AccountType: page.AccountType,
		SecretRef: domain.HandedOverRef(page.ConnectionID),
		CreatedAt: page.UpdatedAt, UpdatedAt: page.UpdatedAt,
	}
	// The page comes last, so that readers of the page find the entities that it names.
	for _, draft := range entityDrafts([]domain.DirectoryEntity{member, connection, page}, page.UpdatedAt) {
		if err := r.Log.Append(ctx, signed(draft, reg.By)); err != nil {
			return done, err
		}
	}
	commands.AwaitTables(ctx, r.Moved, func(ctx context.Context) (bool, error) {
		stored, err := r.Directory.Page(ctx, agency, page.ID)
		if domain.CodeOf(err) == domain.CodeNotFound {
			return false, nil
		}
		return stored.Connected && stored.ConnectionID == page.ConnectionID, err
	})
	return done, nil
}

// check validates the registration and returns the plain id of the page, so that a page is not
// registered under two ids.
func (r Registration) check() (externalID string, err error) {
	id := r.Platform.PlainID(r.ExternalID)
	plain := func(char rune) bool { return char > ' ' && char <= '~' }
	_, known := r.Platform.Kind(r.AccountType)
	switch {
	case !r.Platform.Valid():
		return "", domain.InvalidField("platform", "is not a platform: use one of "+domain.PlatformNumbers())
	case !known:
		return "", domain.InvalidField("a_type",
			"must be one of "+domain.AccountTypeNumbers()+"; omit it for other platforms")
	case id == "" || len(id) > maxRegistered || strings.TrimFunc(id, plain) != "":
		return "", domain.InvalidField("external_id", "must be 1 to 200 visible ASCII characters without spaces")
	case r.Name == "" || utf8.RuneCountInString(r.Name) > maxRegistered:
		return "", domain.InvalidField("name", "must be one line of 1 to 200 characters")
	}
	if err := domain.CheckName(r.Name); err != nil {
		return "", domain.InvalidField("name", err.Error())
	}
	return id, nil
}

func (r Registrations) agencyOf(
	ctx context.Context, reg Registration,
) (agency string, names domain.ConnectNames, err error) {
	accountKey := domain.DirectoryKey(domain.KindAccount, reg.AccountID)
	userKey := domain.DirectoryKey(domain.KindUser, reg.UserID)
	keys := []string{accountKey}
	if reg.UserID != "" {
		keys = append(keys, userKey)
	}
	entities, err := r.EntitiesByKey(ctx, keys)
	if err != nil {
		return "", names, err
	}
	account, _ := entities[accountKey].Entity.(domain.DirectoryAccount)
	agency = cmp.Or(account.ParentAccount, reg.AccountID)
	if names, err = r.Directory.ActiveNames(ctx, agency, reg.AccountID, r.Now()); err != nil {
		return "", names, err
	}
	user, ok := entities[userKey].Entity.(domain.DirectoryUser)
	if reg.UserID != "" && (!ok || !user.Active || user.AccountID != reg.AccountID) {
		return "", names, errNoUser
	}
	return agency, names, nil
}

func (r Registrations) page(reg Registration, agency string) domain.DirectorySocialAccount {
	now := r.Now().UTC().Truncate(time.Microsecond)
	person := cmp.Or(reg.UserID, "page:"+reg.ExternalID)
	return domain.DirectorySocialAccount{
		ID:            domain.ComputedSocialAccount(agency, reg.Platform, reg.AccountType, reg.ExternalID),
		ParentAccount: agency, AccountID: reg.AccountID,
		MemberID:     domain.ComputedMember(agency, reg.AccountID, reg.Platform, person),
		ConnectionID: domain.HandedOverGrant(reg.PageRef).ConnectionID(agency),
		Platform:     reg.Platform, AccountType: reg.AccountType, ExternalID: reg.ExternalID, Name: reg.Name,
		Connected: true, CreatedAt: now, UpdatedAt: now,
	}
}

func registered(page domain.DirectorySocialAccount, names domain.ConnectNames) Registered {
	return Registered{
		SocialAccountID: page.ID, ConnectionID: page.ConnectionID, MemberID: page.MemberID,
		Connected: page.Connected, Subscribed: names.Subscribed,
	}
}
