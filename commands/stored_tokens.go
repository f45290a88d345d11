package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// StoredTokens is the form in which the tokens of a grant are sealed. Unlike platforms.Tokens, it
// does not hide the tokens when it is printed. Encode it only with [EncodeTokens].
type StoredTokens struct {
	AccessToken  string    `json:"access_token"`
	RefreshToken string    `json:"refresh_token,omitempty"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"` // zero if unknown or never
	// RefreshExpiresAt is when RefreshToken expires and a person must sign in again; zero if
	// unknown or never.
	RefreshExpiresAt time.Time `json:"refresh_expires_at,omitzero"`
	// OwnLogin is true if the access token is from the platform's own login, not from that of
	// [domain.PlatformFacts.LoginBy]. Such a token renews itself.
	OwnLogin bool `json:"instagram_login,omitempty"`
	// VerifiedAs is the platform's id of the account to which the tokens belong; "" if the platform
	// was not asked yet.
	VerifiedAs string `json:"verified_as,omitempty"`
	// Granted lists the scopes of the tokens as reported by the platform; nil if it was not asked
	// or does not report them.
	Granted []string `json:"granted,omitzero"`
	// Pages holds the tokens of pages by the platform's ids of the pages, if AccessToken belongs to
	// a person.
	Pages map[string]string `json:"pages,omitempty"`
	// PersonUntil is when AccessToken expires although Pages do not; zero if unknown or never.
	PersonUntil time.Time `json:"person_until,omitzero"`
	// HandedOver is the digest of the tokens that a main application sent. It stays the same when
	// they are renewed. It is "" for tokens that were not sent by a main application.
	HandedOver string `json:"handed_over,omitempty"`
	// DataAccessUntil is when Meta stops providing data with the tokens, whatever ExpiresAt says;
	// zero for other platforms or if unknown.
	DataAccessUntil time.Time `json:"data_access_until,omitzero"`
}

// Times returns the metadata that is stored unsealed with the tokens. taken is when the tokens were
// obtained.
func (s StoredTokens) Times(taken time.Time) domain.SecretTimes {
	return domain.SecretTimes{
		Taken: taken, Expires: s.ExpiresAt, RenewableUntil: s.SignInBefore(),
		DataAccessUntil: s.DataAccessUntil, Granted: s.Granted,
	}
}

// SignInBefore returns the time before which a person must sign in again: when renewals become
// impossible, when an access token that cannot be renewed expires, or when Meta stops providing
// data, whichever is first; zero if unknown or never.
func (s StoredTokens) SignInBefore() time.Time {
	end := s.ExpiresAt
	switch {
	case s.RefreshToken != "":
		end = s.RefreshExpiresAt
	case s.OwnLogin: // it renews itself
		end = time.Time{}
	}
	if end.IsZero() || !s.DataAccessUntil.IsZero() && s.DataAccessUntil.Before(end) {
		return s.DataAccessUntil
	}
	return end
}

// Expired reports whether the access token has expired, as far as is known.
func (s StoredTokens) Expired(now time.Time) bool {
	return !s.ExpiresAt.IsZero() && !now.Before(s.ExpiresAt)
}

// EncodeTokens returns the form of the tokens that is sealed in the secret store.
func EncodeTokens(t StoredTokens) ([]byte, error) {
	if t.AccessToken == "" {
		return nil, errors.New("the access token is empty")
	}
	return json.Marshal(t)
}

// PresentTokens returns the tokens stored under ref. unread says why they could not be read: they do
// not exist or cannot be opened with our keys. In both cases, they are replaced. A secret in another
// format is read as empty tokens.
func PresentTokens(
	ctx context.Context, secrets interface {
		Get(ctx context.Context, ref string) ([]byte, error)
	}, ref string,
) (present StoredTokens, raw []byte, unread, err error) {
	raw, err = secrets.Get(ctx, ref)
	switch domain.CodeOf(err) {
	case "", domain.CodeNotFound, domain.CodeInternal:
		_ = json.Unmarshal(raw, &present)
		return present, raw, err, nil
	default:
		return present, nil, nil, err
	}
}

// TokenPlaces finds where a connection's tokens are stored.
type TokenPlaces interface {
	TokenPlace(ctx context.Context, connection int64) (domain.TokenPlace, error)
}

// secretRest is the minimum age of a secret before it is deleted. A deleted connection may be
// imported again, and an import stores the token just before it appends the connection.
const secretRest = time.Hour

// secretOwner is a connection that named secrets.
type secretOwner struct {
	refs    []string // all refs that it ever named
	deleted bool     // its last record is a tombstone
}

// ForgetSecrets deletes the tokens of connections that the main application has deleted, and
// returns their number. Only a tombstone in the log counts as a deletion. A ref that another
// connection uses stays. directory and deleteStale are those of [EraseAgain] and [KeptEraser].
func ForgetSecrets(
	ctx context.Context, directory func(ctx context.Context, each func(domain.Recorded, error)) error,
	deleteStale func(ctx context.Context, deletedIDs []int64, refs []string, before time.Time) (int, error),
	now time.Time,
) (int, error) {
	owners := map[string]*secretOwner{}
	if err := directory(ctx, func(r domain.Recorded, err error) { noteOwner(owners, r, err) }); err != nil {
		return 0, fmt.Errorf("read the directory: %w", err)
	}
	used := map[string]bool{}
	var refs []string
	var deletedIDs []int64
	for key, owner := range owners {
		if owner.deleted {
			refs = append(refs, owner.refs...)
			_, id, _ := domain.SplitDirectoryKey(key)
			if n, err := strconv.ParseInt(id, 10, 64); err == nil {
				deletedIDs = append(deletedIDs, n)
			}
			continue
		}
		for _, ref := range owner.refs {
			used[ref] = true
		}
	}
	refs = slices.DeleteFunc(refs, func(ref string) bool { return ref == "" || used[ref] })
	if len(refs) == 0 {
		return 0, nil
	}
	slices.Sort(refs)
	deleted, err := deleteStale(ctx, deletedIDs, slices.Compact(refs), now.Add(-secretRest))
	if err != nil {
		return deleted, fmt.Errorf("delete secrets of deleted connections: %w", err)
	}
	return deleted, nil
}

func noteOwner(owners map[string]*secretOwner, r domain.Recorded, err error) {
	kind, id, keyErr := domain.SplitDirectoryKey(r.Key)
	if keyErr != nil || kind != domain.KindConnection {
		return
	}
	owner := owners[r.Key]
	if owner == nil {
		// The record that named the connection's ref may be compacted away. Imports use this ref.
		owner = &secretOwner{refs: []string{importedRef(id)}}
		owners[r.Key] = owner
	}
	switch data := r.Data.(type) {
	case nil:
		if err != nil { // an undecodable record is not a tombstone
			owner.deleted = false
			return
		}
	case domain.DirectoryConnection:
		owner.refs = append(owner.refs, data.SecretRef)
	default: // not an entity
		return
	}
	owner.deleted = r.Data == nil
}

// importedRef is the ref under which imports store the tokens of a connection without a ref.
func importedRef(id string) string { return "connection/" + id }
