package commands

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// EntityLine returns the drafts of one line of a file of entities. A post has two drafts, its
// registration and its content, from the same line:
//
//	{"type":"directory.account.v1","updated_at":"…","data":{…}}
//	{"type":"directory.user.v1","id":"…","erase":true,"updated_at":"…"}
//	{"type":"metrics.post_registered.v1","data":{…,"content":"…","media_url":"…","permalink":"…"}}
//
// updated_at is when the entity was changed or erased at its origin; the default is now. The latest
// state of an entity is stored, in whatever order the lines arrive. A post has its own time,
// registered_at. The error says why the line is refused.
func EntityLine(line []byte, registry *domain.Registry, now time.Time) ([]domain.Draft, error) {
	var l struct {
		Type      string          `json:"type"`
		Data      json.RawMessage `json:"data"`
		ID        string          `json:"id"`    // used with Erase
		Erase     bool            `json:"erase"` // append a tombstone
		UpdatedAt *time.Time      `json:"updated_at"`
	}
	if err := json.Unmarshal(line, &l); err != nil {
		return nil, fmt.Errorf("is not a JSON object: %w", err)
	}
	at := now
	if l.UpdatedAt != nil {
		at = *l.UpdatedAt
	}
	if at.After(now.Add(MaxSkew)) || at.Year() < 1 || at.Year() > lastYear {
		return nil, fmt.Errorf("updated_at %s is in the future or has an invalid year; check the clock",
			at.UTC().Format(time.RFC3339))
	}
	if l.Erase {
		return erasureLine(l.Type, l.ID, registry, at)
	}
	data, err := registry.Decode(l.Type, l.Data)
	if err != nil {
		return nil, err
	}
	entity, isEntity := data.(domain.DirectoryEntity)
	switch post, isPost := data.(domain.PostRegistered); {
	case isPost && l.UpdatedAt != nil:
		return nil, errors.New("the time of a post is data.registered_at; remove updated_at")
	case isPost:
		var texts domain.PostTexts
		if err := json.Unmarshal(l.Data, &texts); err != nil {
			return nil, fmt.Errorf("content of the post: %w", err)
		}
		drafts, err := Import{Now: now}.registered(post)
		return append(drafts, contentOf(post, texts)), err
	case !isEntity:
		return nil, fmt.Errorf("type %s is neither a directory.… entity nor metrics.post_registered.v1", l.Type)
	}
	if id := entity.EntityID(); id == "" || id == "0" || id[0] == '-' {
		return nil, errors.New("the entity has no id, or its id is less than 1")
	}
	if err := checkMainAppID(domain.EntityKind(entity), entity.EntityID()); err != nil {
		return nil, err
	}
	if entity, err = canonicalEntity(entity); err != nil {
		return nil, err
	}
	return []domain.Draft{EntityDraft(entity, at)}, nil
}

func erasureLine(eventType, id string, registry *domain.Registry, at time.Time) ([]domain.Draft, error) {
	kind, isEntity := strings.CutPrefix(eventType, domain.TopicDirectory+".")
	if kind, _, _ = strings.Cut(kind, "."); !isEntity || !registry.Knows(eventType) || id == "" {
		return nil, errors.New("an erasure needs an id and a directory type")
	}
	if err := checkMainAppID(kind, id); err != nil {
		return nil, err
	}
	id = lowerHexID(id)
	if kind == domain.KindAccount || kind == domain.KindUser {
		if err := required("id", &id); err != nil {
			return nil, err
		}
	}
	return []domain.Draft{EraseDraft(kind, id, at)}, nil
}

// checkMainAppID refuses ids in the range of entities that are connected in ledgerboard.
func checkMainAppID(kind, id string) error {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil && domain.IsComputedID(n) {
		return fmt.Errorf("%s %s: ids from %d are reserved for entities connected in ledgerboard; "+
			"remove the line, or use a smaller id", kind, id, domain.FirstComputedID)
	}
	return nil
}

// lastYear is the last year that JSON can represent.
const lastYear = 9999

// canonicalEntity checks the fields of an entity, and returns it in one spelling. Times are truncated as
// the tables store them, so that an entity that is sent twice compares as equal.
func canonicalEntity(entity domain.DirectoryEntity) (domain.DirectoryEntity, error) {
	fields := reflect.New(reflect.TypeOf(entity)).Elem()
	fields.Set(reflect.ValueOf(entity))
	err := canonicalIDs(fields)
	for field, value := range fields.Fields() {
		switch value := value.Addr().Interface().(type) {
		case *time.Time:
			*value = stored(*value)
		case **time.Time:
			if *value != nil {
				*value = new(stored(**value))
			}
		case *[]string:
			*value = append([]string{}, *value...)
		case *string:
			err = errors.Join(err, canonicalText(field, value))
		}
	}
	entity, _ = reflect.TypeAssert[domain.DirectoryEntity](fields)
	return entity, err
}

