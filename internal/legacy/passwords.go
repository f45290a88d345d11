package legacy

// Password is a user's password hash. It prints, logs and marshals without it.
type Password struct {
	UserID string
	Hash   string // as the old system stored it, with its scheme and salt
}

// String hides the hash.
func (p Password) String() string { return "password hash of user " + p.UserID }

// GoString hides the hash.
func (p Password) GoString() string { return p.String() }

// MarshalText hides the hash, in JSON and logs too.
func (p Password) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Password reads a user's id and password hash, of any export that has both. Its error quotes no value
// of the row.
func (r *Row) Password() (Password, error) {
	r.secret = true
	p := Password{UserID: r.HexID("userId", "_id", "id"), Hash: r.Text("passwordHash", "password")}
	if p.Hash == "" {
		r.missing("passwordHash", "password")
	}
	return p, r.Err()
}
