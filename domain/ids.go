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

// HexID returns the id in lower case and true if it has 24 hexadecimal digits. Every entry point
// normalizes ids with it: two spellings of one id would hash to two partitions and split a stream.
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

// checkHexID refuses ids that [HexID] would change. what names the id in the error.
func checkHexID(what, id string) error {
	if canonical, ok := HexID(id); !ok || canonical != id {
		return fmt.Errorf("%s%q is not 24 lower-case hex digits", what, id)
	}
	return nil
}

// PostID is the id of a post in all interfaces: "<social account id>:<external id>".
func PostID(socialAccount int64, externalID string) string {
	return strconv.FormatInt(socialAccount, 10) + ":" + externalID
}

// SplitPostID parses a [PostID]; ok is false if it is malformed.
func SplitPostID(id string) (socialAccount int64, externalID string, ok bool) {
	account, external, found := strings.Cut(id, ":")
	n, err := strconv.ParseInt(account, 10, 64)
	if !found || err != nil || n <= 0 || external == "" || strconv.FormatInt(n, 10) != account {
		return 0, "", false
	}
	return n, external, true
}

// OptionalText is a text that may be absent. JSON encodes the empty text as null.
type OptionalText string

// MarshalJSON implements [json.Marshaler].
func (t OptionalText) MarshalJSON() ([]byte, error) {
	if t == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(t))
}

// maxIndexed bounds, in bytes, each text that a read model indexes. PostgreSQL refuses index
// entries above about 2,700 bytes on every attempt, so one record with a longer id would block its
// partition forever. URNs, the longest known ids, are shorter than 100 bytes.
const maxIndexed = 255

func checkLengths(texts ...string) error {
	for _, text := range texts {
		if len(text) > maxIndexed {
			return fmt.Errorf("%.20q… has %d bytes, at most %d fit", text, len(text), maxIndexed)
		}
	}
	return nil
}

var colorForm = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// checkColor accepts only #rrggbb, because pages write the color into their markup.
func checkColor(color string) error {
	if color == "" || colorForm.MatchString(color) {
		return nil
	}
	return fmt.Errorf("colour %.20q is not # and six hexadecimal digits; write it like #17587f, or omit it", color)
}

// Storable returns text in a form that PostgreSQL accepts: valid UTF-8 without NUL, cut between two
// characters to at most `most` bytes. Bytes that cannot be stored are replaced by U+FFFD.
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

// maxSmall is the largest value of the read models' smallint columns. A larger number would be
// stored as another number, not fail.
const maxSmall = 1<<15 - 1

func checkAccountType(t AccountType) error { return checkSmall("a_type", int(t)) }

func checkPlatform(p Platform) error { return checkSmall("p_id", int(p)) }

func checkSmall(name string, n int) error {
	if n < 0 || n > maxSmall {
		return fmt.Errorf("%s %d is out of range", name, n)
	}
	return nil
}
