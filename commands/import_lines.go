package commands

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/ledgerboard/ledgerboard/domain"
)

// MaxImportLine is the maximum length of a line of an import file in bytes, that of a log record.
// Only dashboards may be longer than [MaxFeedLine].
const MaxImportLine = 1 << 20

// ImportedToken is a line of a connection and its tokens. Without an access token, a person must
// connect the account again.
type ImportedToken struct {
	domain.DirectoryConnection

	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	OwnLogin     bool   `json:"instagram_login"`
}

// ImportedDocument is a line of the old dashboard preferences.
type ImportedDocument struct {
	ParentAccount string `json:"parent_account" hex:"required"`
	domain.ImportedDashboard
}

// ImportedOwner is the owner of a post or reading as a line states it. What it lacks is taken from
// the directory.
type ImportedOwner struct {
	domain.Tenant

	RowID       int64              `json:"account_row_id"` // an alternative to account_id
	Platform    domain.Platform    `json:"p_id"`
	AccountType domain.AccountType `json:"a_type"`
}

// MetricLine is a line of a post or of a reading.
type MetricLine struct {
	Owner ImportedOwner
	Data  Fact // a [domain.PostRegistered], [domain.AccountRead] or [domain.PostRead] without its tenant
	Texts domain.PostTexts
}

type accountLine struct {
	ImportedOwner

	CapturedAt time.Time         `json:"captured_at"`
	Figures    map[string]*int64 `json:",embed"`
}

type postReadingLine struct {
	ImportedOwner
	domain.Counts

	ExternalID  string     `json:"external_id"`
	CapturedAt  time.Time  `json:"captured_at"`
	PublishedAt *time.Time `json:"published_at"`
}

type postLine struct {
	ImportedOwner
	domain.PostTexts

	ExternalID   string            `json:"external_id"`
	RegisteredAt time.Time         `json:"registered_at"`
	PublishedAt  *time.Time        `json:"published_at"`
	Origin       domain.PostOrigin `json:"origin"`
	CategoryID   *int64            `json:"c_id"`
	PostType     string            `json:"post_type"`
}

// ReadImportLine reads a line of an import file:
//
//	{"type":"account_reading","data":{"social_account_id":70,"p_id":1,"captured_at":"…","followers":12}}
//	{"type":"post_reading","data":{"social_account_id":70,"p_id":1,"external_id":"…","captured_at":"…","likes":3}}
//	{"type":"dashboard","data":{"_id":"…","parent_account":"…","sub_account_id":"…","users":["…"],…}}
//	{"type":"token","data":{"id":71,"member_id":7,"p_id":1,"access_token":"…","expires_at":"…"}}
//
// and those of [EntityLine], where a post may omit its owner. The result is a [MetricLine], an
// [ImportedDocument], an [ImportedToken], or the [domain.Draft] of an entity. now is the time of an
// entity without updated_at. The error says why the line is refused. It names members of the four
// types above but shows no value, which may be a token.
func ReadImportLine(raw []byte, registry *domain.Registry, now time.Time) (any, error) {
	var peek struct {
		Type string `json:"type"`
	}
	if err := jsonv2.Unmarshal(raw, &peek); err != nil {
		return nil, lineError(err)
	}
	if len(raw) > MaxFeedLine && peek.Type != "dashboard" {
		return nil, fmt.Errorf("is longer than %d bytes", MaxFeedLine)
	}
	switch peek.Type {
	case "account_reading":
		return readLine(raw, accountReading)
	case "post_reading":
		return readLine(raw, postReading)
	case domain.PostRegistered{}.EventType():
		return readLine(raw, registeredPost)
	case "dashboard":
		return readLine(raw, oldDocument)
	case "token":
		return readLine(raw, memberAuth)
	}
	drafts, err := EntityLine(raw, registry, now)
	if err != nil {
		return nil, err
	}
	return drafts[0], nil
}

func readLine[T, R any](raw []byte, convert func(T) (R, error)) (any, error) {
	var line struct {
		Type string `json:"type"`
		Data T      `json:"data"`
	}
	if err := jsonv2.Unmarshal(raw, &line, lineOptions); err != nil {
		return nil, lineError(err)
	}
	if strings.Contains(string(raw), `\u0000`) {
		return nil, errors.New("contains a NUL character")
	}
	if err := canonicalIDs(reflect.ValueOf(&line.Data).Elem()); err != nil {
		return nil, err
	}
	return convert(line.Data)
}