// canonicalIDs converts the ids of accounts and users to lower case: two spellings would be two
// accounts. The tag hex tells which fields are ids of 24 hex digits: required, optional ("" is
// unknown), or any (an id may also have another form).
func canonicalIDs(fields reflect.Value) (err error) {
	for field, value := range fields.Fields() {
		name, tag := jsonName(field), field.Tag.Get("hex")
		switch ids := value.Addr().Interface().(type) {
		case *string:
			if tag == "required" || tag == "optional" && *ids != "" {
				err = errors.Join(err, required(name, ids))
			} else if tag == "any" {
				*ids = lowerHexID(*ids)
			}
		case *[]string:
			for i := range *ids {
				if tag != "" {
					err = errors.Join(err, required(fmt.Sprintf("%s[%d]", name, i), &(*ids)[i]))
				}
			}
		default:
			if field.Anonymous {
				err = errors.Join(err, canonicalIDs(value))
			}
		}
	}
	return err
}

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

// canonicalText refuses a text that would mislead readers: any text with a control character of text
// direction, a name that shows nothing, an unknown time zone, and a logo that is no picture. An empty
// name is unknown.
func canonicalText(field reflect.StructField, text *string) (err error) {
	switch {
	case field.Name == "Currency":
		*text = strings.ToUpper(*text)
	case field.Name == "Logo":
		err = checkLogo(*text)
	case field.Name == "TimeZone" && *text != "":
		_, err = domain.LoadTimeZone(*text)
	case field.Name == "Name" && *text != "" && !domain.Visible(*text):
		err = errors.New(`has no visible character; send a text with a letter, digit or symbol, or "" if it is unknown`)
	}
	if err = cmp.Or(domain.CheckDirection(*text), err); err != nil {
		return fmt.Errorf("%s %w", jsonName(field), err)
	}
	return nil
}

// stored returns a time with the resolution of the tables.
func stored(at time.Time) time.Time { return at.UTC().Truncate(time.Microsecond) }

// keepRefs keeps the reference of a connection's tokens if the main application sends none. A
// connection always has a reference, so that its tokens can be stored.
func keepRefs(entity, known domain.DirectoryEntity) domain.DirectoryEntity {
	c, ok := entity.(domain.DirectoryConnection)
	if !ok {
		return entity
	}
	before, _ := known.(domain.DirectoryConnection)
	c.SecretRef = cmp.Or(c.SecretRef, before.SecretRef, importedRef(c.EntityID()))
	return c
}

// connectedHere refuses records and erasures from the main application for a page that is connected
// in ledgerboard, under either of the page's ids. known returns the entity of a directory key, or
// nil.
func connectedHere(line domain.Draft, known func(key string) domain.DirectoryEntity) error {
	entity, _ := line.Data.(domain.DirectoryEntity)
	e, _ := entity.(domain.DirectorySocialAccount)
	for _, key := range append(pageKeys(entity), line.Key) {
		page, ok := known(key).(domain.DirectorySocialAccount)
		switch connected := ok && page.Connected && domain.IsComputedID(page.ConnectionID); {
		case connected && entity == nil:
			return fmt.Errorf("social account %d: %s %q is connected in ledgerboard and cannot be erased; "+
				"disconnect it in ledgerboard first, or remove the line", page.ID, page.Platform, page.ExternalID)
		case connected:
			return fmt.Errorf("social account %d: %s %q is connected in ledgerboard as %d; "+
				"disconnect it in ledgerboard first, or remove the line", e.ID, e.Platform, e.ExternalID, page.ID)
		}
	}
	return nil
}

// pageKeys returns the keys under which the directory may hold a page that a main application
// sends; nil for other entities.
func pageKeys(entity domain.DirectoryEntity) (keys []string) {
	e, isPage := entity.(domain.DirectorySocialAccount)
	if !isPage {
		return nil
	}
	computed := domain.ComputedSocialAccount(e.ParentAccount, e.Platform, e.AccountType, e.ExternalID)
	for _, id := range []int64{e.ID, computed} {
		keys = append(keys, domain.DirectoryKey(domain.KindSocialAccount, strconv.FormatInt(id, 10)))
	}
	return keys
}

// lowerHexID converts hex ids to lower case. Ids of orders and sessions may have another form.
func lowerHexID(id string) string {
	if hex, ok := domain.HexID(id); ok {
		return hex
	}
	return id
}

func required(field string, id *string) error {
	hex, ok := domain.HexID(*id)
	if !ok {
		return fmt.Errorf("%s must be 24 hex digits", field)
	}
	*id = hex
	return nil
}
