package domain

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// HexIDLength is the length of the ids of agencies, sub-accounts, users and dashboards: a MongoDB
// ObjectId in hexadecimal.
const HexIDLength = 24

// HexID returns id in lower case when it is 24 hexadecimal digits, else false. Every edge passes ids
// through it: two spellings of one id would hash to two partitions and split a stream.
func HexID(id string) (string, bool) {
	if len(id) != HexIDLength {
		return "", false
	}
	lower := true
	for i := range len(id) {
		switch c := id[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f':
		case 'A' <= c && c <= 'F':
			lower = false
		default:
			return "", false
		}
	}
	if lower {
		return id, true
	}
	return strings.ToLower(id), true
}

// checkHexID refuses what is not exactly as [HexID] returns it; what names it in the error.
func checkHexID(what, id string) error {
	if canonical, ok := HexID(id); !ok || canonical != id {
		return fmt.Errorf("%s%q is not 24 lower-case hex digits", what, id)
	}
	return nil
}

// PostID is the id of a post on every surface: "<social account id>:<external id>".
func PostID(socialAccount int64, externalID string) string {
	return strconv.FormatInt(socialAccount, 10) + ":" + externalID
}

// SplitPostID takes a [PostID] apart; ok is false when it is not one.
func SplitPostID(id string) (socialAccount int64, externalID string, ok bool) {
	account, external, found := strings.Cut(id, ":")
	n, err := strconv.ParseInt(account, 10, 64)
	if !found || err != nil || n <= 0 || external == "" || strconv.FormatInt(n, 10) != account {
		return 0, "", false
	}
	return n, external, true
}

// OptionalText is a text of an answer that may be absent: JSON shows the empty one as null.
type OptionalText string

// MarshalJSON implements [json.Marshaler].
func (t OptionalText) MarshalJSON() ([]byte, error) {
	if t == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(t))
}

// maxIndexed bounds, in bytes, each text that a read model indexes. PostgreSQL refuses an index entry
// above some 2,700 bytes, at every try alike: one record with a longer id would hold up its partition
// for ever. URNs, the longest ids seen, stay below 100.
const maxIndexed = 255

func checkLengths(texts ...string) error {
	for _, text := range texts {
		if len(text) > maxIndexed {
			return fmt.Errorf("%.20q… has %d bytes, at most %d fit", text, len(text), maxIndexed)
		}
	}
	return nil
}

var colourForm = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// checkColour takes no other form: a page writes the colour into its markup.
func checkColour(colour string) error {
	if colour == "" || colourForm.MatchString(colour) {
		return nil
	}
	return fmt.Errorf("colour %.20q is not # and six hexadecimal digits; write it like #17587f, or leave it out", colour)
}

// Storable makes any bytes a text that PostgreSQL takes: valid UTF-8 without NUL, of at most so many bytes,
// cut between two characters. What cannot be stored of it is shown as U+FFFD.
func Storable(text string, most int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	if len(text) <= most {
		return text
	}
	for !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// maxSmall is the largest number that the read models' smallint columns take; a larger one would
// come out as another number, not as an error.
const maxSmall = 1<<15 - 1

func checkAccountType(t AccountType) error { return checkSmall("a_type", int(t)) }

func checkPlatform(p Platform) error { return checkSmall("p_id", int(p)) }

func checkSmall(name string, n int) error {
	if n < 0 || n > maxSmall {
		return fmt.Errorf("%s %d is none", name, n)
	}
	return nil
}
