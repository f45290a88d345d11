package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// DirectoryDeps contains the dependencies for writing the directory: by a main application or,
// without one, by agency staff.
type DirectoryDeps struct {
	Feed     commands.FeedDirectory
	Entities directory.Lookup // reads entities that were sent
	Local    commands.LocalDirectory
}

const patternDirectory = "/api/directory"

type directoryWriter struct{ *Server }

var directoryGroup = newGroup(tagDirectory, func(d Deps) bool { return d.Directory != nil })

// Operations that change the directory.
var (
	// PutTimeZone sets the time zone of the agency or of a client. The console shows the days of the
	// account in this zone. Requires LEDGERBOARD_DIRECTORY=local; otherwise the response is 409, and
	// the main application sends `time_zone` with the account.
	PutTimeZone = route(directoryGroup, http.MethodPut, "/api/accounts/{account_id}/time-zone", "putAccountsTimeZone",
		[]Role{RoleAgency}, does(directoryWriter.setTimeZone).refusing(domain.CodeConflict, domain.CodeUnprocessable))
	// PutBrand sets the color and the logo that the agency's clients see on boards and reports. A member
	// that is absent stays as it is, and an empty one is removed. Requires LEDGERBOARD_DIRECTORY=local;
	// otherwise the response is 409, and the main application sends them with the account.
	PutBrand = route(directoryGroup, http.MethodPut, "/api/brand", "putBrand",
		[]Role{RoleAgency}, does(directoryWriter.setBrand).refusing(domain.CodeConflict, domain.CodeUnprocessable))
	// PostUsers invites a colleague or a client user. Requires LEDGERBOARD_DIRECTORY=local; otherwise
	// the response is 409. The person can sign in immediately: through the identity provider, which
	// matches the email address; if there is no provider, with a sign-in link from the agency; or with
	// a token. The client's dashboard determines what client users see.
	PostUsers = route(directoryGroup, http.MethodPost, "/api/users", "postUsers", []Role{RoleAgency}, does(directoryWriter.invite).refusing(domain.CodeConflict, domain.CodeUnprocessable))
	// Imports entities, erasures and published posts from a main application, as JSON Lines. The body
	// has at most 10,000 lines and 16 MiB and may be compressed with gzip. An entity is
	// {"type":"directory.<kind>.v1","updated_at":…,"data":{…}}; an erasure is
	// {"type":…,"id":…,"erase":true,"updated_at":…}; a post is
	// {"type":"metrics.post_registered.v1","data":{…}}. updated_at is the time at which the entity
	// was changed; the default is now. A line that is not newer than the stored entity changes nothing,
	// so you can repeat requests and send them in any order. The response reports the outcome of each
	// line. When it arrives, reads usually show the accepted entities; published posts appear a moment
	// later.
	_ = route(directoryGroup, http.MethodPost, patternDirectory, "postDirectory", []Role{RoleMainApp}, does(directoryWriter.feed).refusing(domain.CodeUnprocessable))
	// Returns the current state of an entity, by kind and id.
	_ = route(directoryGroup, http.MethodGet, patternDirectory+"/{kind}/{entityId}", "getDirectoryEntity",
		[]Role{RoleMainApp}, does(directoryWriter.entity))
	// Adds a client of the agency. Requires LEDGERBOARD_DIRECTORY=local; otherwise the response is 409.
	// A request with the same Idempotency-Key returns the client that the first request created.
	_ = route(directoryGroup, http.MethodPost, "/api/accounts", "postAccounts", []Role{RoleAgency}, does(directoryWriter.addClient).refusing(domain.CodeConflict, domain.CodeUnprocessable))
)

// toldEntity is the current state of an entity.
type toldEntity struct {
	Type string          `json:"type"` // "directory.<kind>.v1"
	Data json.RawMessage `json:"data"` // the entity, with all its members
	// UpdatedAt is the time of the entity's last change. A line with the same or an earlier time
	// changes nothing.
	UpdatedAt time.Time `json:"updated_at"`
}

var errNoEntity = domain.NewError(domain.CodeNotFound,
	"There is no entity with this kind and id: it was never sent, or it was erased. Check both.")

type entityInput struct {
	// The kind of the entity, as in the type directory.<kind>.v1.
	Kind EntityKind `param:"kind" wrong:"is not a kind of entity: use one of %s" example:"account"`
	ID   string     `param:"entityId" example:"c10000000000000000000001"` // The entity's id.
}

