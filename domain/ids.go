package domain

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// HexIDLength is the length of the ids of agencies, sub-accounts, users and dashboards: a MongoDB
// ObjectId in hexadecimal.
const HexIDLength = 24

// HexID returns the id in lower case and true if it has 24 hexadecimal digits. Every entry point
// uses it: two spellings of an id would hash to two partitions and split a stream.
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

// PostID returns the id of a post in all interfaces: "<social account id>:<external id>".
func PostID(socialAccount int64, externalID string) string {
	return number(socialAccount) + ":" + externalID
}

// SplitPostID parses a [PostID]; ok is false if it is malformed.
func SplitPostID(id string) (socialAccount int64, externalID string, ok bool) {
	account, external, found := strings.Cut(id, ":")
	n, err := strconv.ParseInt(account, 10, 64)
	if !found || err != nil || n <= 0 || external == "" || number(n) != account {
		return 0, "", false
	}
	return n, external, true
}

// OptionalText is a text that may be absent. JSON encodes the empty text as null.
type OptionalText string

// MarshalJSON implements [json.Marshaler].
func (o OptionalText) MarshalJSON() ([]byte, error) {
	if o == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(o))
}

// maxIndexed bounds, in bytes, each text that a read model indexes. PostgreSQL refuses index
// entries above about 2,700 bytes, which would block a partition forever. URNs have fewer than 100
// bytes.
const maxIndexed = 255

func checkLengths(texts ...string) error {
	for _, text := range texts {
		if len(text) > maxIndexed {
			return fmt.Errorf("%.20q… has %d bytes; at most %d are allowed", text, len(text), maxIndexed)
		}
	}
	return nil
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

// FirstComputedID is the lowest id of entities that are connected in ledgerboard: 2^52. The main
// application's ids are lower. All ids are below 2^53, so a JavaScript number can hold them.
const FirstComputedID = int64(1) << 52

// IsComputedID reports whether the id belongs to an entity that was connected in ledgerboard.
func IsComputedID(id int64) bool { return id >= FirstComputedID }

// ComputedSocialAccount returns an agency's id for a page or profile that was connected in
// ledgerboard.
func ComputedSocialAccount(agency string, platform Platform, kind AccountType, externalID string) int64 {
	return computedID(
		KindSocialAccount, agency, number(int64(platform)), number(int64(kind)), platform.PlainID(externalID))
}

// ComputedMember returns the id of the member under which a person connected pages of an account.
// person is the platform's id of the person.
func ComputedMember(agency, account string, platform Platform, person string) int64 {
	return computedID(KindMember, agency, account, number(int64(platform)), person)
}

// computedID returns 2^52 plus the first 51 bits of SHA-256 over the parts. An eight-byte length
// precedes each part, so two different lists of parts never hash the same bytes.
func computedID(parts ...string) int64 {
	h := sha256.New()
	for _, part := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	const bits = 51
	first := binary.BigEndian.Uint64(h.Sum(nil)) >> (64 - bits)
	return FirstComputedID + int64(first)
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// ComputedRow returns the row id of an account that was created in ledgerboard.
func ComputedRow(account string) int64 { return computedID(KindAccount, account) }