// A line may state only what is imported: an unknown member may be a misspelled figure.
var lineOptions = jsonv2.JoinOptions(jsonv2.RejectUnknownMembers(true), jsonv2.WithUnmarshalers(
	jsonv2.JoinUnmarshalers(jsonv2.UnmarshalFunc(readTime), jsonv2.UnmarshalFunc(readCount))))

var (
	errUnknownMember = errors.New("is not a member of lines of this type")

	errCount = errors.New("must be an integer from 0, or null if it is unknown")
	errTime  = errors.New("must be a time with its offset, such as 2026-03-14T12:00:00Z or 2026-03-14T13:00:00+01:00, " +
		"or a Unix time in seconds or milliseconds from 2000 to 2099")
)

// lineError describes an error of the decoder, whose own text may quote the line.
func lineError(err error) error {
	var member jsontext.Pointer
	reason := errors.New("is not JSON")
	if semantic, ok := errors.AsType[*jsonv2.SemanticError](err); ok {
		member, reason = semantic.JSONPointer, errors.New("has the wrong type")
	} else if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		member = syntactic.JSONPointer
	}
	for _, known := range []struct{ err, reason error }{
		{errCount, errCount},
		{errTime, errTime},
		{jsonv2.ErrUnknownName, errUnknownMember},
		{jsontext.ErrDuplicateName, errors.New("occurs twice")},
	} {
		if errors.Is(err, known.err) {
			reason = known.reason
		}
	}
	return fmt.Errorf("%s %w", cmp.Or(member.LastToken(), "the line"), reason)
}

// readCount reads a figure or id. Platforms count from 0; a lower number means "hidden" or "unknown"
// in some systems.
func readCount(raw []byte, n *int64) (err error) {
	if string(raw) == "null" { // unknown, as an absent one
		*n = 0
		return nil
	}
	*n, err = strconv.ParseInt(string(raw), 10, 64)
	if err != nil || *n < 0 {
		return errCount
	}
	return nil
}

var unixTime = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)

// readTime reads a time in microseconds, as PostgreSQL stores it: a text with an offset (RFC 3339),
// or a Unix time of this century in seconds or in milliseconds, which cannot be confused. Any other
// number, such as 20301231, is refused. null, 0, -1 and "" are unknown: the result is zero.
func readTime(raw []byte, at *time.Time) error {
	text := strings.Trim(string(raw), `"`)
	if parsed, err := time.Parse(time.RFC3339Nano, text); err == nil {
		*at = stored(parsed)
		return nil
	}
	switch text {
	case "", "0", "-1", "null":
		*at = time.Time{}
		return nil
	}
	for _, unit := range []string{"s", "ms"} {
		since, err := time.ParseDuration(text + unit)
		*at = stored(time.Unix(0, 0).Add(since))
		if err == nil && at.Year() >= 2000 && at.Year() < 2100 && unixTime.MatchString(text) {
			return nil
		}
	}
	return errTime
}

// known returns nil for a time that is unknown.
func known(at *time.Time) *time.Time {
	if at == nil || at.IsZero() {
		return nil
	}
	return at
}

func missing(member string, absent bool) error {
	if absent {
		return fmt.Errorf("%s is missing", member)
	}
	return nil
}

// accountReading reads a row of tSAccountIns. Followers and posts are counts at the time of the
// reading. Likes are cumulative if the platform reports cumulative likes. The table does not contain
// the day or time span of the other figures, so they are shown as read and never summed or
// subtracted.
func accountReading(l accountLine) (MetricLine, error) {
	read := domain.AccountRead{Platform: l.Platform, CapturedAt: l.CapturedAt, Figures: []domain.Figure{}}
	for _, name := range domain.AccountFigures() {
		n := l.Figures[name]
		delete(l.Figures, name)
		if n == nil {
			continue
		}
		figure := domain.Figure{
			Name: name, Kind: domain.Rolling, Value: *n, Source: "tSAccountIns." + name, Window: "old_system",
		}
		cumulative := l.Platform.Provides(domain.FiguresOfAccount, name, domain.Cumulative)
		switch {
		case name == domain.MetricFollowers || name == domain.MetricPosts:
			figure.Kind, figure.Window = domain.Stock, ""
		case name == domain.MetricLikes && cumulative:
			figure.Kind, figure.Window = domain.Cumulative, ""
		}
		read.Figures = append(read.Figures, figure)
	}
	err := missing("captured_at", l.CapturedAt.IsZero())
	for name := range l.Figures {
		err = cmp.Or(err, fmt.Errorf("%s %w", name, errUnknownMember))
	}
	err = cmp.Or(err, missing("a figure", len(read.Figures) == 0))
	return MetricLine{Owner: l.ImportedOwner, Data: read}, err
}