func (d directoryWriter) entity(ctx context.Context, _ Caller, in entityInput) (answer toldEntity, err error) {
	if hex, ok := domain.HexID(in.ID); ok {
		in.ID = hex
	}
	key := domain.DirectoryKey(string(in.Kind), in.ID)
	entities, err := d.deps.Directory.Entities.EntitiesByKey(ctx, []string{key})
	if err != nil {
		return answer, err
	}
	entity, known := entities[key]
	if !known {
		return answer, errNoEntity
	}
	answer = toldEntity{Type: "directory." + string(in.Kind) + ".v1", UpdatedAt: entity.At}
	answer.Data, err = json.Marshal(entity.Entity)
	return answer, err
}

// newAccountBody is a client to add.
type newAccountBody struct {
	Name    string `json:"name" format:"name" example:"Corner Bakery"`                         // display name, at most 200 characters
	Email   string `json:"email,omitempty" format:"email" example:"office@bakery.example.com"` // email address of the client, shown to its users
	Phone   string `json:"phone,omitempty" format:"line"`                                      // telephone number of the client, shown to its users
	Address string `json:"address,omitempty" format:"line"`                                    // postal address of the client, shown to its users
	// TimeZone is the IANA name of the client's time zone; if absent, that of the agency applies.
	TimeZone string `json:"time_zone,omitempty"`
}

// madeAccount is a client that was added.
type madeAccount struct {
	ID            string              `json:"id"`             // id, 24 hex digits
	RowID         int64               `json:"row_id"`         // integer id, the `accountId` of the analytics paths
	ParentAccount string              `json:"parent_account"` // the agency
	Name          string              `json:"name"`           // name, as in the directory
	Email         domain.OptionalText `json:"email"`          // email address. Null if none was given.
	Phone         domain.OptionalText `json:"phone"`          // telephone number. Null if none was given.
	Address       domain.OptionalText `json:"address"`        // postal address. Null if none was given.
	TimeZone      domain.OptionalText `json:"time_zone"`      // null if none was given
	Active        bool                `json:"active"`         // whether the account is active
}

// Keyed is a request that is made once for each key.
type Keyed struct {
	// A key of 1 to 255 printable ASCII characters. A request with the same key within 24 hours
	// returns the first response.
	Key IdempotencyKey `header:"Idempotency-Key"`
}

type newAccountInput struct {
	Keyed

	Body newAccountBody `body:"required"`
}

func (d directoryWriter) addClient(ctx context.Context, c Caller, in newAccountInput) (madeAccount, error) {
	add := in.Body
	a, err := d.deps.Directory.Local.AddClient(ctx, c.in(RoleAgency), commands.NewClient{
		Name: add.Name, Email: add.Email, Phone: add.Phone, Address: add.Address, TimeZone: add.TimeZone, Key: string(in.Key),
	})
	return madeAccountOf(a), err
}

func madeAccountOf(a domain.DirectoryAccount) madeAccount {
	return madeAccount{
		a.ID, a.RowID, a.ParentAccount, a.Name, domain.OptionalText(a.Email), domain.OptionalText(a.Phone),
		domain.OptionalText(a.Address), domain.OptionalText(a.TimeZone), a.Active,
	}
}

// timeZoneBody is the time zone of an account.
type timeZoneBody struct {
	TimeZone string `json:"time_zone" example:"Europe/Berlin"` // IANA name; empty to use that of the agency, or UTC
}

// TimeZoneInput is the input of a change of the time zone of an account.
type TimeZoneInput struct {
	Account HexID        `param:"account_id" example:"c10000000000000000000001"` // The agency or one of its clients: 24 hex digits.
	Body    timeZoneBody `body:"required"`
}

func (d directoryWriter) setTimeZone(ctx context.Context, c Caller, in TimeZoneInput) (madeAccount, error) {
	a, err := d.deps.Directory.Local.SetTimeZone(ctx, c.in(RoleAgency), string(in.Account), in.Body.TimeZone)
	return madeAccountOf(a), err
}

// brandBody is the color and the logo of the agency.
type brandBody struct {
	Color *string `json:"colour,omitempty" example:"#17587f"` // # and six hexadecimal digits
	// A PNG or JPEG as a data URI in base64, at most 64 KiB and 1200 pixels wide and high.
	Logo *string `json:"logo,omitempty" example:"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAQAAAACCAIAAADwyuo0AAAAEElEQVR42mMQj6iHIwZkDgBdigdxnbz6RAAAAABJRU5ErkJggg=="`
}

// BrandInput is the input of a change of the color and the logo of the agency.
type BrandInput struct {
	Body brandBody `body:"required"`
}

// Brand is the color and the logo of an agency.
type Brand struct {
	Color domain.OptionalText `json:"colour"` // #rrggbb; null if the agency has no color
	Logo  bool                `json:"logo"`   // whether the agency has a logo: /api/logo
}

