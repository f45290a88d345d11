package domain

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

// FirstComputedID is the lowest id of entities that are connected in ledgerboard: 2^52. The main
// application's ids are lower. All ids are below 2^53, so a JavaScript number can hold them.
const FirstComputedID = int64(1) << 52

// IsComputedID reports whether the id belongs to an entity that was connected in ledgerboard.
func IsComputedID(id int64) bool { return id >= FirstComputedID }

// ComputedSocialAccount returns the id of a page or profile that was connected in ledgerboard. Each
// agency that connects the page gets its own id.
func ComputedSocialAccount(agency string, platform Platform, kind AccountType, externalID string) int64 {
	return computedID(KindSocialAccount, agency, number(int64(platform)), number(int64(kind)), platform.PlainID(externalID))
}

// ComputedMember returns the id of the member under which an account's pages were connected. A
// member is one person at one platform, identified by the platform's id of the person.
func ComputedMember(agency, account string, platform Platform, person string) int64 {
	return computedID(KindMember, agency, account, number(int64(platform)), person)
}

// ComputedConnection returns the id of the connection for a token that a platform granted to one of
// our apps. user is the platform's id of the token's owner: the person, or the page if the platform
// issues a token per page.
func ComputedConnection(agency string, platform Platform, app, user string) int64 {
	return computedID(KindConnection, agency, number(int64(platform)), app, user)
}

// appOfMain stands for the app with which a main application signs people in. ledgerboard does not
// manage its connections.
const appOfMain = "main_app"

// RegisteredConnection returns the id of the connection of a page or profile that a main
// application registered. Each page has its own connection.
func RegisteredConnection(agency string, platform Platform, kind AccountType, externalID string) int64 {
	return computedID(KindConnection, agency, number(int64(platform)), appOfMain, number(int64(kind)), platform.PlainID(externalID))
}

// RegisteredSecretRef returns the reference of a registered connection's tokens.
func RegisteredSecretRef(connection int64) string { return appOfMain + "/" + number(connection) }

// computedID is 2^52 plus the first 51 bits of SHA-256 over the parts. An eight-byte length
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

// ComputedRow returns the row id of an account that was created in ledgerboard. The main
// application's row ids are below 2^52.
func ComputedRow(account string) int64 { return computedID(KindAccount, account) }
