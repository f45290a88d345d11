package domain

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

// FirstComputedID is where the ids of what is connected here begin: 2^52. The main application's ids stay below it. All stay below
// 2^53, so that a JavaScript number holds them.
const FirstComputedID = int64(1) << 52

// Computed tells whether the id is of something that was connected here.
func Computed(id int64) bool { return id >= FirstComputedID }

// ComputedSocialAccount is the id of a page or profile that was connected here: one for each agency that connects it.
func ComputedSocialAccount(agency string, platform Platform, kind AccountType, externalID string) int64 {
	return computed(KindSocialAccount, agency, number(int64(platform)), number(int64(kind)), platform.PlainID(externalID))
}

// ComputedMember is the id of the member under whom an account's pages were connected here: of a person at a platform, as the platform
// knows the person.
func ComputedMember(agency, account string, platform Platform, person string) int64 {
	return computed(KindMember, agency, account, number(int64(platform)), person)
}

// ComputedConnection is the id of a token that was given to one of our apps here, by whose it is: the person's, or the page's where the
// platform gives each page its own.
func ComputedConnection(agency string, platform Platform, app, user string) int64 {
	return computed(KindConnection, agency, number(int64(platform)), app, user)
}

// appOfMain stands for the app that a main application signs people in by: this program does not manage its connections.
const appOfMain = "main_app"

// RegisteredConnection is the id of the connection of a page or profile that a main application registered: each has its own.
func RegisteredConnection(agency string, platform Platform, kind AccountType, externalID string) int64 {
	return computed(KindConnection, agency, number(int64(platform)), appOfMain, number(int64(kind)), platform.PlainID(externalID))
}

// RegisteredSecretRef names the tokens of a registered connection.
func RegisteredSecretRef(connection int64) string { return appOfMain + "/" + number(connection) }

// computed is 2^52 and the first 51 bits of SHA-256 over the parts, each after its length in eight bytes: no two lists of parts are
// the same bytes.
func computed(parts ...string) int64 {
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

// ComputedRow is the row id of an account that was made here, by its id: the main application's stay below 2^52.
func ComputedRow(account string) int64 { return computed(KindAccount, account) }
