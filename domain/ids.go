package domain

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
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