// postReading reads a row of tSPostInsights.
func postReading(l postReadingLine) (MetricLine, error) {
	read := domain.PostRead{
		Platform: l.Platform, CapturedAt: l.CapturedAt, ExternalID: l.ExternalID,
		PublishedAt: known(l.PublishedAt), Counts: l.Counts,
	}
	return MetricLine{Owner: l.ImportedOwner, Data: read}, cmp.Or(
		missing("captured_at", l.CapturedAt.IsZero()), missing("a figure", l.Counts == domain.Counts{}))
}

// registeredPost reads a row of tSPosts, or a post that a main application sends.
func registeredPost(l postLine) (MetricLine, error) {
	post := domain.PostRegistered{
		Platform: l.Platform, ExternalID: l.ExternalID, Origin: cmp.Or(l.Origin, domain.OriginMainApp),
		RegisteredAt: l.RegisteredAt, PublishedAt: known(l.PublishedAt), CategoryID: l.CategoryID, PostType: l.PostType,
	}
	if l.CategoryID != nil && *l.CategoryID == 0 {
		post.CategoryID = nil // 0 is no category in the old table
	}
	return MetricLine{Owner: l.ImportedOwner, Data: post, Texts: l.PostTexts},
		missing("registered_at", l.RegisteredAt.IsZero())
}

// oldDocument reads an old document. It does not repair the lists; [domain.PlanImport] does. The
// creation time of a document without one is that in its ObjectId.
func oldDocument(d ImportedDocument) (ImportedDocument, error) {
	seconds, _ := hex.DecodeString(d.DocumentID[:8])
	inID := time.Unix(int64(binary.BigEndian.Uint32(seconds)), 0).UTC()
	d.CreatedAt = *cmp.Or(known(&d.CreatedAt), &inID)
	d.UpdatedAt = *cmp.Or(known(&d.UpdatedAt), &d.CreatedAt)
	return d, nil
}

var (
	tokenForm = regexp.MustCompile(`^[!-~]*$`)
	// noToken matches texts that stand for a missing token.
	noToken = regexp.MustCompile(`(?i)^(null|none|undefined|nan|false|true)$`)
	// ciphertext matches the beginnings that common libraries give to what they encrypt: crypto-js
	// and openssl ("Salted__"), Laravel, Fernet, Vault, and an initialization vector in hex before a
	// colon.
	ciphertext = regexp.MustCompile(`^(U2FsdGVkX1|eyJpdiI6|gAAAAA|vault:v[0-9]+:|[0-9a-fA-F]{24,32}:[0-9a-fA-F])`)
)

// memberAuth reads a row of tMemberAuth.
func memberAuth(t ImportedToken) (ImportedToken, error) {
	t.ExpiresAt = known(t.ExpiresAt)
	err := cmp.Or(missing("id", t.ID == 0), missing("member_id", t.MemberID == 0), t.Validate())
	for _, name := range []string{"access_token", "refresh_token"} {
		token := map[string]string{"access_token": t.AccessToken, "refresh_token": t.RefreshToken}[name]
		switch {
		case ciphertext.MatchString(token):
			err = cmp.Or(err, fmt.Errorf("%s is encrypted; decrypt it before the import", name))
		case !tokenForm.MatchString(token) || noToken.MatchString(token):
			err = cmp.Or(err, fmt.Errorf("%s is not a token; use null for a connection without one", name))
		}
	}
	return t, err
}

// Stored returns the tokens as they are sealed.
func (i ImportedToken) Stored() StoredTokens {
	s := StoredTokens{AccessToken: i.AccessToken, RefreshToken: i.RefreshToken, OwnLogin: i.OwnLogin}
	if i.ExpiresAt != nil {
		s.ExpiresAt = *i.ExpiresAt
	}
	return s
}
