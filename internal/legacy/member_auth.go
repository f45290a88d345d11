package legacy

import (
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// MemberAuth is a row of tMemberAuth. It prints, logs and marshals without its tokens.
type MemberAuth struct {
	Connection   domain.DirectoryConnection // without a SecretRef
	AccessToken  string
	RefreshToken string
	// InstagramLogin says that the token is of Instagram login, not of Facebook login. Instagram only.
	InstagramLogin bool
}

// String hides the tokens.
func (m MemberAuth) String() string {
	return "tMemberAuth row of connection " + m.Connection.EntityID()
}

// GoString hides the tokens.
func (m MemberAuth) GoString() string { return m.String() }

// MarshalText hides the tokens, in JSON and logs too.
func (m MemberAuth) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// MemberAuth reads a row of tMemberAuth. Its error quotes no value of the row.
func (r *Row) MemberAuth() (MemberAuth, error) {
	r.secret = true
	m := MemberAuth{AccessToken: r.Text("accessToken", "token"), RefreshToken: r.Text("refreshToken")}
	m.Connection = domain.DirectoryConnection{
		ID: r.ID("id"), MemberID: r.ID("memberId"), Platform: r.Platform(), AccountType: r.AccountType(),
		ExpiresAt: r.Time("expiresAt", "expiryDate", "expiry", "tokenExpiry"), CreatedAt: r.moment("createdAt"), UpdatedAt: r.moment("updatedAt"),
	}
	if login := r.Bool("instagramLogin"); login != nil {
		m.InstagramLogin = *login
	}
	return m, r.Err()
}

// moment is an optional time; absent is zero.
func (r *Row) moment(name string) time.Time {
	if at := r.Time(name); at != nil {
		return *at
	}
	return time.Time{}
}
