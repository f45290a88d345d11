package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

// parseUpdate reads the members of a PUT. Ids come out in lower case. A null is an absent member,
// as the old system read it. Every malformed value is named at once (400);
// the domain judges whether an id is known (422).
func parseUpdate(subAccount string, members map[string]json.RawMessage) (domain.UpdateDashboard, error) {
	var bad domain.FieldErrors
	command := domain.UpdateDashboard{
		Primary:              subAccount,
		AllowClientDashboard: member[bool](members, "allow_client_dashboard", "true or false", &bad),
		SubAccountIDs:        hexMember(members, "sub_account_ids", &bad),
		Users:                hexMember(members, "users", &bad),
		Scopes:               stringsMember(members, "scopes", &bad),
	}
	if unlink := member[bool](members, "unlink", "true or false", &bad); unlink != nil {
		command.Unlink = *unlink
	}
	if command.Scopes != nil {
		for _, e := range domain.ScopeErrors(*command.Scopes) {
			bad.Addf(e.Field, "%s", e.Detail)
		}
	}
	return command, bad.Err()
}

// member decodes a member of the body; nil when it is absent or null.
func member[T any](members map[string]json.RawMessage, name, form string, bad *domain.FieldErrors) *T {
	raw, present := members[name]
	if !present {
		return nil
	}
	var value *T
	if err := json.Unmarshal(wholeNumbers(raw), &value); err != nil {
		bad.Addf(name, malformedMember, form)
		return nil
	}
	return value
}

var wholeFraction = regexp.MustCompile(`([0-9])\.0+([],\s]|$)`)

// wholeNumbers writes the integers of a number or of a list of them without a fraction: to JSON 2.0 is the integer 2, and some
// languages write it so.
func wholeNumbers(raw json.RawMessage) json.RawMessage {
	if bytes.IndexByte(raw, '"') >= 0 {
		return raw
	}
	return wholeFraction.ReplaceAll(raw, []byte("$1$2"))
}

func stringsMember(members map[string]json.RawMessage, name string, bad *domain.FieldErrors) *[]string {
	list := member[[]json.RawMessage](members, name, "a list of strings", bad)
	if list == nil {
		return nil
	}
	values := make([]string, len(*list))
	for i, item := range *list {
		var value *string
		if err := json.Unmarshal(item, &value); err != nil || value == nil {
			bad.Addf(fmt.Sprintf("%s[%d]", name, i), "must be a string")
			continue
		}
		values[i] = *value
	}
	return &values
}

func hexMember(members map[string]json.RawMessage, name string, bad *domain.FieldErrors) *[]string {
	values := stringsMember(members, name, bad)
	if values == nil {
		return nil
	}
	for i, value := range *values {
		(*values)[i] = bad.HexID(fmt.Sprintf("%s[%d]", name, i), value)
	}
	return values
}

// updateDigest is the hex SHA-256 over the length-prefixed method, path and canonical body, which two bodies have in common that ask for the
// same: the known members only, in the order of their names (as [updateBody] has them), ids in lower case, lists as the sets that they are. The path
// is ours, without a prefix that a main application mounts us under, so that the same request under
// another mount prefix counts as a repetition. If-Match is a condition on the request and no part of it.
func updateDigest(c domain.UpdateDashboard) string {
	canonical := updateBody{
		AllowClientDashboard: c.AllowClientDashboard, Scopes: sortedSet(c.Scopes), SubAccountIDs: sortedSet(c.SubAccountIDs), Users: sortedSet(c.Users),
	}
	if c.Unlink {
		canonical.Unlink = &c.Unlink
	}
	body, _ := json.Marshal(canonical) //nolint:errchkjson // strings and bools always marshal
	var text bytes.Buffer
	for _, part := range [][]byte{[]byte(http.MethodPut), []byte("/api/projects/dashboard/" + c.Primary), body} {
		_ = binary.Write(&text, binary.BigEndian, uint64(len(part)))
		text.Write(part)
	}
	sum := sha256.Sum256(text.Bytes())
	return hex.EncodeToString(sum[:])
}

func sortedSet(list *[]string) *[]string {
	if list == nil {
		return nil
	}
	set := append([]string{}, *list...) // never null
	slices.Sort(set)
	return new(slices.Compact(set))
}

// updateBody is the body of a PUT. Each member may be left out; null is the same.
type updateBody struct {
	// AllowClientDashboard opens the dashboards to their clients.
	AllowClientDashboard *bool `json:"allow_client_dashboard,omitempty"`
	// Scopes become those of every linked dashboard.
	Scopes *[]string `json:"scopes,omitempty"`
	// SubAccountIDs are accounts to link; with unlink, exactly those that stay linked. 24 hex digits each.
	SubAccountIDs *[]string `json:"sub_account_ids,omitempty"`
	// Unlink makes sub_account_ids the whole linked set, which otherwise only grows.
	Unlink *bool `json:"unlink,omitempty"`
	// Users become the list of every linked dashboard. 24 hex digits each.
	Users *[]string `json:"users,omitempty"`
}
