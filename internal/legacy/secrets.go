package legacy

import "github.com/ledgerboard/ledgerboard/domain"

// Secret is a token. It prints, logs and marshals as nothing.
type Secret string

const notShown = "(not shown)"

// String hides the secret.
func (Secret) String() string { return notShown }

// GoString hides the secret.
func (Secret) GoString() string { return notShown }

// MarshalText hides the secret, in JSON and logs too.
func (Secret) MarshalText() ([]byte, error) { return []byte(notShown), nil }

// MemberAuth is a row of tMemberAuth.
type MemberAuth struct {
	Connection   domain.DirectoryConnection // without a SecretRef
	AccessToken  Secret
	RefreshToken Secret
	// InstagramLogin says that the token is of Instagram login, not of Facebook login. Instagram only.
	InstagramLogin bool
}

// MemberAuth reads a row of tMemberAuth. Its error quotes no value of the row.
func (r *Row) MemberAuth() (MemberAuth, error) {
	r.secret = true
	return MemberAuth{
		AccessToken: Secret(optional(r, asIs, "accessToken", "token")), RefreshToken: Secret(optional(r, asIs, "refreshToken")),
		Connection: domain.DirectoryConnection{
			ID: required(r, positive, "id"), MemberID: required(r, positive, "memberId"), Platform: r.platform(), AccountType: r.accountType(),
			ExpiresAt: field(r, r.time, "expiresAt", "expiryDate", "expiry", "tokenExpiry"),
			CreatedAt: optional(r, r.time, "createdAt"), UpdatedAt: optional(r, r.time, "updatedAt"),
		},
		InstagramLogin: optional(r, truth, "instagramLogin"),
	}, r.err()
}
