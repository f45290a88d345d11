package api

import (
	"bytes"
	"cmp"
	"compress/gzip"
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

var (
	paramAtomic = Param{
		Name: "atomic", Kind: KindWord, Words: []string{"true", "false"}, Default: "false", Example: "true",
		Text: "Whether a refused line causes the whole request to be refused (422). The lines are not one transaction: after " +
			"a 503, some may be stored, and the same request must be sent again.",
		wrong: "must be one of %s",
	}
	paramEntityKind = Param{
		Name: "kind", Kind: KindWord, Required: true, Example: domain.KindAccount, wrong: "is not a kind of entity: use one of %s",
		Text: "The kind of the entity, as in the type directory.<kind>.v1.",
		Words: []string{
			domain.KindAccount, domain.KindUser, domain.KindOrder, domain.KindSession, domain.KindMember,
			domain.KindConnection,
			domain.KindDefaultAccount, domain.KindSocialAccount, domain.KindPlannedPost, domain.KindSubscription,
			domain.KindCategory,
		},
	}
	paramZoneOf = Param{
		Name: "account_id", Kind: KindHexID, Text: "The agency or one of its clients: 24 hex digits.", Required: true,
		Example: exampleAccount,
	}
	paramEntityID = Param{Name: "entityId", Kind: KindText, Text: "The entity's id.", Example: exampleAccount}
)

func (d *DirectoryDeps) routes() []Operation {
	mainApp, staff := []Role{RoleMainApp}, []Role{RoleAgency}
	return []Operation{
		{http.MethodPost, patternDirectory, "postDirectory", mainApp, d.postDirectory()},
		{
			http.MethodGet, patternDirectory + "/{kind}/{entityId}", "getDirectoryEntity", mainApp,
			answering(parseEntity, d.getEntity),
		},
		{http.MethodPost, "/api/accounts", "postAccounts", staff, making(d.postAccount)},
		{
			http.MethodPut, "/api/accounts/{account_id}/time-zone", "putAccountsTimeZone", staff,
			accepting[timeZoneBody](answering(func(p *Params) string { return p.requiredHex(paramZoneOf) }, d.putTimeZone)),
		},
		{http.MethodPost, "/api/users", "postUsers", staff, making(d.postUser)},
	}
}

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

type entityKey struct{ kind, id string }

func parseEntity(p *Params) entityKey {
	key := entityKey{p.word(paramEntityKind), p.text(paramEntityID)}
	if hex, ok := domain.HexID(key.id); ok {
		key.id = hex
	}
	return key
}

func (d *DirectoryDeps) getEntity(r *http.Request, q entityKey) (answer toldEntity, err error) {
	key := domain.DirectoryKey(q.kind, q.id)
	entities, err := d.Entities.EntitiesByKey(r.Context(), []string{key})
	if err != nil {
		return answer, err
	}
	entity, known := entities[key]
	if !known {
		return answer, errNoEntity
	}
	answer = toldEntity{Type: "directory." + q.kind + ".v1", UpdatedAt: entity.At}
	answer.Data, err = json.Marshal(entity.Entity)
	return answer, err
}

// newAccountBody is a client to add.
type newAccountBody struct {
	Name    string `json:"name"`              // display name, at most 200 characters
	Email   string `json:"email,omitempty"`   // email address of the client, shown to its users
	Phone   string `json:"phone,omitempty"`   // telephone number of the client, shown to its users
	Address string `json:"address,omitempty"` // postal address of the client, shown to its users
	// TimeZone is the IANA name of the client's time zone; if absent, that of the agency applies.
	TimeZone string `json:"time_zone,omitempty"`
}

// madeAccount is a client that was added.
type madeAccount struct {
	ID            string              `json:"id"`
	RowID         int64               `json:"row_id"`         // integer id, the `accountId` of the analytics paths
	ParentAccount string              `json:"parent_account"` // the agency
	Name          string              `json:"name"`
	Email         domain.OptionalText `json:"email"`     // null if none was given
	Phone         domain.OptionalText `json:"phone"`     // null if none was given
	Address       domain.OptionalText `json:"address"`   // null if none was given
	TimeZone      domain.OptionalText `json:"time_zone"` // null if none was given
	Active        bool                `json:"active"`
}

func (d *DirectoryDeps) postAccount(r *http.Request, add newAccountBody, key string) (madeAccount, error) {
	a, err := d.Local.AddClient(r.Context(), caller(r, RoleAgency), commands.NewClient{
		Name: add.Name, Email: add.Email, Phone: add.Phone, Address: add.Address, TimeZone: add.TimeZone, Key: key,
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
	TimeZone string `json:"time_zone"` // IANA name; empty to use that of the agency, or UTC
}

func (d *DirectoryDeps) putTimeZone(r *http.Request, account string) (madeAccount, error) {
	body, bad, err := readBody(r, timeZoneBody{})
	if err = cmp.Or(err, bad.Err()); err != nil {
		return madeAccount{}, err
	}
	a, err := d.Local.SetTimeZone(r.Context(), caller(r, RoleAgency), account, body.TimeZone)
	return madeAccountOf(a), err
}

// newUserBody is a person to invite.
type newUserBody struct {
	Name  string `json:"name"`  // name of the person, at most 200 characters
	Email string `json:"email"` // email address, which identifies the person at the identity provider
	Phone string `json:"phone,omitempty"`
	// Account is the client that the person belongs to, 24 hex digits; if absent, the person is
	// agency staff.
	Account string `json:"account,omitempty"`
}

// madeUser is a person who was invited.
type madeUser struct {
	ID        string              `json:"id"`
	AccountID string              `json:"account_id"` // the agency, or one of its clients
	Name      string              `json:"name"`
	Email     string              `json:"email"`
	Phone     domain.OptionalText `json:"phone"` // null if none was given
	Active    bool                `json:"active"`
	CreatedAt time.Time           `json:"created_at"`
}

func (d *DirectoryDeps) postUser(r *http.Request, add newUserBody, key string) (madeUser, error) {
	u, err := d.Local.Invite(r.Context(), caller(r, RoleAgency), commands.NewPerson{
		AccountID: add.Account, Name: add.Name, Email: add.Email, Phone: add.Phone, Key: key,
	})
	return madeUser{u.ID, u.AccountID, u.Name, u.Email, domain.OptionalText(u.Phone), u.Active, u.CreatedAt}, err
}

// making returns an operation that creates something from a body, once per idempotency key.
func making[B, T any](act func(r *http.Request, body B, key string) (T, error)) operation {
	return accepting[B](answering(nothing, func(r *http.Request, _ none) (made T, err error) {
		key, err := idempotencyKey(r.Header)
		if err != nil {
			return made, err
		}
		body, bad, err := readBody(r, *new(B))
		if err = cmp.Or(err, bad.Err()); err != nil {
			return made, err
		}
		return act(r, body, key)
	}, paramIdempotency))
}

const (
	maxFedLines = 10_000
	maxFedBytes = 16 << 20 // both before and after decompression
)

const truncatedBody = "The body could not be read completely: it was truncated, or does not match Content-Encoding. Send it again."

// postDirectory imports entities, erasures and posts from a main application, as JSON Lines.
func (d *DirectoryDeps) postDirectory() operation {
	parse := func(p *Params) bool { return p.word(paramAtomic) == "true" }
	op := accepting[string](answering(parse, func(r *http.Request, atomic bool) (fed commands.FeedResult, err error) {
		lines, err := readLines(r)
		if err != nil {
			return fed, err
		}
		return d.Feed.Feed(r.Context(), caller(r, RoleMainApp), lines, atomic)
	}))
	op.BodyMedia = mediaNDJSON
	return op
}

// readLines reads the lines of a body, which may be compressed.
func readLines(r *http.Request) ([][]byte, error) {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	isLines := mediaType == mediaNDJSON || mediaType == "application/jsonl"
	if err != nil || !isLines || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, domain.NewError(codeUnsupportedMediaType, "The body must be JSON Lines in UTF-8. Send it with Content-Type: %s.", mediaNDJSON)
	}
	body := io.Reader(http.MaxBytesReader(nil, r.Body, maxFedBytes))
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip":
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, unreadable(err, truncatedBody)
		}
		body = http.MaxBytesReader(nil, unzipped, maxFedBytes)
	default:
		return nil, domain.NewError(codeUnsupportedMediaType, "The body may be compressed with gzip only. Send "+
			"Content-Encoding: gzip, or no Content-Encoding.")
	}
	raw, err := io.ReadAll(body)
	switch {
	case err != nil:
		return nil, unreadable(err, truncatedBody)
	case !utf8.Valid(raw):
		return nil, domain.NewError(domain.CodeInvalid, "The body is not valid UTF-8. Send it in UTF-8.")
	case len(bytes.TrimSpace(raw)) == 0:
		return nil, domain.NewError(domain.CodeInvalid, "The body is empty. Send a JSON object on each line.")
	}
	raw = bytes.TrimSuffix(raw, []byte("\n"))
	// Before bytes.Split: its result may be many times the size of the body.
	if lines := bytes.Count(raw, []byte("\n")) + 1; lines > maxFedLines {
		return nil, domain.NewError(
			domain.CodeTooLarge, "The body has %d lines. Send at most %d in one request.", lines, maxFedLines,
		)
	}
	return bytes.Split(raw, []byte("\n")), nil
}