func (d directoryWriter) setBrand(ctx context.Context, c Caller, in BrandInput) (Brand, error) {
	a, err := d.deps.Directory.Local.SetBrand(ctx, c.in(RoleAgency), in.Body.Color, in.Body.Logo)
	return Brand{domain.OptionalText(a.Color), a.Logo != ""}, err
}

// newUserBody is a person to invite.
type newUserBody struct {
	Name  string `json:"name" format:"name" example:"Jonas Weber"`                // name of the person, at most 200 characters
	Email string `json:"email" format:"email" example:"jonas@bakery.example.com"` // email address, which identifies the person at the identity provider
	Phone string `json:"phone,omitempty" format:"line"`                           // telephone number
	// Account is the client that the person belongs to, 24 hex digits; if absent, the person is
	// agency staff.
	Account string `json:"account,omitempty" format:"hex" example:"c10000000000000000000001"`
}

// madeUser is a person who was invited.
type madeUser struct {
	ID        string              `json:"id"`         // id, 24 hex digits
	AccountID string              `json:"account_id"` // the agency, or one of its clients
	Name      string              `json:"name"`       // name, as in the directory
	Email     string              `json:"email"`      // email address
	Phone     domain.OptionalText `json:"phone"`      // telephone number. Null if none was given.
	Active    bool                `json:"active"`     // whether the user is active
	CreatedAt time.Time           `json:"created_at"` // when it was created, UTC
}

// NewUserInput is the input of a new user.
type NewUserInput struct {
	Keyed

	Body newUserBody `body:"required"`
}

func (d directoryWriter) invite(ctx context.Context, c Caller, in NewUserInput) (madeUser, error) {
	add := in.Body
	u, err := d.deps.Directory.Local.Invite(ctx, c.in(RoleAgency), commands.NewPerson{
		AccountID: add.Account, Name: add.Name, Email: add.Email, Phone: add.Phone, Key: string(in.Key),
	})
	return madeUser{u.ID, u.AccountID, u.Name, u.Email, domain.OptionalText(u.Phone), u.Active, u.CreatedAt}, err
}

const (
	maxFedLines = 10_000
	maxFedBytes = 16 << 20 // both before and after decompression
)

const truncatedBody = "The body could not be read completely: it was truncated, or does not match Content-Encoding. Send it again."

type feedInput struct {
	// Whether a refused line causes the whole request to be refused (422). The lines are not one
	// transaction: after a 503, some may be stored, and the same request must be sent again.
	Atomic bool  `param:"atomic" default:"false" wrong:"must be one of %s" example:"true"`
	Lines  Lines `body:"required"`
}

// feed imports entities, erasures and posts from a main application, as JSON Lines.
func (d directoryWriter) feed(ctx context.Context, c Caller, in feedInput) (commands.FeedResult, error) {
	return d.deps.Directory.Feed.Feed(ctx, c.in(RoleMainApp), in.Lines, in.Atomic)
}

// Lines are the lines of a body, which may be compressed.
type Lines [][]byte

func (l *Lines) read(r *http.Request) error {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	isLines := mediaType == mediaNDJSON || mediaType == "application/jsonl"
	if err != nil || !isLines || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return domain.NewError(codeUnsupportedMediaType, "The body must be JSON Lines in UTF-8. Send it with Content-Type: %s.", mediaNDJSON)
	}
	body := io.Reader(http.MaxBytesReader(nil, r.Body, maxFedBytes))
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip":
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return unreadable(err, truncatedBody)
		}
		body = http.MaxBytesReader(nil, unzipped, maxFedBytes)
	default:
		return domain.NewError(codeUnsupportedMediaType, "The body may be compressed with gzip only. Send "+
			"Content-Encoding: gzip, or no Content-Encoding.")
	}
	raw, err := io.ReadAll(body)
	switch {
	case err != nil:
		return unreadable(err, truncatedBody)
	case !utf8.Valid(raw):
		return domain.NewError(domain.CodeInvalid, "The body is not valid UTF-8. Send it in UTF-8.")
	case len(bytes.TrimSpace(raw)) == 0:
		return domain.NewError(domain.CodeInvalid, "The body is empty. Send a JSON object on each line.")
	}
	raw = bytes.TrimSuffix(raw, []byte("\n"))
	// Before bytes.Split: its result may be many times the size of the body.
	if lines := bytes.Count(raw, []byte("\n")) + 1; lines > maxFedLines {
		return domain.NewError(
			domain.CodeTooLarge, "The body has %d lines. Send at most %d in one request.", lines, maxFedLines,
		)
	}
	*l = bytes.Split(raw, []byte("\n"))
	return nil
}
